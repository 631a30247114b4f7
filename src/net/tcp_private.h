/* A connection as the files of net/ share it: connect.c brings it up, listener.c accepts it, tcp.c
 * carries bytes and ends it. */
#ifndef P2P_NET_TCP_PRIVATE_H
#define P2P_NET_TCP_PRIVATE_H

#include <netdb.h>
#include <uv.h>

#include "base/hostport.h"
#include "net/proxy.h"
#include "net/tcp.h"

#define P2P_TCP_NAME_MAX \
  (2 * (P2P_HOST_MAX + 10) + 32) /* "[host]:65535 by way of the proxy [host]:65535" and a NUL */

/* The socket outlives the connection until libuv gives it back, so that a connection can be freed
 * at any time, within its own events too. Whoever frees it sets socket->tcp to NULL: nobody
 * listens. */
struct p2p_socket {
  uv_tcp_t uv;
  uv_connect_t connect;
  uv_shutdown_t shutdown;
  struct p2p_tcp *tcp;
};

struct p2p_resolve; /* a look-up of a name that is under way */
struct p2p_tunnel;  /* what is said to a proxy */

enum p2p_tcp_state {
  P2P_TCP_CONNECTING, /* a name is looked up, or an address is tried */
  P2P_TCP_OPEN,       /* bytes go both ways */
  P2P_TCP_ENDING,    /* a failure is known and soon told; what the peer said before is still read */
  P2P_TCP_FINISHING, /* nobody listens; the last bytes go out, what comes in is dropped */
  P2P_TCP_ENDED      /* on_close was called */
};

struct p2p_tcp {
  struct p2p_loop *loop;
  enum p2p_tcp_state state;
  struct p2p_tcp_callbacks callbacks;
  void *arg;
  struct p2p_socket *socket;   /* NULL while no address is tried, and after the end */
  struct p2p_timer *timer;     /* the one wait of each state */
  char name[P2P_TCP_NAME_MAX]; /* "host:port" for people */
  struct p2p_err failure;      /* of the last address, and in state ENDING */
  bool paused;
  bool said_end, heard_end; /* in state FINISHING */
  /* In state CONNECTING: */
  struct p2p_resolve *resolve;
  struct addrinfo *addresses, *next; /* owned; the next one to try */
  uint64_t deadline_ms;              /* on p2p_clock_ms() */
  uint32_t timeout_ms;
  struct p2p_tunnel *tunnel; /* the addresses are a proxy's */
};

/* NULL when out of memory. */
struct p2p_tcp *p2p_tcp_new(struct p2p_loop *loop, const char *name);
/* Gives the connection a new socket in place of the one it has. */
int p2p_tcp_new_socket(struct p2p_tcp *tcp) P2P_MUST_USE;
/* Closes the socket, if there is one. */
void p2p_tcp_drop_socket(struct p2p_tcp *tcp);
/* The socket is connected: state OPEN, and reading unless paused. */
void p2p_tcp_opened(struct p2p_tcp *tcp);
/* on_close with tcp->failure, after at most delay_ms, not from within this call. */
void p2p_tcp_end_soon(struct p2p_tcp *tcp, uint64_t delay_ms);

/* In state CONNECTING the time for the present step is over. */
void p2p_connect_timed_out(struct p2p_tcp *tcp);
/* This address has failed, with tcp->failure. */
void p2p_connect_next(struct p2p_tcp *tcp);
/* The connection is up. */
void p2p_connect_done(struct p2p_tcp *tcp);
/* A proxy's address is connected: asks it for the connection that is wanted. */
void p2p_tunnel_begin(struct p2p_tcp *tcp);
struct p2p_tunnel *p2p_tunnel_new(const struct p2p_proxy *proxy, const char *host, uint16_t port);
void p2p_tunnel_free(struct p2p_tunnel *tunnel); /* takes NULL */
/* Drops the look-up and the addresses, if there are any. */
void p2p_connect_clear(struct p2p_tcp *tcp);

/* "1.2.3.4:5" / "[::1]:5"; an IPv4 address in IPv6's clothes (::ffff:1.2.3.4) is shown as IPv4. */
int p2p_address_format(const struct sockaddr *address, char *out, size_t size);
/* Addresses of a numeric `host`, without asking anybody. NULL if it is a name. freeaddrinfo() them.
 */
struct addrinfo *p2p_address_numeric(const char *host, uint16_t port);

#endif
