/* A small CONNECT proxy on loopback. It knows the host inside.invalid, which nobody else does. */
#ifndef P2P_TESTS_PROXY_FIXTURE_H
#define P2P_TESTS_PROXY_FIXTURE_H

#include "mailbox_fixture.h"
#include "net/connect.h"
#include "net/listener.h"
#include "net/proxy.h"
#include "net/tcp.h"

#define FAKE_PROXY_WAIT_MS 10000

struct tunnel_end {
  struct tunnel *tunnel;
  struct tunnel_end *other;
  struct p2p_tcp *tcp;
};

struct tunnel {
  struct fake_proxy *proxy;
  struct tunnel_end client, server;
  char head[512];
  size_t length;
  bool is_open;
};

struct fake_proxy {
  struct lab *lab;
  struct p2p_listener *listener;
  struct tunnel tunnels[8];
  int n_tunnels, n_requests;
  char url[64];
  const char *reply; /* to every request; NULL: opens the tunnel */
};

static inline void fake_proxy_end(struct tunnel_end *end) {
  p2p_tcp_free(end->tcp);
  end->tcp = NULL;
  if (end->other->tcp != NULL) p2p_tcp_finish(end->other->tcp, 1000);
  end->other->tcp = NULL;
}

static inline void fake_proxy_on_close(void *arg, const struct p2p_err *err) {
  (void)err;
  fake_proxy_end(arg);
}

static inline void fake_proxy_on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct tunnel_end *end = arg;
  CHECK(end->other->tcp == NULL || p2p_tcp_write(end->other->tcp, bytes, length) == P2P_OK);
}

/* The reply and the first bytes of the server may arrive together: those must not get lost. */
static inline void fake_proxy_on_server_connect(void *arg) {
  struct tunnel_end *end = arg;
  static const char reply[] = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
  end->tunnel->is_open = true;
  CHECK(p2p_tcp_write(end->other->tcp, reply, sizeof reply - 1) == P2P_OK);
}

static const struct p2p_tcp_callbacks FAKE_PROXY_CALLBACKS = {
    fake_proxy_on_server_connect, fake_proxy_on_data, NULL, fake_proxy_on_close};

static inline void fake_proxy_on_client_data(void *arg, const uint8_t *bytes, size_t length) {
  struct tunnel_end *end = arg;
  struct tunnel *tunnel = end->tunnel;
  struct fake_proxy *proxy = tunnel->proxy;
  unsigned port = 0;
  if (tunnel->is_open) {
    fake_proxy_on_data(arg, bytes, length);
    return;
  }
  memcpy(tunnel->head + tunnel->length, bytes, length);
  tunnel->length += length;
  if (strstr(tunnel->head, "\r\n\r\n") == NULL) return;
  lab_tell(proxy->lab, &proxy->n_requests);
  if (proxy->reply != NULL) {
    CHECK(p2p_tcp_write(end->tcp, proxy->reply, strlen(proxy->reply)) == P2P_OK);
    return;
  }
  /* A host that only this proxy knows. */
  CHECK(sscanf(tunnel->head, "CONNECT inside.invalid:%u HTTP/1.1\r\n", &port) == 1);
  CHECK(p2p_tcp_connect(&(struct p2p_connect_request){proxy->lab->loop, "127.0.0.1", (uint16_t)port,
                                                      FAKE_PROXY_WAIT_MS, .use_proxy = false},
                        &FAKE_PROXY_CALLBACKS, &tunnel->server, &tunnel->server.tcp,
                        NULL) == P2P_OK);
}

static inline void fake_proxy_on_accept(void *arg, struct p2p_tcp *tcp) {
  static const struct p2p_tcp_callbacks CLIENT = {NULL, fake_proxy_on_client_data, NULL,
                                                  fake_proxy_on_close};
  struct fake_proxy *proxy = arg;
  struct tunnel *tunnel = &proxy->tunnels[proxy->n_tunnels++ % 8];
  *tunnel = (struct tunnel){.proxy = proxy};
  tunnel->client = (struct tunnel_end){tunnel, &tunnel->server, tcp};
  tunnel->server = (struct tunnel_end){tunnel, &tunnel->client, NULL};
  CHECK(p2p_tcp_attach(tcp, &CLIENT, &tunnel->client) == P2P_OK);
}

static inline void fake_proxy_open(void *arg) {
  struct fake_proxy *proxy = arg;
  CHECK(p2p_listener_new(&(struct p2p_listener_config){proxy->lab->loop, "127.0.0.1", 0,
                                                       fake_proxy_on_accept, proxy},
                         &proxy->listener, NULL) == P2P_OK);
}

static inline void fake_proxy_close(void *arg) {
  struct fake_proxy *proxy = arg;
  p2p_listener_free(proxy->listener);
  for (size_t i = 0; i < 8; i++) {
    p2p_tcp_free(proxy->tunnels[i].client.tcp);
    p2p_tcp_free(proxy->tunnels[i].server.tcp);
  }
}

/* Opens the proxy and uses it for all hosts but `except`. Close it with fake_proxy_close on the io
 * thread. */
static inline void fake_proxy_use(struct fake_proxy *proxy, const char *except) {
  struct p2p_proxy parsed;
  CHECK(p2p_loop_call(proxy->lab->loop, fake_proxy_open, proxy) == P2P_OK);
  snprintf(proxy->url, sizeof proxy->url, "http://127.0.0.1:%u",
           p2p_listener_port(proxy->listener));
  CHECK(p2p_proxy_parse(proxy->url, except, &parsed, NULL) == P2P_OK);
  p2p_loop_set_proxy(proxy->lab->loop, &parsed);
}

#endif
