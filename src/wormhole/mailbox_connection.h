/* The connection to a mailbox server, made again when it is lost: after a pause that grows and is
 * drawn at random, so that a server that comes back is not met by all its clients at once. How long
 * that may go on is the owner's to bound. io thread only. */
#ifndef P2P_WORMHOLE_MAILBOX_CONNECTION_H
#define P2P_WORMHOLE_MAILBOX_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"

/* Bounds of the pauses between attempts (base/backoff.h). */
#define P2P_MAILBOX_CONNECTION_PAUSE_MS 500
#define P2P_MAILBOX_CONNECTION_PAUSE_MAX_MS 16000

struct p2p_mailbox_connection;

struct p2p_mailbox_connection_callbacks {
  void (*on_text)(void *arg, const char *text, size_t length);
  void (*on_lost)(void *arg); /* the next text is of a new connection */
  void (*on_fail)(
      void *arg,
      const struct p2p_err *err); /* the server was never reached; the last event; then free */
};

/* timeout_ms: to reach the server at first. P2P_ERR_PARSE, P2P_ERR_INVALID for a bad url,
 * P2P_ERR_MEMORY. */
int p2p_mailbox_connection_new(struct p2p_loop *loop, const char *url, uint32_t timeout_ms,
                               const struct p2p_mailbox_connection_callbacks *callbacks, void *arg,
                               struct p2p_mailbox_connection **out,
                               struct p2p_err *err) P2P_MUST_USE;
/* While there is no connection, nothing is sent. */
void p2p_mailbox_connection_send(struct p2p_mailbox_connection *line, const char *text,
                                 size_t length);
/* Why there is no connection now; NULL while there is one, and before the first. */
const char *p2p_mailbox_connection_trouble(const struct p2p_mailbox_connection *line);
void p2p_mailbox_connection_free(
    struct p2p_mailbox_connection *line); /* takes NULL; safe from within an event */

#endif
