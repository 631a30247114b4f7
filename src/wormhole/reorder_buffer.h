/* What the peer has put into a mailbox: a server tells it in any order, and perhaps twice; it is
 * taken out in the order of its phases, and once. Pure. */
#ifndef P2P_WORMHOLE_REORDER_BUFFER_H
#define P2P_WORMHOLE_REORDER_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_REORDER_BUFFER_BODY_MAX 65536 /* bytes of one message */
#define P2P_REORDER_BUFFER_AHEAD_MAX 16   /* phases that may come before their turn */

struct p2p_reorder_buffer {
  unsigned next; /* ordinal of the phase whose turn it is */
  struct p2p_reorder_buffer_message {
    unsigned ordinal;
    uint8_t *body;
    size_t length;
  } ahead[P2P_REORDER_BUFFER_AHEAD_MAX];
  size_t n_ahead;
};

/* A message in hex (NULL: it had no body); one that is known already changes nothing.
 * P2P_ERR_PROTOCOL, P2P_ERR_MEMORY. */
int p2p_reorder_buffer_put(struct p2p_reorder_buffer *reorder, unsigned ordinal, const char *hex,
                           size_t hex_length, struct p2p_err *err) P2P_MUST_USE;
/* The message whose turn it is, if it is there. The caller frees the body. */
bool p2p_reorder_buffer_take(struct p2p_reorder_buffer *reorder,
                             struct p2p_reorder_buffer_message *out);
void p2p_reorder_buffer_clear(struct p2p_reorder_buffer *reorder);

#endif
