/* From "host:port" to an open connection: the name is looked up off the io thread, then its
 * addresses are tried one after the other, each with its share of the time that is left, so that
 * one that never answers leaves time for the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hostport.h"
#include "net/tcp_private.h"

struct p2p_resolve {
  uv_getaddrinfo_t uv;
  struct p2p_tcp *tcp; /* NULL: nobody waits for it any more */
};

static int fail(struct p2p_tcp *tcp, int code, const char *why) {
  return p2p_err_set(&tcp->failure, code, "Cannot connect to %s: %s", tcp->name, why);
}

static uint64_t time_left_ms(const struct p2p_tcp *tcp) {
  uint64_t now_ms = p2p_clock_ms();
  return tcp->deadline_ms > now_ms ? tcp->deadline_ms - now_ms : 0;
}

static void on_connected(uv_connect_t *request, int status);

static int try_address(struct p2p_tcp *tcp, const struct addrinfo *address) {
  int code = p2p_tcp_new_socket(tcp);
  if (code != P2P_OK) return fail(tcp, code, "out of memory");
  tcp->socket->connect.data = tcp->socket;
  int bad = uv_tcp_connect(&tcp->socket->connect, &tcp->socket->uv, address->ai_addr, on_connected);
  return bad == 0 ? P2P_OK : fail(tcp, P2P_ERR_NETWORK, uv_strerror(bad));
}

/* After the last address, the failure of that one is told. */
static void try_next(struct p2p_tcp *tcp) {
  while (tcp->next != NULL && time_left_ms(tcp) > 0) {
    const struct addrinfo *address = tcp->next;
    uint64_t n_left = 0;
    for (const struct addrinfo *a = address; a != NULL; a = a->ai_next) n_left++;
    tcp->next = address->ai_next;
    if (try_address(tcp, address) != P2P_OK) continue;
    p2p_timer_start(tcp->timer, time_left_ms(tcp) / n_left, 0);
    return;
  }
  p2p_tcp_drop_socket(tcp);
  p2p_tcp_end_soon(tcp, 0);
}

void p2p_connect_next(struct p2p_tcp *tcp) { try_next(tcp); }

static void on_connected(uv_connect_t *request, int status) {
  struct p2p_socket *socket = request->data;
  struct p2p_tcp *tcp = socket->tcp;
  if (tcp == NULL) return;
  if (status != 0) {
    fail(tcp, P2P_ERR_NETWORK, uv_strerror(status));
    try_next(tcp);
  } else if (tcp->tunnel != NULL) {
    p2p_tunnel_begin(tcp);
  } else {
    p2p_connect_done(tcp);
  }
}

void p2p_connect_done(struct p2p_tcp *tcp) {
  p2p_connect_clear(tcp);
  p2p_timer_stop(tcp->timer);
  p2p_tcp_opened(tcp);
  tcp->callbacks.on_connect(tcp->arg);
}

void p2p_connect_timed_out(struct p2p_tcp *tcp) {
  char why[80];
  snprintf(why, sizeof why, "no answer within %.3g seconds", tcp->timeout_ms / 1000.0);
  fail(tcp, P2P_ERR_TIMEOUT, why);
  if (tcp->resolve != NULL) p2p_connect_clear(tcp);
  try_next(tcp);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses) {
  struct p2p_resolve *resolve = request->data;
  struct p2p_tcp *tcp = resolve->tcp;
  free(resolve);
  if (tcp == NULL) {
    uv_freeaddrinfo(addresses);
    return;
  }
  tcp->resolve = NULL;
  tcp->addresses = tcp->next = addresses;
  if (status == UV_EAI_NONAME || status == UV_EAI_NODATA)
    fail(tcp, P2P_ERR_NETWORK, "the host name is unknown");
  else if (status != 0)
    fail(tcp, P2P_ERR_NETWORK, uv_strerror(status));
  try_next(tcp);
}

static int begin_resolve(struct p2p_tcp *tcp, const char *host, uint16_t port) {
  struct p2p_resolve *resolve = calloc(1, sizeof *resolve);
  if (resolve == NULL) return UV_ENOMEM;
  char service[6];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  resolve->uv.data = resolve;
  resolve->tcp = tcp;
  int bad =
      uv_getaddrinfo(p2p_loop_uv(tcp->loop), &resolve->uv, on_resolved, host, service, &hints);
  if (bad == 0) {
    tcp->resolve = resolve;
    p2p_timer_start(tcp->timer, tcp->timeout_ms, 0);
  } else {
    free(resolve);
  }
  return bad;
}

void p2p_connect_clear(struct p2p_tcp *tcp) {
  if (tcp->resolve != NULL) {
    tcp->resolve->tcp = NULL;
    uv_cancel((uv_req_t *)&tcp->resolve->uv); /* or else it ends by itself; on_resolved frees */
    tcp->resolve = NULL;
  }
  /* libuv's own are made by getaddrinfo as well. */
  if (tcp->addresses != NULL) freeaddrinfo(tcp->addresses);
  tcp->addresses = tcp->next = NULL;
  p2p_tunnel_free(tcp->tunnel);
  tcp->tunnel = NULL;
}

static int check_place(const char *host, uint16_t port, struct p2p_err *err) {
  size_t length = strlen(host);
  if (length > 0 && length <= P2P_HOST_MAX && port != 0) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_INVALID,
                     "Cannot connect to '%.80s' port %u: not a host and a port.", host,
                     (unsigned)port);
}

/* Takes the tunnel over (NULL: host and port are what is wanted). */
static int begin(struct p2p_loop *loop, const char *host, uint16_t port, const char *name,
                 struct p2p_tunnel *tunnel, uint32_t timeout_ms,
                 const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                 struct p2p_err *err) {
  struct p2p_tcp *tcp = p2p_tcp_new(loop, name);
  if (tcp == NULL) {
    p2p_tunnel_free(tunnel);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  }
  tcp->tunnel = tunnel;
  tcp->callbacks = *callbacks;
  tcp->arg = arg;
  tcp->timeout_ms = timeout_ms;
  tcp->deadline_ms = p2p_clock_ms() + timeout_ms;
  p2p_err_set(&tcp->failure, P2P_ERR_TIMEOUT, "Cannot connect to %s: no time was left", name);

  tcp->addresses = tcp->next = p2p_address_numeric(host, port);
  if (tcp->addresses != NULL) {
    try_next(tcp);
  } else {
    int bad = begin_resolve(tcp, host, port);
    if (bad != 0) {
      p2p_tcp_free(tcp);
      return p2p_err_set(err, P2P_ERR_NETWORK, "Cannot connect to %s: %s", name, uv_strerror(bad));
    }
  }
  *out = tcp;
  return P2P_OK;
}

int p2p_tcp_connect(struct p2p_loop *loop, const char *host, uint16_t port, uint32_t timeout_ms,
                    const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                    struct p2p_err *err) {
  char name[P2P_TCP_NAME_MAX];
  int code = check_place(host, port, err);
  if (code != P2P_OK) return code;
  p2p_hostport_format(host, port, name, sizeof name);
  return begin(loop, host, port, name, NULL, timeout_ms, callbacks, arg, out, err);
}

static int connect_through(struct p2p_loop *loop, const struct p2p_proxy *proxy, const char *host,
                           uint16_t port, uint32_t timeout_ms,
                           const struct p2p_tcp_callbacks *callbacks, void *arg,
                           struct p2p_tcp **out, struct p2p_err *err) {
  char name[P2P_TCP_NAME_MAX];
  int code = check_place(host, port, err);
  if (code != P2P_OK) return code;
  struct p2p_tunnel *tunnel = p2p_tunnel_new(proxy, host, port);
  if (tunnel == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  int length = p2p_hostport_format(host, port, name, sizeof name);
  length += snprintf(name + length, sizeof name - (size_t)length, " by way of the proxy ");
  p2p_hostport_format(proxy->host, proxy->port, name + length, sizeof name - (size_t)length);
  return begin(loop, proxy->host, proxy->port, name, tunnel, timeout_ms, callbacks, arg, out, err);
}

int p2p_tcp_connect_out(struct p2p_loop *loop, const char *host, uint16_t port, uint32_t timeout_ms,
                        const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                        struct p2p_err *err) {
  struct p2p_proxy proxy;
  if (!p2p_loop_proxy_for(loop, host, &proxy))
    return p2p_tcp_connect(loop, host, port, timeout_ms, callbacks, arg, out, err);
  int code = connect_through(loop, &proxy, host, port, timeout_ms, callbacks, arg, out, err);
  p2p_wipe(&proxy, sizeof proxy); /* the password */
  return code;
}
