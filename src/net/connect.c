/* From "host:port" to an open connection. The addresses of a name are tried one after the other,
 * each with its share of the time that is left, so that one that never answers leaves time for the
 * next. */
#include "net/connect.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/address.h"
#include "net/timer.h"
#include "net/tunnel.h"

struct connector;

/* A look-up or an attempt lives until libuv has called back; connector is NULL when it was given
 * up.
 */
struct lookup {
  uv_getaddrinfo_t uv; /* first */
  struct connector *connector;
};

struct attempt {
  uv_connect_t uv; /* first */
  struct connector *connector;
};

/* Freed when the connection is open, has failed or is freed. */
struct connector {
  struct p2p_tcp *tcp;
  struct p2p_timer *timer; /* of the look-up, or of the attempt */
  struct lookup *lookup;
  struct attempt *attempt;
  struct addrinfo *addresses, *next; /* owned; the next one to try */
  struct p2p_tunnel *tunnel;         /* NULL unless through a proxy */
  uint64_t deadline_ms;              /* on p2p_clock_ms() */
  uint32_t timeout_ms;
  bool is_hint, is_peer_local;
  struct p2p_err failure; /* of the last address */
  char name[P2P_TCP_NAME_MAX];
  struct p2p_tcp_callbacks owner; /* to call on_connect */
  void *arg;
};

static void cancel_lookup(struct connector *connector) {
  if (connector->lookup == NULL) return;
  connector->lookup->connector = NULL;
  uv_cancel((uv_req_t *)&connector->lookup->uv); /* on_resolved is called in any case */
  connector->lookup = NULL;
}

static void cancel_attempt(struct connector *connector) {
  if (connector->tunnel != NULL) p2p_tunnel_stop(connector->tunnel);
  if (connector->attempt != NULL) connector->attempt->connector = NULL;
  connector->attempt = NULL;
}

static void release(void *arg) {
  struct connector *connector = arg;
  cancel_lookup(connector);
  cancel_attempt(connector);
  p2p_tunnel_free(connector->tunnel);
  if (connector->addresses != NULL) freeaddrinfo(connector->addresses);
  p2p_timer_free(connector->timer);
  free(connector);
}

static int set_failure(struct connector *connector, int code, const char *reason) {
  return p2p_err_set(&connector->failure, code, "cannot connect to %s: %s", connector->name,
                     reason);
}

static uint64_t time_left_ms(const struct connector *connector) {
  uint64_t now_ms = p2p_clock_ms();
  return connector->deadline_ms > now_ms ? connector->deadline_ms - now_ms : 0;
}

static void on_connected(uv_connect_t *request, int status);

static int try_address(struct connector *connector, const struct addrinfo *address) {
  cancel_attempt(connector);
  if (connector->is_hint && !p2p_address_is_usable(address->ai_addr, connector->is_peer_local))
    return set_failure(connector, P2P_ERR_NETWORK, "not an address of another machine");
  struct attempt *attempt = calloc(1, sizeof *attempt);
  uv_tcp_t *socket = attempt == NULL ? NULL : p2p_tcp_new_socket(connector->tcp);
  if (socket == NULL) {
    free(attempt);
    return set_failure(connector, P2P_ERR_MEMORY, "out of memory");
  }
  int bad = uv_tcp_connect(&attempt->uv, socket, address->ai_addr, on_connected);
  if (bad != 0) {
    free(attempt);
    set_failure(connector, P2P_ERR_NETWORK, uv_strerror(bad));
    return p2p_err_of_file_limit(&connector->failure, -bad, P2P_ERR_NETWORK);
  }
  attempt->connector = connector;
  connector->attempt = attempt;
  return P2P_OK;
}

/* After the last address, the connection fails with the error of that one. */
static void try_next(struct connector *connector) {
  while (connector->next != NULL && time_left_ms(connector) > 0) {
    const struct addrinfo *address = connector->next;
    uint64_t n_left = 0;
    for (const struct addrinfo *a = address; a != NULL; a = a->ai_next) n_left++;
    connector->next = address->ai_next;
    if (try_address(connector, address) != P2P_OK) continue;
    p2p_timer_start(connector->timer, time_left_ms(connector) / n_left, 0);
    return;
  }
  struct p2p_tcp *tcp = connector->tcp;
  struct p2p_err failure = connector->failure;
  release(connector);
  p2p_tcp_fail(tcp, &failure);
}

static void finish(struct connector *connector) {
  struct p2p_tcp *tcp = connector->tcp;
  void (*on_connect)(void *arg) = connector->owner.on_connect;
  void *arg = connector->arg;
  release(connector);
  p2p_tcp_set_open(tcp);
  on_connect(arg);
}

static void on_tunnel_end(void *arg, const struct p2p_err *err) {
  struct connector *connector = arg;
  if (err == NULL) {
    finish(connector);
    return;
  }
  set_failure(connector, err->code, err->message);
  connector->failure.reason = err->reason;
  try_next(connector);
}

static void on_connected(uv_connect_t *request, int status) {
  struct attempt *attempt = (struct attempt *)request;
  struct connector *connector = attempt->connector;
  free(attempt);
  if (connector == NULL) return;
  connector->attempt = NULL;
  if (status != 0) {
    set_failure(connector, P2P_ERR_NETWORK, uv_strerror(status));
    try_next(connector);
  } else if (connector->tunnel != NULL) {
    p2p_tunnel_start(connector->tunnel, (uv_stream_t *)p2p_tcp_socket(connector->tcp),
                     on_tunnel_end, connector);
  } else {
    finish(connector);
  }
}

static void on_timeout(void *arg) {
  struct connector *connector = arg;
  char reason[80];
  snprintf(reason, sizeof reason, "no answer within %.3g seconds", connector->timeout_ms / 1000.0);
  set_failure(connector, P2P_ERR_TIMEOUT, reason);
  cancel_lookup(connector);
  try_next(connector);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses) {
  struct lookup *lookup = (struct lookup *)request;
  struct connector *connector = lookup->connector;
  free(lookup);
  if (connector == NULL) {
    uv_freeaddrinfo(addresses);
    return;
  }
  connector->lookup = NULL;
  connector->addresses = connector->next = addresses;
  if (status == UV_EAI_NONAME || status == UV_EAI_NODATA)
    set_failure(connector, P2P_ERR_NETWORK, "the host name is unknown");
  else if (status != 0)
    set_failure(connector, P2P_ERR_NETWORK, uv_strerror(status));
  try_next(connector);
}

/* 0 or libuv's error. */
static int start_lookup(struct connector *connector, struct p2p_loop *loop, const char *host,
                        uint16_t port) {
  struct lookup *lookup = calloc(1, sizeof *lookup);
  if (lookup == NULL) return UV_ENOMEM;
  char service[6];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  lookup->connector = connector;
  int bad = uv_getaddrinfo(p2p_loop_uv(loop), &lookup->uv, on_resolved, host, service, &hints);
  if (bad != 0) {
    free(lookup);
    return bad;
  }
  connector->lookup = lookup;
  p2p_timer_start(connector->timer, connector->timeout_ms, 0);
  return 0;
}

/* The names of both ends of the way, for errors; `via` may be NULL. */
static void set_name(struct connector *connector, const struct p2p_connect_request *request,
                     const struct p2p_proxy *via) {
  char *out = connector->name;
  size_t size = sizeof connector->name;
  int length = p2p_hostport_format(request->host, request->port, out, size);
  if (via == NULL) return;
  length += snprintf(out + length, size - (size_t)length, " through the proxy ");
  p2p_hostport_format(via->host, via->port, out + length, size - (size_t)length);
}

/* `via` may be NULL. NULL: out of memory. */
static struct connector *create(const struct p2p_connect_request *request,
                                const struct p2p_proxy *via) {
  struct connector *connector = calloc(1, sizeof *connector);
  if (connector == NULL) return NULL;
  set_name(connector, request, via);
  connector->timeout_ms = request->timeout_ms;
  connector->is_hint = request->is_hint;
  connector->is_peer_local = request->is_peer_local;
  connector->deadline_ms = p2p_clock_ms() + request->timeout_ms;
  set_failure(connector, P2P_ERR_TIMEOUT, "no time was left");
  connector->timer = p2p_timer_new(request->loop, on_timeout, connector);
  if (via != NULL) connector->tunnel = p2p_tunnel_new(via, request->host, request->port);
  connector->tcp = p2p_tcp_new(request->loop, connector->name);
  if (connector->timer != NULL && connector->tcp != NULL &&
      (via == NULL || connector->tunnel != NULL))
    return connector;
  p2p_tcp_free(connector->tcp);
  release(connector);
  return NULL;
}

static int start(const struct p2p_connect_request *request, const struct p2p_proxy *via,
                 const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                 struct p2p_err *err) {
  struct connector *connector = create(request, via);
  if (connector == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  struct p2p_tcp *tcp = connector->tcp;
  const char *host = via != NULL ? via->host : request->host;
  uint16_t port = via != NULL ? via->port : request->port;
  connector->owner = *callbacks;
  connector->arg = arg;
  p2p_tcp_set_callbacks(tcp, callbacks, arg);
  p2p_tcp_set_connector(tcp, release, connector);
  connector->addresses = connector->next = p2p_address_numeric(host, port);
  if (connector->addresses != NULL) {
    try_next(connector);
  } else {
    int bad = start_lookup(connector, request->loop, host, port);
    if (bad != 0) {
      p2p_err_set(err, P2P_ERR_NETWORK, "cannot connect to %s: %s", connector->name,
                  uv_strerror(bad));
      p2p_tcp_free(tcp);
      return P2P_ERR_NETWORK;
    }
  }
  *out = tcp;
  return P2P_OK;
}

int p2p_tcp_connect(const struct p2p_connect_request *request,
                    const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                    struct p2p_err *err) {
  struct p2p_proxy proxy;
  size_t length = strlen(request->host);
  if (length == 0 || length > P2P_HOST_MAX || request->port == 0)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "cannot connect to '%.80s' port %u: not a host and a port", request->host,
                       (unsigned)request->port);
  if (!request->use_proxy || !p2p_loop_proxy_for(request->loop, request->host, &proxy))
    return start(request, NULL, callbacks, arg, out, err);
  int code = start(request, &proxy, callbacks, arg, out, err);
  p2p_wipe(&proxy, sizeof proxy); /* the password */
  return code;
}
