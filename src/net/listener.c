/* A socket that accepts connections. */
#include <stdlib.h>

#include "net/tcp_private.h"

#define BACKLOG 128

struct p2p_listener {
  uv_tcp_t uv;
  struct p2p_loop *loop;
  void (*on_accept)(void *arg, struct p2p_tcp *tcp);
  void *arg;
};

static void on_closed(uv_handle_t *handle) { free(handle->data); }

static struct p2p_tcp *accept_one(struct p2p_listener *listener) {
  struct p2p_tcp *tcp = p2p_tcp_new(listener->loop, "a peer");
  if (tcp == NULL) return NULL;
  if (p2p_tcp_new_socket(tcp) != P2P_OK ||
      uv_accept((uv_stream_t *)&listener->uv, (uv_stream_t *)&tcp->socket->uv) != 0) {
    p2p_tcp_free(tcp);
    return NULL;
  }
  tcp->paused = true; /* until somebody is attached */
  p2p_tcp_opened(tcp);
  (void)p2p_tcp_peer_name(tcp, tcp->name, sizeof tcp->name);
  return tcp;
}

static void on_connection(uv_stream_t *stream, int status) {
  struct p2p_listener *listener = stream->data;
  /* A failure here is of one connection (or of our descriptors for a while): the next may do. */
  struct p2p_tcp *tcp = status == 0 ? accept_one(listener) : NULL;
  if (tcp != NULL) listener->on_accept(listener->arg, tcp);
}

/* 0 or libuv's code. */
static int listen_on(struct p2p_listener *listener, const char *address, uint16_t port) {
  struct addrinfo *numeric = p2p_address_numeric(address, port);
  if (numeric == NULL) return UV_EINVAL;
  int bad = uv_tcp_bind(&listener->uv, numeric->ai_addr, 0);
  freeaddrinfo(numeric);
  return bad != 0 ? bad : uv_listen((uv_stream_t *)&listener->uv, BACKLOG, on_connection);
}

static int try_address(struct p2p_loop *loop, const char *address, uint16_t port,
                       struct p2p_listener **out) {
  struct p2p_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL) return UV_ENOMEM;
  uv_tcp_init(p2p_loop_uv(loop), &listener->uv); /* no descriptor yet: cannot fail */
  listener->uv.data = listener;
  listener->loop = loop;
  int bad = listen_on(listener, address, port);
  if (bad != 0)
    p2p_listener_free(listener);
  else
    *out = listener;
  return bad;
}

static const char *what_to_do(int bad) {
  if (bad == UV_EADDRINUSE) return ". Choose another port, or end the program that listens there";
  return bad == UV_EACCES ? ". Choose a port above 1023: those below are for the administrator"
                          : "";
}

int p2p_listener_new(struct p2p_loop *loop, const char *address, uint16_t port,
                     void (*on_accept)(void *arg, struct p2p_tcp *tcp), void *arg,
                     struct p2p_listener **out, struct p2p_err *err) {
  struct p2p_listener *listener;
  /* "::" takes IPv4 too, as libuv binds it; a machine without IPv6 has no such address. */
  int bad = try_address(loop, address == NULL ? "::" : address, port, &listener);
  if (address == NULL && (bad == UV_EAFNOSUPPORT || bad == UV_EADDRNOTAVAIL))
    bad = try_address(loop, "0.0.0.0", port, &listener);
  if (bad == UV_EINVAL)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "Cannot listen on '%s': not an IPv4 or IPv6 address of this machine",
                       address == NULL ? "::" : address);
  if (bad != 0)
    return p2p_err_set(err, P2P_ERR_NETWORK, "Cannot listen on %s port %u: %s%s",
                       address == NULL ? "any address," : address, (unsigned)port, uv_strerror(bad),
                       what_to_do(bad));
  listener->on_accept = on_accept;
  listener->arg = arg;
  *out = listener;
  return P2P_OK;
}

uint16_t p2p_listener_port(const struct p2p_listener *listener) {
  struct sockaddr_storage address;
  int length = sizeof address;
  if (uv_tcp_getsockname(&listener->uv, (struct sockaddr *)&address, &length) != 0) return 0;
  /* sin_port and sin6_port are in the same place. */
  return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

void p2p_listener_free(struct p2p_listener *listener) {
  if (listener != NULL) uv_close((uv_handle_t *)&listener->uv, on_closed);
}
