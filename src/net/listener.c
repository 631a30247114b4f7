/* A socket that accepts connections. */
#include "net/listener.h"

#include <netdb.h>
#include <stdlib.h>
#include <uv.h>

#include "net/address.h"

#define BACKLOG 128

struct p2p_listener {
  uv_tcp_t uv; /* first */
  struct p2p_listener_config config;
};

static void on_closed(uv_handle_t *handle) { free(handle); /* the listener */ }

static struct p2p_tcp *accept_one(struct p2p_listener *listener) {
  char name[P2P_ADDRESS_TEXT_MAX + 16];
  struct p2p_tcp *tcp = p2p_tcp_new(listener->config.loop, "a peer");
  if (tcp == NULL) return NULL;
  uv_tcp_t *socket = p2p_tcp_new_socket(tcp);
  if (socket == NULL || uv_accept((uv_stream_t *)&listener->uv, (uv_stream_t *)socket) != 0) {
    p2p_tcp_free(tcp);
    return NULL;
  }
  p2p_tcp_set_open(tcp);
  if (p2p_tcp_peer_name(tcp, name, sizeof name) == P2P_OK) p2p_tcp_set_name(tcp, name);
  return tcp;
}

static void on_connection(uv_stream_t *stream, int status) {
  struct p2p_listener *listener = (struct p2p_listener *)stream;
  /* A failure concerns one connection, or our descriptors for a while: the next may succeed. */
  struct p2p_tcp *tcp = status == 0 ? accept_one(listener) : NULL;
  if (tcp != NULL) listener->config.on_accept(listener->config.arg, tcp);
}

/* 0 or libuv's error. */
static int listen_on(struct p2p_listener *listener, const char *address) {
  struct addrinfo *numeric = p2p_address_numeric(address, listener->config.port);
  if (numeric == NULL) return UV_EINVAL;
  int bad = uv_tcp_bind(&listener->uv, numeric->ai_addr, 0);
  freeaddrinfo(numeric);
  return bad != 0 ? bad : uv_listen((uv_stream_t *)&listener->uv, BACKLOG, on_connection);
}

static int try_address(const struct p2p_listener_config *config, const char *address,
                       struct p2p_listener **out) {
  struct p2p_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL) return UV_ENOMEM;
  uv_tcp_init(p2p_loop_uv(config->loop), &listener->uv); /* no descriptor yet: cannot fail */
  listener->config = *config;
  int bad = listen_on(listener, address);
  if (bad != 0)
    p2p_listener_free(listener);
  else
    *out = listener;
  return bad;
}

static int fail(const struct p2p_listener_config *config, int bad, struct p2p_err *err) {
  const char *address = config->address == NULL ? "any address," : config->address;
  if (bad == UV_ENOMEM) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (bad == UV_EINVAL)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "cannot listen on '%s': not an IPv4 or IPv6 address of this machine",
                       address);
  int code = p2p_err_set(err, P2P_ERR_NETWORK, "cannot listen on %s port %u: %s", address,
                         (unsigned)config->port, uv_strerror(bad));
  if (bad == UV_EADDRINUSE) return p2p_err_because(err, "port_in_use", code);
  if (bad == UV_EACCES) return p2p_err_because(err, "port_not_allowed", code);
  return p2p_err_of_file_limit(err, -bad, code);
}

int p2p_listener_new(const struct p2p_listener_config *config, struct p2p_listener **out,
                     struct p2p_err *err) {
  struct p2p_listener *listener;
  /* libuv binds "::" so that it takes IPv4 too; a machine without IPv6 has no such address. */
  int bad = try_address(config, config->address == NULL ? "::" : config->address, &listener);
  if (config->address == NULL && (bad == UV_EAFNOSUPPORT || bad == UV_EADDRNOTAVAIL))
    bad = try_address(config, "0.0.0.0", &listener);
  if (bad != 0) return fail(config, bad, err);
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
