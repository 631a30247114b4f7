/* A small CONNECT proxy on loopback, behind which is the host inside.invalid, that only it knows.
 */
#ifndef P2P_TESTS_PROXY_FIXTURE_H
#define P2P_TESTS_PROXY_FIXTURE_H

#include "mailbox_fixture.h"
#include "net/proxy.h"
#include "net/tcp.h"

#define OFFICE_PATIENCE_MS 10000

struct half {
  struct tunnel *tunnel;
  struct half *other;
  struct p2p_tcp *tcp;
};

struct tunnel {
  struct office *office;
  struct half client, server;
  char head[512];
  size_t length;
  bool is_open;
};

struct office {
  struct lab *lab;
  struct p2p_listener *listener;
  struct tunnel tunnels[8];
  int n_tunnels, n_asked;
  char url[64];
  const char *answer; /* NULL: does as asked */
};

static inline void office_half_end(struct half *half) {
  p2p_tcp_free(half->tcp);
  half->tcp = NULL;
  if (half->other->tcp != NULL) p2p_tcp_finish(half->other->tcp, 1000);
  half->other->tcp = NULL;
}

static inline void office_on_half_close(void *arg, const struct p2p_err *err) {
  (void)err;
  office_half_end(arg);
}

static inline void office_on_half_data(void *arg, const uint8_t *bytes, size_t length) {
  struct half *half = arg;
  CHECK(half->other->tcp == NULL || p2p_tcp_write(half->other->tcp, bytes, length) == P2P_OK);
}

/* The consent and the server's first bytes may come in one piece: those must not get lost. */
static inline void office_on_server_up(void *arg) {
  struct half *half = arg;
  static const char consent[] = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
  half->tunnel->is_open = true;
  CHECK(p2p_tcp_write(half->other->tcp, consent, sizeof consent - 1) == P2P_OK);
}

static const struct p2p_tcp_callbacks OFFICE_HALF = {office_on_server_up, office_on_half_data, NULL,
                                                     office_on_half_close};

static inline void office_on_client_data(void *arg, const uint8_t *bytes, size_t length) {
  struct half *half = arg;
  struct tunnel *tunnel = half->tunnel;
  struct office *office = tunnel->office;
  unsigned port = 0;
  if (tunnel->is_open) {
    office_on_half_data(arg, bytes, length);
    return;
  }
  memcpy(tunnel->head + tunnel->length, bytes, length);
  tunnel->length += length;
  if (strstr(tunnel->head, "\r\n\r\n") == NULL) return;
  lab_tell(office->lab, &office->n_asked);
  if (office->answer != NULL) {
    CHECK(p2p_tcp_write(half->tcp, office->answer, strlen(office->answer)) == P2P_OK);
    return;
  }
  /* The host is one that only this proxy knows. */
  CHECK(sscanf(tunnel->head, "CONNECT inside.invalid:%u HTTP/1.1\r\n", &port) == 1);
  CHECK(p2p_tcp_connect(office->lab->loop, "127.0.0.1", (uint16_t)port, OFFICE_PATIENCE_MS,
                        &OFFICE_HALF, &tunnel->server, &tunnel->server.tcp, NULL) == P2P_OK);
}

static inline void office_on_accept(void *arg, struct p2p_tcp *tcp) {
  static const struct p2p_tcp_callbacks CLIENT = {NULL, office_on_client_data, NULL,
                                                  office_on_half_close};
  struct office *office = arg;
  struct tunnel *tunnel = &office->tunnels[office->n_tunnels++ % 8];
  *tunnel = (struct tunnel){.office = office};
  tunnel->client = (struct half){tunnel, &tunnel->server, tcp};
  tunnel->server = (struct half){tunnel, &tunnel->client, NULL};
  CHECK(p2p_tcp_attach(tcp, &CLIENT, &tunnel->client) == P2P_OK);
}

static inline void office_open(void *arg) {
  struct office *office = arg;
  CHECK(p2p_listener_new(office->lab->loop, "127.0.0.1", 0, office_on_accept, office,
                         &office->listener, NULL) == P2P_OK);
}

static inline void office_close(void *arg) {
  struct office *office = arg;
  p2p_listener_free(office->listener);
  for (size_t i = 0; i < 8; i++) {
    p2p_tcp_free(office->tunnels[i].client.tcp);
    p2p_tcp_free(office->tunnels[i].server.tcp);
  }
}

/* Opens it; from now on everything goes by way of it, but for `except`. Close it with office_close
 * on the io thread. */
static inline void office_use(struct office *office, const char *except) {
  struct p2p_proxy proxy;
  CHECK(p2p_loop_call(office->lab->loop, office_open, office) == P2P_OK);
  snprintf(office->url, sizeof office->url, "http://127.0.0.1:%u",
           p2p_listener_port(office->listener));
  CHECK(p2p_proxy_parse(office->url, except, &proxy, NULL) == P2P_OK);
  p2p_loop_set_proxy(office->lab->loop, &proxy);
}

#endif
