/* The mailbox server: Magic Wormhole's meeting place, over WebSocket. io thread. */
#ifndef P2P_SERVER_MAILBOX_SERVER_H
#define P2P_SERVER_MAILBOX_SERVER_H

#include "base/log_queue.h"
#include "net/loop.h"

#define P2P_MAILBOX_CONNECTIONS_MAX 1000
#define P2P_MAILBOX_CONNECTIONS_OF_ORIGIN_MAX 500 /* of one address (server/client_address.h) */
#define P2P_MAILBOX_QUEUE_MAX \
  (4 * 1024 * 1024) /* bytes that wait for a slow client, who is sent away beyond */
#define P2P_MAILBOX_SILENT_MS \
  (24u * 3600 * 1000) /* without a message: the client has gone, and TCP did not tell */

struct p2p_mailbox_server;

/* Listens when it returns. `events` is borrowed. */
int p2p_mailbox_server_new(struct p2p_loop *loop, const char *address, uint16_t port,
                           struct p2p_log_queue *log, struct p2p_mailbox_server **out,
                           struct p2p_err *err) P2P_MUST_USE;
void p2p_mailbox_server_free(struct p2p_mailbox_server *server); /* takes NULL */
uint16_t p2p_mailbox_server_port(const struct p2p_mailbox_server *server);

#endif
