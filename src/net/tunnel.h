/* Turns a connection to a proxy into one through it, by the method CONNECT. The response is read
 * byte by byte, so that what follows it is left for the owner of the connection. io thread only. */
#ifndef P2P_NET_TUNNEL_H
#define P2P_NET_TUNNEL_H

#include "net/proxy.h"

struct p2p_tunnel;
struct uv_stream_s;

/* Requests a connection to host:port. NULL: out of memory. */
struct p2p_tunnel *p2p_tunnel_new(const struct p2p_proxy *proxy, const char *host, uint16_t port);

/* Sends the request on `stream`, which is connected to the proxy, and calls on_end once: with NULL
 * when the proxy has agreed, else with an error. on_end may be called from within. Until then the
 * tunnel uses stream->data. May be started again, with another stream, after an error. */
void p2p_tunnel_start(struct p2p_tunnel *tunnel, struct uv_stream_s *stream,
                      void (*on_end)(void *arg, const struct p2p_err *err), void *arg);
/* Gives the stream back, without a call of on_end. */
void p2p_tunnel_stop(struct p2p_tunnel *tunnel);
void p2p_tunnel_free(struct p2p_tunnel *tunnel); /* stops; wipes; takes NULL */

#endif
