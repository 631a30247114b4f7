/* A socket that accepts TCP connections. io thread only. */
#ifndef P2P_NET_LISTENER_H
#define P2P_NET_LISTENER_H

#include "net/tcp.h"

struct p2p_listener;

struct p2p_listener_config {
  struct p2p_loop *loop;
  const char *address; /* numeric; NULL: all addresses, IPv4 and IPv6 */
  uint16_t port;       /* 0: any free one */
  /* Takes over the connection, which does not read before p2p_tcp_attach. */
  void (*on_accept)(void *arg, struct p2p_tcp *tcp);
  void *arg;
};

/* Listens when it returns. P2P_ERR_INVALID for what is not an address of this machine,
 * P2P_ERR_NETWORK (reasons "port_in_use", "port_not_allowed"), P2P_ERR_MEMORY. */
int p2p_listener_new(const struct p2p_listener_config *config, struct p2p_listener **out,
                     struct p2p_err *err) P2P_MUST_USE;
uint16_t p2p_listener_port(const struct p2p_listener *listener);
void p2p_listener_free(struct p2p_listener *listener); /* takes NULL; safe within on_accept */

#endif
