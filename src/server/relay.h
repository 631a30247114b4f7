/* The transit relay: joins two connections that ask for the same token, and passes their bytes both
 * ways. It sees only ciphertext. io thread. */
#ifndef P2P_SERVER_RELAY_H
#define P2P_SERVER_RELAY_H

#include "base/log_queue.h"
#include "net/loop.h"

#define P2P_RELAY_CONNECTIONS_MAX 1000
#define P2P_RELAY_CONNECTIONS_OF_ORIGIN_MAX 500 /* of one address (server/client_address.h) */
#define P2P_RELAY_REQUEST_MS 30000              /* to say what is wanted */
#define P2P_RELAY_WAIT_MS 600000                /* for the partner */
#define P2P_RELAY_QUEUE_MAX \
  (1024 * 1024)                   /* bytes on the way to a slow end before the fast one is paused */
#define P2P_RELAY_LINGER_MS 30000 /* for the last bytes, when the other end has closed */

struct p2p_relay;

/* Listens when it returns. `events` is borrowed. */
int p2p_relay_new(struct p2p_loop *loop, const char *address, uint16_t port,
                  struct p2p_log_queue *log, struct p2p_relay **out,
                  struct p2p_err *err) P2P_MUST_USE;
void p2p_relay_free(struct p2p_relay *relay); /* takes NULL */
uint16_t p2p_relay_port(const struct p2p_relay *relay);

#endif
