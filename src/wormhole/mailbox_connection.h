/* The connection to a mailbox server. It is re-established when it is lost, after a pause that
 * grows and is random, so that a restarted server is not met by all of its clients at once. The
 * owner bounds how long that may take. io thread only. */
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

struct p2p_mailbox_connection_config {
  struct p2p_loop *loop;
  const char *url;     /* ws://host:port/v1 */
  uint32_t timeout_ms; /* of the first attempt */
};

struct p2p_mailbox_connection_callbacks {
  void (*on_text)(void *arg, const char *text, size_t length);
  void (*on_lost)(void *arg); /* the next text comes from a new connection */
  /* The server was never reached. The last event; free the connection. */
  void (*on_fail)(void *arg, const struct p2p_err *err);
};

/* Starts to connect. P2P_ERR_PARSE or P2P_ERR_INVALID for a bad url; P2P_ERR_MEMORY. */
int p2p_mailbox_connection_new(const struct p2p_mailbox_connection_config *config,
                               const struct p2p_mailbox_connection_callbacks *callbacks, void *arg,
                               struct p2p_mailbox_connection **out,
                               struct p2p_err *err) P2P_MUST_USE;
/* Sends a text. Drops it while there is no connection. */
void p2p_mailbox_connection_send(struct p2p_mailbox_connection *connection, const char *text,
                                 size_t length);
/* Why the connection is lost. NULL while there is one, and before the first. */
const char *p2p_mailbox_connection_trouble(const struct p2p_mailbox_connection *connection);
/* Takes NULL. Safe from within an event. */
void p2p_mailbox_connection_free(struct p2p_mailbox_connection *connection);

#endif
