/* The mailbox server: a Magic Wormhole mailbox over WebSocket. io thread. */
#ifndef P2P_SERVER_MAILBOX_SERVER_H
#define P2P_SERVER_MAILBOX_SERVER_H

#include "base/log_queue.h"
#include "net/loop.h"

struct p2p_mailbox_server;

/* Listens when it returns. `log` is borrowed. Errors of p2p_listener_new, P2P_ERR_MEMORY. */
int p2p_mailbox_server_new(struct p2p_loop *loop, const char *address, uint16_t port,
                           struct p2p_log_queue *log, struct p2p_mailbox_server **out,
                           struct p2p_err *err) P2P_MUST_USE;
/* Closes all connections. Takes NULL. */
void p2p_mailbox_server_free(struct p2p_mailbox_server *server);
uint16_t p2p_mailbox_server_port(const struct p2p_mailbox_server *server);

#endif
