/* The race for a transit connection, without a mailbox. */
#include "net/connect.h"
#include "net/listener.h"
#include "net/tcp.h"
#include "wormhole/transit.h"

#include "base/clock.h"
#include "crypto/random.h"
#include "mailbox_fixture.h"

#define PATIENCE_MS 10000

struct racer {
  struct lab *lab;
  struct p2p_transit *transit;
  struct p2p_transit_config config;
  struct p2p_transit_key key;
  struct p2p_hints peer_hints;
  struct p2p_tcp *tcp;
  char path[P2P_CANDIDATE_PATH_MAX];
  struct p2p_err err;
  int n_connected, n_failed, n_closed;
};

static void on_closed(void *arg, const struct p2p_err *err) {
  struct racer *racer = arg;

  (void)err;
  p2p_tcp_free(racer->tcp);
  racer->tcp = NULL;
  lab_tell(racer->lab, &racer->n_closed);
}

static void on_connected(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest,
                         size_t rest_length) {
  static const struct p2p_tcp_callbacks EVENTS = {.on_close = on_closed};
  struct racer *racer = arg;

  (void)rest;
  CHECK(rest_length == 0);
  racer->tcp = tcp;
  CHECK(p2p_tcp_attach(tcp, &EVENTS, racer) == P2P_OK);
  snprintf(racer->path, sizeof racer->path, "%s", path);
  p2p_transit_free(racer->transit);
  racer->transit = NULL;
  lab_tell(racer->lab, &racer->n_connected);
}

static void on_fail(void *arg, const struct p2p_err *err) {
  struct racer *racer = arg;

  racer->err = *err;
  p2p_transit_free(racer->transit);
  racer->transit = NULL;
  lab_tell(racer->lab, &racer->n_failed);
}

static void racer_new(void *arg) {
  static const struct p2p_transit_callbacks EVENTS = {on_connected, on_fail};
  struct racer *racer = arg;

  racer->config.loop = racer->lab->loop;
  racer->config.key = &racer->key;
  racer->config.timeout_ms = PATIENCE_MS;
  CHECK(p2p_transit_new(&racer->config, &EVENTS, racer, &racer->transit, NULL) == P2P_OK);
}

static void racer_race(void *arg) {
  struct racer *racer = arg;

  if (racer->transit != NULL) /* the other side may have connected already */
    CHECK(p2p_transit_race(racer->transit, &racer->peer_hints, &racer->err) == P2P_OK);
}

static void racer_free(void *arg) {
  struct racer *racer = arg;

  p2p_transit_free(racer->transit);
  p2p_tcp_free(racer->tcp);
}

struct race {
  struct lab lab;
  struct racer sender, receiver;
  struct p2p_hint relay;
};

static void race_init(struct race *race) {
  memset(race, 0, sizeof *race);
  lab_open(&race->lab);
  race->sender.lab = race->receiver.lab = &race->lab;
  race->sender.config.is_sender = true;
  race->sender.config.is_peer_local = race->receiver.config.is_peer_local = true;
  p2p_random_bytes(&race->sender.key, sizeof race->sender.key);
  race->receiver.key = race->sender.key;
  CHECK(p2p_hint_parse_relay(race->lab.relay, &race->relay, NULL) == P2P_OK);
}

static void race_listen(struct race *race) {
  CHECK(p2p_loop_call(race->lab.loop, racer_new, &race->sender) == P2P_OK);
  CHECK(p2p_loop_call(race->lab.loop, racer_new, &race->receiver) == P2P_OK);
  p2p_transit_hints(race->sender.transit, &race->receiver.peer_hints);
  p2p_transit_hints(race->receiver.transit, &race->sender.peer_hints);
}

static void race_start(struct race *race) {
  CHECK(p2p_loop_call(race->lab.loop, racer_race, &race->sender) == P2P_OK);
  CHECK(p2p_loop_call(race->lab.loop, racer_race, &race->receiver) == P2P_OK);
}

static void check_connected(struct race *race, const char *path) {
  CHECK(lab_wait(&race->lab, &race->sender.n_connected, 1, PATIENCE_MS));
  CHECK(lab_wait(&race->lab, &race->receiver.n_connected, 1, PATIENCE_MS));
  CHECK(strncmp(race->sender.path, path, strlen(path)) == 0);
}

static void race_close(struct race *race) {
  CHECK(p2p_loop_call(race->lab.loop, racer_free, &race->sender) == P2P_OK);
  CHECK(p2p_loop_call(race->lab.loop, racer_free, &race->receiver) == P2P_OK);
  lab_close(&race->lab);
}

TEST(both_end_on_the_same_direct_connection) {
  static struct race race;

  race_init(&race);
  race_listen(&race);
  race_start(&race);
  check_connected(&race, "direct ");
  /* It is the same one: when one end closes it, so does the other. */
  CHECK(race.receiver.n_closed == 0);
  CHECK(p2p_loop_call(race.lab.loop, racer_free, &race.sender) == P2P_OK);
  race.sender.tcp = NULL;
  CHECK(lab_wait(&race.lab, &race.receiver.n_closed, 1, PATIENCE_MS));
  race_close(&race);
}

TEST(the_relay_is_used_if_hints_fail) {
  static struct race race;

  race_init(&race);
  race.sender.config.no_listen = race.receiver.config.no_listen = true;
  race.sender.config.relay = &race.relay;
  race_listen(&race);
  CHECK(race.receiver.peer_hints.n_direct == 0 && race.receiver.peer_hints.n_relay == 1);
  /* Something listens on the hinted port, but it is not the peer. */
  race.receiver.peer_hints.n_direct = 1;
  snprintf(race.receiver.peer_hints.direct[0].host, sizeof race.receiver.peer_hints.direct[0].host,
           "127.0.0.1");
  race.receiver.peer_hints.direct[0].port = race.relay.port;
  race_start(&race);
  check_connected(&race, "relay 127.0.0.1:");
  race_close(&race);
}

struct stranger {
  struct race *race;
  struct p2p_tcp *tcp[24];
  int n_connected, n_closed;
};

static void on_stranger_up(void *arg) {
  struct stranger *stranger = arg;
  lab_tell(&stranger->race->lab, &stranger->n_connected);
}

static void on_stranger_data(void *arg, const uint8_t *bytes, size_t length) {
  (void)arg;
  (void)bytes;
  (void)length;
}

static void on_stranger_close(void *arg, const struct p2p_err *err) {
  struct stranger *stranger = arg;
  (void)err;
  lab_tell(&stranger->race->lab, &stranger->n_closed);
}

static void strangers_connect(void *arg) {
  static const struct p2p_tcp_callbacks EVENTS = {on_stranger_up, on_stranger_data, NULL,
                                                  on_stranger_close};
  struct stranger *stranger = arg;
  uint16_t port = stranger->race->receiver.peer_hints.direct[0].port;

  for (size_t i = 0; i < 24; i++)
    CHECK(p2p_tcp_connect(&(struct p2p_connect_request){stranger->race->lab.loop, "127.0.0.1", port,
                                                        PATIENCE_MS, .use_proxy = false},
                          &EVENTS, stranger, &stranger->tcp[i], NULL) == P2P_OK);
}

static void strangers_free(void *arg) {
  struct stranger *stranger = arg;
  for (size_t i = 0; i < 24; i++) p2p_tcp_free(stranger->tcp[i]);
}

TEST(idle_strangers_do_not_keep_the_peer_out) {
  static struct race race;
  struct stranger stranger = {.race = &race};

  race_init(&race);
  race.receiver.config.no_listen = true;
  race_listen(&race);
  CHECK(p2p_loop_call(race.lab.loop, strangers_connect, &stranger) == P2P_OK);
  CHECK(lab_wait(&race.lab, &stranger.n_connected, 24, PATIENCE_MS));
  CHECK(lab_wait(&race.lab, &stranger.n_closed, 24 - 8, PATIENCE_MS));
  race_start(&race);
  check_connected(&race, "direct ");
  CHECK(p2p_loop_call(race.lab.loop, strangers_free, &stranger) == P2P_OK);
  race_close(&race);
}

TEST(another_key_is_refused) {
  static struct race race;

  race_init(&race);
  race.receiver.key.bytes[0] ^= 1;
  race.receiver.config.no_listen = true;
  race_listen(&race);
  race.receiver.peer_hints.n_direct = 1;
  race_start(&race);
  CHECK(lab_wait(&race.lab, &race.receiver.n_failed, 1, PATIENCE_MS));
  CHECK(race.receiver.err.code == P2P_ERR_NETWORK);
  CHECK(race.sender.n_connected == 0);
  race_close(&race);
}

/* ---- stages ---- */

struct silence {
  struct race *race;
  struct p2p_listener *listener;
  struct p2p_tcp *tcp[8];
  int n_accepted;
};

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct silence *silence = arg;
  CHECK(silence->n_accepted < 8);
  silence->tcp[silence->n_accepted++ % 8] = tcp;
}

static void silence_open(void *arg) {
  struct silence *silence = arg;
  CHECK(p2p_listener_new(&(struct p2p_listener_config){silence->race->lab.loop, "127.0.0.1", 0,
                                                       on_accept, silence},
                         &silence->listener, NULL) == P2P_OK);
}

static void silence_close(void *arg) {
  struct silence *silence = arg;
  p2p_listener_free(silence->listener);
  for (int i = 0; i < silence->n_accepted; i++) p2p_tcp_free(silence->tcp[i]);
}

static void set_hint(struct p2p_hint *hint, const char *host, uint16_t port) {
  snprintf(hint->host, sizeof hint->host, "%s", host);
  hint->port = port;
}

TEST(hanging_direct_connections_do_not_delay_the_relay) {
  static struct race race;
  struct silence silence = {.race = &race};

  race_init(&race);
  CHECK(p2p_loop_call(race.lab.loop, silence_open, &silence) == P2P_OK);
  race.sender.config.relay = race.receiver.config.relay = &race.relay;
  race_listen(&race);
  race.sender.peer_hints.n_direct = race.receiver.peer_hints.n_direct = 1;
  set_hint(&race.sender.peer_hints.direct[0], "127.0.0.1", p2p_listener_port(silence.listener));
  race.receiver.peer_hints.direct[0] = race.sender.peer_hints.direct[0];
  uint64_t began_ms = p2p_clock_ms();
  race_start(&race);
  check_connected(&race, "relay 127.0.0.1:");
  CHECK(silence.n_accepted == 2);
  CHECK(p2p_clock_ms() - began_ms >= P2P_TRANSIT_HEAD_START_MS);
  CHECK(p2p_loop_call(race.lab.loop, silence_close, &silence) == P2P_OK);
  race_close(&race);
}

TEST(a_peer_cannot_make_us_connect_to_this_machine) {
  static const char *const hosts[] = {"127.0.0.1", "127.9.9.9",        "localhost",
                                      "0.0.0.0",   "::ffff:127.0.0.1", "::"};
  static struct race race;
  struct silence silence = {.race = &race};

  race_init(&race);
  CHECK(p2p_loop_call(race.lab.loop, silence_open, &silence) == P2P_OK);
  race.sender.config.is_peer_local = race.receiver.config.is_peer_local = false;
  race.sender.config.relay = race.receiver.config.relay = &race.relay;
  race_listen(&race);
  struct p2p_hints *hints = &race.receiver.peer_hints;
  hints->n_direct = sizeof hosts / sizeof hosts[0];
  for (size_t i = 0; i < hints->n_direct; i++)
    set_hint(&hints->direct[i], hosts[i], p2p_listener_port(silence.listener));
  hints->n_relay = 2;
  set_hint(&hints->relay[0], "127.0.0.1", p2p_listener_port(silence.listener));
  set_hint(&hints->relay[1], "localhost", p2p_listener_port(silence.listener));
  race.sender.peer_hints = *hints;
  race_start(&race);
  check_connected(&race, "relay 127.0.0.1:"); /* our own */
  CHECK(silence.n_accepted == 0);
  CHECK(p2p_loop_call(race.lab.loop, silence_close, &silence) == P2P_OK);
  race_close(&race);
}

TEST(a_relay_is_not_used_if_a_direct_connection_is_fast) {
  static struct race race;
  struct silence relay = {.race = &race};

  race_init(&race);
  CHECK(p2p_loop_call(race.lab.loop, silence_open, &relay) == P2P_OK);
  set_hint(&race.relay, "127.0.0.1", p2p_listener_port(relay.listener));
  race.sender.config.relay = race.receiver.config.relay = &race.relay;
  race_listen(&race);
  uint64_t began_ms = p2p_clock_ms();
  race_start(&race);
  check_connected(&race, "direct ");
  CHECK(relay.n_accepted == 0 || p2p_clock_ms() - began_ms >= P2P_TRANSIT_HEAD_START_MS);
  CHECK(p2p_loop_call(race.lab.loop, silence_close, &relay) == P2P_OK);
  race_close(&race);
}

/* Only the IPv6 hint works. */
TEST(ipv6_and_ipv4_are_tried_together) {
  static struct race race;
  struct silence silence = {.race = &race};
  uint16_t port = 0;

  race_init(&race);
  CHECK(p2p_loop_call(race.lab.loop, silence_open, &silence) == P2P_OK);
  race.receiver.config.no_listen = true;
  race_listen(&race);
  for (size_t i = 0; i < race.receiver.peer_hints.n_direct; i++)
    if (strcmp(race.receiver.peer_hints.direct[i].host, "::1") == 0)
      port = race.receiver.peer_hints.direct[i].port;
  if (port != 0) { /* this machine has IPv6 */
    race.receiver.peer_hints.n_direct = 2;
    set_hint(&race.receiver.peer_hints.direct[0], "127.0.0.1", p2p_listener_port(silence.listener));
    set_hint(&race.receiver.peer_hints.direct[1], "::1", port);
    race_start(&race);
    check_connected(&race, "direct [::1]:");
    CHECK(silence.n_accepted == 1);
  }
  CHECK(p2p_loop_call(race.lab.loop, silence_close, &silence) == P2P_OK);
  race_close(&race);
}

UNIT_MAIN("transit", UNIT(both_end_on_the_same_direct_connection),
          UNIT(the_relay_is_used_if_hints_fail), UNIT(idle_strangers_do_not_keep_the_peer_out),
          UNIT(another_key_is_refused), UNIT(hanging_direct_connections_do_not_delay_the_relay),
          UNIT(a_peer_cannot_make_us_connect_to_this_machine),
          UNIT(a_relay_is_not_used_if_a_direct_connection_is_fast),
          UNIT(ipv6_and_ipv4_are_tried_together))
