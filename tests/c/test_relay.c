/* The transit relay on loopback: which connections it joins and which it closes, and that it loses
 * no byte when one end is slow. */
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/random.h"
#include "idle_connections.h"
#include "net/connect.h"
#include "net/tcp.h"
#include "server/limits.h"
#include "server/relay.h"
#include "unit.h"

#define WAIT_MS 20000
#define TOKEN_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TOKEN_B "ff23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIDE_1 " for side 0000000000000001\n"
#define SIDE_2 " for side 0000000000000002\n"

static struct p2p_loop *loop;
static struct p2p_log_queue *log;
static struct p2p_relay *relay;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct client {
  struct p2p_tcp *tcp;
  const char *to_write;
  size_t to_send; /* bytes to send after "ok
" */
  char got[256];
  size_t n_got, sum, sum_sent;
  bool is_paused, is_closed;
};

static void signal_change(void) {
  pthread_mutex_lock(&lock);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* Waits until the io thread has made the condition true. */
#define WAIT_FOR(condition)                                              \
  do {                                                                   \
    struct timespec until;                                               \
    clock_gettime(CLOCK_REALTIME, &until);                               \
    until.tv_sec += WAIT_MS / 1000;                                      \
    bool is_in_time = true;                                              \
    pthread_mutex_lock(&lock);                                           \
    while (is_in_time && !(condition))                                   \
      is_in_time = pthread_cond_timedwait(&changed, &lock, &until) == 0; \
    pthread_mutex_unlock(&lock);                                         \
    CHECK(is_in_time);                                                   \
  } while (0)

static void on_connect(void *arg) {
  struct client *client = arg;
  p2p_tcp_write(client->tcp, client->to_write, strlen(client->to_write));
}

static void send_more(struct client *client) {
  static uint8_t block[65536];
  while (client->to_send > 0 && p2p_tcp_queued(client->tcp) < P2P_TCP_LOW) {
    size_t length = client->to_send < sizeof block ? client->to_send : sizeof block;
    for (size_t i = 0; i < length; i++)
      client->sum_sent = client->sum_sent * 31 + (block[i] = (uint8_t)(i * 7 + client->to_send));
    if (p2p_tcp_write(client->tcp, block, length) != P2P_OK) return;
    client->to_send -= length;
  }
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct client *client = arg;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < length; i++) {
    if (client->n_got + i < sizeof client->got - 1) client->got[client->n_got + i] = (char)bytes[i];
    if (client->n_got + i >= 3)
      client->sum = client->sum * 31 + bytes[i]; /* after "ok
" */
  }
  bool has_ok = client->n_got < 3 && client->n_got + length >= 3;
  client->n_got += length;
  pthread_mutex_unlock(&lock);
  if (has_ok && client->is_paused) p2p_tcp_pause(client->tcp);
  send_more(client);
  signal_change();
}

static void on_drain(void *arg) { send_more(arg); }

static void on_close(void *arg, const struct p2p_err *err) {
  struct client *client = arg;
  (void)err;
  p2p_tcp_free(client->tcp);
  client->tcp = NULL;
  pthread_mutex_lock(&lock);
  client->is_closed = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void connect_on_loop(void *arg) {
  static const struct p2p_tcp_callbacks callbacks = {on_connect, on_data, on_drain, on_close};
  struct client *client = arg;
  struct p2p_err err;
  CHECK(p2p_tcp_connect(&(struct p2p_connect_request){loop, "127.0.0.1", p2p_relay_port(relay),
                                                      WAIT_MS, .use_proxy = false},
                        &callbacks, client, &client->tcp, &err) == P2P_OK);
}
static void free_on_loop(void *arg) {
  struct client *client = arg;
  p2p_tcp_free(client->tcp);
  client->tcp = NULL;
}
static void resume_on_loop(void *arg) { p2p_tcp_resume(((struct client *)arg)->tcp); }
static void write_on_loop(void *arg) {
  struct client *client = arg;
  if (client->tcp != NULL) p2p_tcp_write(client->tcp, client->to_write, strlen(client->to_write));
}
static void start_on_loop(void *arg) {
  struct p2p_err err;
  (void)arg;
  CHECK(p2p_relay_new(loop, "127.0.0.1", 0, log, &relay, &err) == P2P_OK);
}
static void stop_on_loop(void *arg) {
  (void)arg;
  p2p_relay_free(relay);
}

static void begin(void) {
  struct p2p_err err;
  CHECK(p2p_crypto_init() == 0);
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  log = p2p_log_queue_new(100);
  CHECK(p2p_loop_call(loop, start_on_loop, NULL) == P2P_OK);
}
static void end(void) {
  CHECK(p2p_loop_call(loop, stop_on_loop, NULL) == P2P_OK);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log);
}

static void start(struct client *client, const char *text) {
  *client = (struct client){.to_write = text};
  CHECK(p2p_loop_call(loop, connect_on_loop, client) == P2P_OK);
}
static void stop(struct client *client) {
  CHECK(p2p_loop_call(loop, free_on_loop, client) == P2P_OK);
}
static void write_text(struct client *client, const char *text) {
  client->to_write = text;
  CHECK(p2p_loop_call(loop, write_on_loop, client) == P2P_OK);
}

static bool has(const struct client *client, const char *text) {
  return strncmp(client->got, text, strlen(text)) == 0;
}

static struct client a, b, c;

TEST(two_sides_of_a_token_are_joined) {
  struct p2p_log_line event;
  begin();
  start(&c, "please relay " TOKEN_B SIDE_1);
  start(&a, "please relay " TOKEN_A SIDE_1);
  start(&b, "please relay " TOKEN_A SIDE_2);
  WAIT_FOR(has(&a, "ok\n") && has(&b, "ok\n"));
  write_text(&a, "to b");
  write_text(&b, "to a");
  WAIT_FOR(has(&a, "ok\nto a") && has(&b, "ok\nto b"));
  CHECK(c.n_got == 0 && !c.is_closed);
  CHECK(p2p_log_queue_next(log, WAIT_MS, &event) &&
        strstr(event.text, "relay joined 127.0.0.1:") != NULL);
  stop(&a);
  WAIT_FOR(b.is_closed);
  CHECK(p2p_log_queue_next(log, WAIT_MS, &event) && strstr(event.text, "after 8 bytes") != NULL);
  stop(&c);
  end();
}

TEST(the_old_form_is_joined_and_redundant_connections_are_closed) {
  begin();
  start(&c, "please relay " TOKEN_A SIDE_1);
  start(&a, "please relay " TOKEN_B "\n"); /* once these two are joined, c waits */
  start(&b, "please relay " TOKEN_B "\n");
  WAIT_FOR(has(&a, "ok\n") && has(&b, "ok\n"));
  stop(&a);
  stop(&b);
  start(&a, "please relay " TOKEN_A SIDE_1);
  start(&b, "please relay " TOKEN_A "\n");
  WAIT_FOR(has(&b, "ok\n") &&
           ((has(&a, "ok\n") && c.is_closed) || (has(&c, "ok\n") && a.is_closed)));
  stop(&a);
  stop(&b);
  stop(&c);
  end();
}

TEST(malformed_and_impatient_requests_are_refused) {
  begin();
  start(&a, "GET / HTTP/1.0\r\n\r\n");
  start(&b, "please relay " TOKEN_A SIDE_1 "too early");
  start(&c, "please relay " TOKEN_B SIDE_1);
  WAIT_FOR(a.is_closed && b.is_closed);
  CHECK_STR(a.got, "bad handshake\n");
  CHECK_STR(b.got, "impatient\n");
  stop(&c);
  end();
}

TEST(a_slow_end_pauses_the_fast_one_and_no_byte_is_lost) {
  size_t n_bytes = 24 * 1024 * 1024;
  begin();
  a = (struct client){.to_write = "please relay " TOKEN_A SIDE_1, .to_send = n_bytes};
  b = (struct client){.to_write = "please relay " TOKEN_A SIDE_2, .is_paused = true};
  CHECK(p2p_loop_call(loop, connect_on_loop, &a) == P2P_OK);
  CHECK(p2p_loop_call(loop, connect_on_loop, &b) == P2P_OK);
  WAIT_FOR(has(&a, "ok\n") && has(&b, "ok\n"));
  CHECK(b.n_got < n_bytes);
  CHECK(p2p_loop_call(loop, resume_on_loop, &b) == P2P_OK);
  WAIT_FOR(b.n_got == n_bytes + 3);
  CHECK(a.to_send == 0 && a.sum_sent == b.sum);
  stop(&a);
  WAIT_FOR(b.is_closed);
  end();
}

TEST(last_bytes_arrive_when_the_sender_closes_at_once) {
  begin();
  start(&a, "please relay " TOKEN_A SIDE_1);
  start(&b, "please relay " TOKEN_A SIDE_2);
  WAIT_FOR(has(&a, "ok\n") && has(&b, "ok\n"));
  write_text(&a, "goodbye");
  stop(&a);
  WAIT_FOR(b.is_closed);
  CHECK_STR(b.got, "ok\ngoodbye");
  end();
}

TEST(connections_of_one_address_are_bounded) {
  static int fds[P2P_RELAY_CONNECTIONS_PER_ADDRESS_MAX];
  struct p2p_log_line event;
  begin();
  idle_connections_open(fds, P2P_RELAY_CONNECTIONS_PER_ADDRESS_MAX, p2p_relay_port(relay));
  start(&a, "please relay " TOKEN_A SIDE_1);
  CHECK(p2p_log_queue_next(log, WAIT_MS, &event) &&
        strstr(event.text, "too many connections from this address") != NULL);
  WAIT_FOR(a.is_closed);
  stop(&a);
  idle_connections_close(fds, P2P_RELAY_CONNECTIONS_PER_ADDRESS_MAX);
  end();
}

TEST(a_relay_that_is_stopped_closes_everything) {
  begin();
  start(&a, "please relay " TOKEN_A SIDE_1);
  start(&b, "please relay " TOKEN_A SIDE_2);
  start(&c, "please relay " TOKEN_B);
  WAIT_FOR(has(&a, "ok\n") && has(&b, "ok\n"));
  CHECK(p2p_loop_call(loop, stop_on_loop, NULL) == P2P_OK);
  relay = NULL;
  WAIT_FOR(a.is_closed && b.is_closed && c.is_closed);
  end();
}

UNIT_MAIN("relay", UNIT(two_sides_of_a_token_are_joined),
          UNIT(the_old_form_is_joined_and_redundant_connections_are_closed),
          UNIT(malformed_and_impatient_requests_are_refused),
          UNIT(a_slow_end_pauses_the_fast_one_and_no_byte_is_lost),
          UNIT(last_bytes_arrive_when_the_sender_closes_at_once),
          UNIT(connections_of_one_address_are_bounded),
          UNIT(a_relay_that_is_stopped_closes_everything))
