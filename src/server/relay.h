/* The transit relay: joins two connections that ask for the same token and passes their bytes both
 * ways. It sees only ciphertext. io thread. */
#ifndef P2P_SERVER_RELAY_H
#define P2P_SERVER_RELAY_H

#include "base/log_queue.h"
#include "net/loop.h"

struct p2p_relay;

/* Listens when it returns. `log` is borrowed. Errors of p2p_listener_new, P2P_ERR_MEMORY. */
int p2p_relay_new(struct p2p_loop *loop, const char *address, uint16_t port,
                  struct p2p_log_queue *log, struct p2p_relay **out,
                  struct p2p_err *err) P2P_MUST_USE;
/* Closes all connections. Takes NULL. */
void p2p_relay_free(struct p2p_relay *relay);
uint16_t p2p_relay_port(const struct p2p_relay *relay);

#endif
