/* net/ws: client and server end in one process, and each end against a peer of raw bytes that
 * breaks the rules. Loopback and ephemeral ports only. */
#include "crypto/random.h"
#include "net/listener.h"
#include "net/ws.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log_queue.h"
#include "net/upgrade.h"
#include "unit.h"

enum { OPEN = 1, TEXT, CLOSE };

struct end {
  struct scene *scene;
  const char *name;
  struct p2p_ws *ws;
  bool echo, greet; /* answers each text with itself; says "hello" when open */
  int free_in;      /* the event in which this end frees itself */
  int n_texts;
};

struct scene {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_listener *listener;
  struct end client, server;
  uint16_t port;
  char url[64];
  uint32_t timeout_ms;
  int raw; /* a peer of raw bytes, for either end; -1: none */
};

static bool freed_in(struct end *end, int event) {
  if (end->free_in != event) return false;
  p2p_ws_free(end->ws);
  end->ws = NULL;
  p2p_log_write(end->scene->log, P2P_LOG_INFO, "%s freed", end->name);
  return true;
}

static void on_open(void *arg) {
  struct end *end = arg;
  if (end->greet) CHECK(p2p_ws_send(end->ws, "hello", 5) == P2P_OK);
  if (freed_in(end, OPEN)) return;
  p2p_log_write(end->scene->log, P2P_LOG_INFO, "%s open", end->name);
}

static void on_text(void *arg, const char *text, size_t length) {
  struct end *end = arg;
  end->n_texts++;
  if (freed_in(end, TEXT)) return;
  if (end->echo) CHECK(p2p_ws_send(end->ws, text, length) == P2P_OK);
  if (length < 100)
    p2p_log_write(end->scene->log, P2P_LOG_INFO, "%s has %.*s", end->name, (int)length, text);
  else
    p2p_log_write(end->scene->log, P2P_LOG_INFO, "%s has %zu bytes", end->name, length);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct end *end = arg;
  p2p_log_write(end->scene->log, P2P_LOG_INFO, "%s %s: %s", end->name, p2p_err_name(err->code),
                err->message);
  freed_in(end, CLOSE);
}

static const struct p2p_ws_callbacks callbacks = {on_open, on_text, on_close};

/* Any bytes do for a test. */
/* In place of the one in crypto/random, so that the client's key is known. */
void p2p_random_bytes(void *bytes, size_t length) { memset(bytes, 0x5A, length); }

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct scene *scene = arg;
  struct p2p_err err;
  CHECK(p2p_ws_accept(scene->loop, tcp, &callbacks, &scene->server, &scene->server.ws, &err) ==
        P2P_OK);
}

static void do_listen(void *arg) {
  struct scene *scene = arg;
  struct p2p_err err;
  CHECK(
      p2p_listener_new(&(struct p2p_listener_config){scene->loop, "127.0.0.1", 0, on_accept, scene},
                       &scene->listener, &err) == P2P_OK);
  scene->port = p2p_listener_port(scene->listener);
}

static void do_connect(void *arg) {
  struct scene *scene = arg;
  struct p2p_err err;
  CHECK(p2p_ws_connect(&(struct p2p_ws_request){scene->loop, scene->url, scene->timeout_ms},
                       &callbacks, &scene->client, &scene->client.ws, &err) == P2P_OK);
}

static void do_close(void *arg) {
  struct scene *scene = arg;
  p2p_ws_free(scene->client.ws);
  p2p_ws_free(scene->server.ws);
  p2p_listener_free(scene->listener);
}

static void on_io(struct scene *scene, void (*fn)(void *arg)) {
  CHECK(p2p_loop_call(scene->loop, fn, scene) == P2P_OK);
}

static void begin(struct scene *scene) {
  memset(scene, 0, sizeof *scene);
  struct p2p_err err;
  CHECK(p2p_loop_start(&scene->loop, &err) == P2P_OK);
  scene->log = p2p_log_queue_new(10000);
  scene->client = (struct end){.scene = scene, .name = "client"};
  scene->server = (struct end){.scene = scene, .name = "server"};
  scene->timeout_ms = 10000;
  scene->raw = -1;
  on_io(scene, do_listen);
  snprintf(scene->url, sizeof scene->url, "ws://127.0.0.1:%u/v1", scene->port);
}

static void finish(struct scene *scene) {
  if (scene->raw >= 0) close(scene->raw); /* so that nobody lingers for its end */
  on_io(scene, do_close);
  p2p_loop_stop(scene->loop);
  p2p_log_queue_unref(scene->log);
}

static bool wait_for(struct scene *scene, const char *start) {
  struct p2p_log_line event;
  while (p2p_log_queue_next(scene->log, 20000, &event)) {
    if (strncmp(event.text, start, strlen(start)) == 0) return true;
    if (getenv("P2P_TEST_TRACE") != NULL) fprintf(stderr, "(%s)\n", event.text);
  }
  fprintf(stderr, "never came: %s\n", start);
  return false;
}

struct sending {
  struct end *end;
  const char *text;
  size_t length;
  int code;
};

static void do_send(void *arg) {
  struct sending *s = arg;
  s->code = p2p_ws_send(s->end->ws, s->text, s->length);
}

static int send_text(struct end *end, const char *text, size_t length) {
  struct sending s = {end, text, length, 1};
  CHECK(p2p_loop_call(end->scene->loop, do_send, &s) == P2P_OK);
  return s.code;
}

/* an honest pair */

static void begin_pair(struct scene *scene) {
  begin(scene);
  scene->client.greet = true;
  on_io(scene, do_connect);
  CHECK(wait_for(scene, "server has hello")); /* so both are open */
}

TEST(texts_go_both_ways) {
  struct scene scene;
  begin(&scene);
  scene.server.echo = true;
  scene.client.greet = true;
  on_io(&scene, do_connect);
  CHECK(wait_for(&scene, "client has hello"));
  CHECK(send_text(&scene.server, "{\"type\":\"welcome\"}", 18) == P2P_OK);
  CHECK(wait_for(&scene, "client has {\"type\":\"welcome\"}"));
  CHECK(send_text(&scene.client, "", 0) == P2P_OK);
  CHECK(wait_for(&scene, "client has "));
  finish(&scene);
}

TEST(a_text_may_be_as_long_as_the_cap_and_no_longer) {
  struct scene scene;
  begin_pair(&scene);
  char *text = malloc(P2P_WS_MESSAGE_MAX + 1);
  memset(text, 'x', P2P_WS_MESSAGE_MAX + 1);
  CHECK(send_text(&scene.client, text, P2P_WS_MESSAGE_MAX + 1) == P2P_ERR_TOO_LARGE);
  CHECK(send_text(&scene.client, text, P2P_WS_MESSAGE_MAX) == P2P_OK);
  CHECK(wait_for(&scene, "server has 1048576 bytes"));
  CHECK(send_text(&scene.server, text, P2P_WS_MESSAGE_MAX) == P2P_OK);
  CHECK(wait_for(&scene, "client has 1048576 bytes"));
  free(text);
  finish(&scene);
}

TEST(many_texts_keep_their_order) {
  struct scene scene;
  begin_pair(&scene);
  char text[16];
  for (int i = 0; i < 1000; i++)
    CHECK(send_text(&scene.client, text, (size_t)snprintf(text, sizeof text, "%d", i)) == P2P_OK);
  for (int i = 0; i < 1000; i++) {
    struct p2p_log_line event;
    char expected[32];
    snprintf(expected, sizeof expected, "server has %d", i);
    do CHECK(p2p_log_queue_next(scene.log, 20000, &event));
    while (strcmp(event.text, "client open") == 0);
    CHECK_STR(event.text, expected);
  }
  finish(&scene);
}

static void free_client(void *arg) {
  struct scene *scene = arg;
  p2p_ws_free(scene->client.ws);
  scene->client.ws = NULL;
}

TEST(what_was_sent_before_free_still_arrives_and_the_end_is_orderly) {
  struct scene scene;
  begin_pair(&scene);
  scene.server.free_in = CLOSE;
  CHECK(send_text(&scene.client, "bye", 3) == P2P_OK);
  on_io(&scene, free_client);
  CHECK(wait_for(&scene, "server has bye"));
  CHECK(wait_for(&scene, "server closed: WebSocket client at 127.0.0.1:"));
  CHECK(wait_for(&scene, "server freed"));
  finish(&scene);
}

TEST(each_end_may_be_freed_in_each_event) {
  for (int event = OPEN; event <= CLOSE; event++) {
    for (int which = 0; which < 2; which++) {
      struct scene scene;
      begin(&scene);
      struct end *end = which == 0 ? &scene.client : &scene.server;
      struct end *other = which == 0 ? &scene.server : &scene.client;
      other->greet = true;
      end->free_in = event;
      if (event == CLOSE) other->free_in = OPEN;
      on_io(&scene, do_connect);
      char line[32];
      snprintf(line, sizeof line, "%s freed", end->name);
      CHECK(wait_for(&scene, line));
      finish(&scene);
    }
  }
}

static void connect_and_free(void *arg) {
  do_connect(arg);
  free_client(arg);
}

TEST(an_end_may_be_freed_before_it_is_open) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, connect_and_free);
  finish(&scene);
}

TEST(sending_before_the_upgrade_is_refused) {
  struct scene scene;
  begin(&scene);
  int silent = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  CHECK(bind(silent, (struct sockaddr *)&address, length) == 0 && listen(silent, 1) == 0);
  CHECK(getsockname(silent, (struct sockaddr *)&address, &length) == 0);
  snprintf(scene.url, sizeof scene.url, "ws://127.0.0.1:%u", ntohs(address.sin_port));
  scene.timeout_ms = 150; /* and nobody answers the upgrade */
  on_io(&scene, do_connect);
  CHECK(send_text(&scene.client, "x", 1) == P2P_ERR_CLOSED);
  char expected[128];
  snprintf(expected, sizeof expected, "client timeout: %s: no WebSocket upgrade in time",
           scene.url);
  CHECK(wait_for(&scene, expected));
  close(silent);
  finish(&scene);
}

TEST(a_failure_to_connect_names_the_url) {
  struct scene scene;
  begin(&scene);
  int bound = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  CHECK(bind(bound, (struct sockaddr *)&address, length) == 0);
  CHECK(getsockname(bound, (struct sockaddr *)&address, &length) == 0);
  snprintf(scene.url, sizeof scene.url, "ws://127.0.0.1:%u/v1", ntohs(address.sin_port));
  on_io(&scene, do_connect);
  char expected[160];
  snprintf(expected, sizeof expected,
           "client network: %s: cannot connect to 127.0.0.1:%u: connection refused", scene.url,
           ntohs(address.sin_port));
  CHECK(wait_for(&scene, expected));
  close(bound);
  finish(&scene);
}

static void connect_to_nonsense(void *arg) {
  struct scene *scene = arg;
  struct p2p_err err;
  struct p2p_ws *ws = NULL;
  CHECK(p2p_ws_connect(&(struct p2p_ws_request){scene->loop, "wss://a/v1", 1}, &callbacks, scene,
                       &ws, &err) == P2P_ERR_INVALID);
  CHECK(p2p_ws_connect(&(struct p2p_ws_request){scene->loop, "http://a/v1", 1}, &callbacks, scene,
                       &ws, &err) == P2P_ERR_PARSE);
  CHECK(ws == NULL);
}

TEST(what_is_no_ws_url_is_refused_at_once) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, connect_to_nonsense);
  finish(&scene);
}

/* the server end against raw bytes */

#define REQUEST                                                       \
  "GET /v1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: " \
  "Upgrade\r\nSec-WebSocket-Key: "                                    \
  "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* A raw peer never waits without a bound. */
static void bound_reads(int fd) {
  struct timeval bound = {.tv_sec = 20};
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound) == 0);
}

static int raw_client(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  bound_reads(fd);
  return fd;
}

static void raw_send(int fd, const void *bytes, size_t length) {
  CHECK(send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
}

/* Reads exactly what is expected. */
static bool raw_expect(int fd, const void *expected, size_t length) {
  char bytes[1024];
  size_t n = 0;
  while (n < length) {
    ssize_t got = recv(fd, bytes + n, length - n, 0);
    if (got <= 0) return false;
    n += (size_t)got;
  }
  return memcmp(bytes, expected, length) == 0;
}

/* Reads up to the empty line. */
static void raw_read_head(int fd, char *out, size_t size) {
  size_t n = 0;
  while (n + 1 < size && (n < 4 || memcmp(out + n - 4, "\r\n\r\n", 4) != 0))
    if (recv(fd, out + n, 1, 0) == 1)
      n++;
    else
      break;
  out[n] = '\0';
}

/* A frame with the mask 0, under which the payload stays as it is. */
static size_t masked_frame(uint8_t *out, uint8_t first, const void *payload, size_t length) {
  size_t n = 0;
  out[n++] = first;
  if (length < 126) {
    out[n++] = (uint8_t)(0x80 | length);
  } else {
    out[n++] = 0x80 | 126;
    out[n++] = (uint8_t)(length >> 8);
    out[n++] = (uint8_t)length;
  }
  memset(out + n, 0, 4);
  memcpy(out + n + 4, payload, length);
  return n + 4 + length;
}

static void begin_raw(struct scene *scene) {
  begin(scene);
  scene->raw = raw_client(scene->port);
  raw_send(scene->raw, REQUEST, strlen(REQUEST));
  char head[1024];
  raw_read_head(scene->raw, head, sizeof head);
  CHECK(strncmp(head, "HTTP/1.1 101 ", 13) == 0);
  CHECK(strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != NULL);
  CHECK(wait_for(scene, "server open"));
}

TEST(the_upgrade_and_frames_may_come_in_one_packet) {
  struct scene scene;
  begin(&scene);
  uint8_t bytes[1024];
  memcpy(bytes, REQUEST, strlen(REQUEST));
  size_t n = strlen(REQUEST);
  n += masked_frame(bytes + n, 0x81, "first", 5);
  n += masked_frame(bytes + n, 0x81, "second", 6);
  scene.raw = raw_client(scene.port);
  raw_send(scene.raw, bytes, n);
  CHECK(wait_for(&scene, "server has first"));
  CHECK(wait_for(&scene, "server has second"));
  finish(&scene);
}

TEST(the_upgrade_and_frames_may_come_byte_by_byte) {
  struct scene scene;
  begin(&scene);
  uint8_t bytes[1024];
  memcpy(bytes, REQUEST, strlen(REQUEST));
  size_t n = strlen(REQUEST);
  n += masked_frame(bytes + n, 0x81, "first", 5);
  scene.raw = raw_client(scene.port);
  int now = 1;
  CHECK(setsockopt(scene.raw, IPPROTO_TCP, 1 /* TCP_NODELAY */, &now, sizeof now) == 0);
  for (size_t i = 0; i < n; i++) raw_send(scene.raw, bytes + i, 1);
  CHECK(wait_for(&scene, "server has first"));
  finish(&scene);
}

TEST(fragments_are_put_together_and_pings_between_them_answered) {
  struct scene scene;
  begin_raw(&scene);
  uint8_t bytes[256];
  size_t n = masked_frame(bytes, 0x01, "one ", 4);
  n += masked_frame(bytes + n, 0x00, "two ", 4);
  n += masked_frame(bytes + n, 0x89, "alive?", 6);
  n += masked_frame(bytes + n, 0x80, "three", 5);
  raw_send(scene.raw, bytes, n);
  CHECK(wait_for(&scene, "server has one two three"));
  CHECK(raw_expect(scene.raw,
                   "\x8A\x06"
                   "alive?",
                   8));
  finish(&scene);
}

/* Sends bytes to an open server end, expects its complaint and a close frame with this status. */
static void check_offence(const void *bytes, size_t length, const char *complaint,
                          uint16_t status) {
  struct scene scene;
  begin_raw(&scene);
  raw_send(scene.raw, bytes, length);
  CHECK(wait_for(&scene, complaint));
  uint8_t expected[4] = {0x88, 2, (uint8_t)(status >> 8), (uint8_t)status};
  CHECK(raw_expect(scene.raw, expected, 4));
  finish(&scene);
}

TEST(offences_end_the_connection_with_a_reason) {
  uint8_t bytes[256];
  size_t n = masked_frame(bytes, 0x82, "binary", 6);
  check_offence(bytes, n, "server protocol: ", 1003);
  check_offence("\x81\x02hi", 4, "server protocol: ", 1002);       /* not masked */
  check_offence("\xC1\x80\0\0\0\0", 6, "server protocol: ", 1002); /* a reserved bit */
  check_offence("\x80\x80\0\0\0\0", 6, "server protocol: ", 1002); /* nothing to continue */
  check_offence("\x81\xFF\0\0\0\0\0\x10\0\x01\0\0\0\0x", 15,
                "server too_large: ", 1009); /* 1 MiB + 1 */
  check_offence("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0x", 15,
                "server too_large: ", 1009);
  n = masked_frame(bytes, 0x81, "\xC0\xAF", 2);
  check_offence(bytes, n, "server protocol: ", 1007); /* not UTF-8 */
  n = masked_frame(bytes, 0x88, "\x03\xE8", 2);
  check_offence(bytes, n, "server closed: ", 1000);
}

TEST(fragments_count_against_the_caps) {
  static uint8_t bytes[2000 * 7];
  size_t n = masked_frame(bytes, 0x01, "x", 1);
  while (n + 7 < sizeof bytes) n += masked_frame(bytes + n, 0x00, "x", 1);
  check_offence(bytes, n, "server too_large: ", 1008);

  /* 17 fragments of 60000 bytes fit in 1 MiB; the 18th does not. */
  static uint8_t large[18 * 60008], payload[60000];
  memset(payload, 'y', sizeof payload);
  n = masked_frame(large, 0x01, payload, sizeof payload);
  for (int i = 0; i < 17; i++) n += masked_frame(large + n, 0x00, payload, sizeof payload);
  check_offence(large, n, "server too_large: ", 1009);
}

static void check_bad_request(const char *request, const char *complaint) {
  struct scene scene;
  begin(&scene);
  scene.raw = raw_client(scene.port);
  raw_send(scene.raw, request, strlen(request));
  CHECK(wait_for(&scene, complaint));
  CHECK(raw_expect(scene.raw, "HTTP/1.1 400 Bad Request\r\n", 26));
  finish(&scene);
}

TEST(a_request_that_is_no_upgrade_is_refused) {
  check_bad_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                    "server protocol: WebSocket client at 127.0.0.1:");
  check_bad_request("SSH-2.0-x\r\n\r\n", "server protocol: ");
  char endless[P2P_UPGRADE_HEAD_MAX + 1];
  memset(endless, 'x', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  check_bad_request(endless, "server too_large: ");
}

TEST(a_client_that_goes_before_its_upgrade_is_told) {
  struct scene scene;
  begin(&scene);
  int fd = raw_client(scene.port);
  raw_send(fd, "GET /", 5);
  close(fd);
  CHECK(wait_for(&scene, "server protocol: "));
  finish(&scene);
}

TEST(a_ping_flood_by_one_who_reads_nothing_ends) {
  struct scene scene;
  begin_raw(&scene);
  static uint8_t pings[131 * 500];
  static const char payload[125];
  size_t n = 0;
  while (n + 131 <= sizeof pings) n += masked_frame(pings + n, 0x89, payload, 125);
  /* Pongs fill the kernel's buffers, then the cap; then the server ends it. */
  for (int i = 0; i < 2000; i++)
    if (send(scene.raw, pings, n, MSG_NOSIGNAL) != (ssize_t)n) break;
  CHECK(wait_for(&scene, "server protocol: "));
  finish(&scene);
}

/* the client end against raw bytes */

static void check_answer(const char *answer, const char *complaint) {
  struct scene scene;
  begin(&scene);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  CHECK(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0);
  CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
  snprintf(scene.url, sizeof scene.url, "ws://127.0.0.1:%u/v1", ntohs(address.sin_port));
  on_io(&scene, do_connect);
  scene.raw = accept(listener, NULL, NULL);
  bound_reads(scene.raw);
  char head[1024];
  raw_read_head(scene.raw, head, sizeof head);
  CHECK(strncmp(head, "GET /v1 HTTP/1.1\r\n", 18) == 0);
  raw_send(scene.raw, answer, strlen(answer));
  if (answer[0] == '\0') shutdown(scene.raw, SHUT_WR);
  CHECK(wait_for(&scene, complaint));
  close(listener);
  finish(&scene);
}

TEST(answers_of_servers) {
  char good[P2P_UPGRADE_REQUEST_MAX]; /* the key is the base64 of what p2p_random_bytes writes */
  CHECK(p2p_upgrade_response("WlpaWlpaWlpaWlpaWlpaWg==", good) == P2P_OK);
  strcat(good, "\x81\x02hi"); /* with the first frame */
  check_answer(good, "client has hi");
  CHECK(p2p_upgrade_response("WlpaWlpaWlpaWlpaWlpaWg==", good) == P2P_OK);
  strcat(good, "\x81\x82....hi"); /* a server must not mask */
  check_answer(good, "client protocol: ws://127.0.0.1:");
  CHECK(p2p_upgrade_response("dGhlIHNhbXBsZSBub25jZQ==", good) == P2P_OK); /* to another's key */
  check_answer(good, "client protocol: ws://127.0.0.1:");
  check_answer("HTTP/1.1 404 Not Found\r\n\r\n", "client protocol: ws://127.0.0.1:");
  check_answer("", "client protocol: ws://127.0.0.1:");
}

UNIT_MAIN("ws", UNIT(texts_go_both_ways), UNIT(a_text_may_be_as_long_as_the_cap_and_no_longer),
          UNIT(many_texts_keep_their_order),
          UNIT(what_was_sent_before_free_still_arrives_and_the_end_is_orderly),
          UNIT(each_end_may_be_freed_in_each_event), UNIT(an_end_may_be_freed_before_it_is_open),
          UNIT(sending_before_the_upgrade_is_refused), UNIT(a_failure_to_connect_names_the_url),
          UNIT(what_is_no_ws_url_is_refused_at_once),
          UNIT(the_upgrade_and_frames_may_come_in_one_packet),
          UNIT(the_upgrade_and_frames_may_come_byte_by_byte),
          UNIT(fragments_are_put_together_and_pings_between_them_answered),
          UNIT(offences_end_the_connection_with_a_reason), UNIT(fragments_count_against_the_caps),
          UNIT(a_request_that_is_no_upgrade_is_refused),
          UNIT(a_client_that_goes_before_its_upgrade_is_told),
          UNIT(a_ping_flood_by_one_who_reads_nothing_ends), UNIT(answers_of_servers))
