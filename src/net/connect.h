/* Connecting by TCP: names are looked up off the io thread, and all addresses of a name are tried
 * in turn. io thread only. */
#ifndef P2P_NET_CONNECT_H
#define P2P_NET_CONNECT_H

#include "net/tcp.h"

struct p2p_connect_request {
  struct p2p_loop *loop;
  const char *host; /* a name, or an IPv4 or IPv6 address without brackets */
  uint16_t port;
  uint32_t timeout_ms; /* for all of it */
  /* Connect through the proxy of this process if it has one for this host (net/loop.h). For public
   * servers, never for peers. */
  bool use_proxy;
  /* Chosen by a peer: addresses that are not usable (p2p_address_is_usable) are passed over, also
   * those of a name. */
  bool is_hint;
  bool is_peer_local; /* for hints */
};

/* Begins to connect. The result arrives as on_connect or on_close, never from within this call.
 * P2P_ERR_INVALID for what is not a host and a port, P2P_ERR_MEMORY, P2P_ERR_NETWORK. */
int p2p_tcp_connect(const struct p2p_connect_request *request,
                    const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                    struct p2p_err *err) P2P_MUST_USE;

#endif
