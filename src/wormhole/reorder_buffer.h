/* Puts the peer's messages in order. A mailbox server delivers them in any order, and may deliver
 * one twice; they leave this buffer in the order of their phases, each once. Pure. */
#ifndef P2P_WORMHOLE_REORDER_BUFFER_H
#define P2P_WORMHOLE_REORDER_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_REORDER_BUFFER_BODY_MAX 65536 /* bytes of one message */
#define P2P_REORDER_BUFFER_AHEAD_MAX 16   /* messages that may arrive before their turn */

struct p2p_reorder_buffer {
  unsigned next; /* phase of the message that is due next */
  struct p2p_reorder_buffer_message {
    unsigned ordinal;
    uint8_t *body;
    size_t length;
  } ahead[P2P_REORDER_BUFFER_AHEAD_MAX];
  size_t n_ahead;
};

/* Adds a message whose body is in hexadecimal (NULL for a message without one). Does nothing for a
 * message that was added before. P2P_ERR_PROTOCOL, P2P_ERR_MEMORY. */
int p2p_reorder_buffer_put(struct p2p_reorder_buffer *reorder, unsigned ordinal, const char *hex,
                           size_t hex_length, struct p2p_err *err) P2P_MUST_USE;
/* Removes the message that is due next. False if it has not arrived. The caller frees the body. */
bool p2p_reorder_buffer_pop(struct p2p_reorder_buffer *reorder,
                            struct p2p_reorder_buffer_message *out);
/* Frees all messages. */
void p2p_reorder_buffer_clear(struct p2p_reorder_buffer *reorder);

#endif
