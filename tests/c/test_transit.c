/* The race for a transit connection, without a mailbox: strangers that knock, hints that lead
 * nowhere, the relay. */
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
  struct p2p_hints theirs;
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

  if (racer->transit != NULL) /* the other one may have come already */
    CHECK(p2p_transit_race(racer->transit, &racer->theirs, &racer->err) == P2P_OK);
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
  p2p_random_bytes(&race->sender.key, sizeof race->sender.key);
  race->receiver.key = race->sender.key;
  CHECK(p2p_hint_parse_relay(race->lab.relay, &race->relay, NULL) == P2P_OK);
}

static void race_listen(struct race *race) {
  CHECK(p2p_loop_call(race->lab.loop, racer_new, &race->sender) == P2P_OK);
  CHECK(p2p_loop_call(race->lab.loop, racer_new, &race->receiver) == P2P_OK);
  p2p_transit_hints(race->sender.transit, &race->receiver.theirs);
  p2p_transit_hints(race->receiver.transit, &race->sender.theirs);
}

static void race_go(struct race *race) {
  CHECK(p2p_loop_call(race->lab.loop, racer_race, &race->sender) == P2P_OK);
  CHECK(p2p_loop_call(race->lab.loop, racer_race, &race->receiver) == P2P_OK);
}

static void check_met(struct race *race, const char *way) {
  CHECK(lab_wait(&race->lab, &race->sender.n_connected, 1, PATIENCE_MS));
  CHECK(lab_wait(&race->lab, &race->receiver.n_connected, 1, PATIENCE_MS));
  CHECK(strncmp(race->sender.path, way, strlen(way)) == 0);
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
  race_go(&race);
  check_met(&race, "direct ");
  /* It is the same one: when one end goes, the other hears it. */
  CHECK(race.receiver.n_closed == 0);
  CHECK(p2p_loop_call(race.lab.loop, racer_free, &race.sender) == P2P_OK);
  race.sender.tcp = NULL;
  CHECK(lab_wait(&race.lab, &race.receiver.n_closed, 1, PATIENCE_MS));
  race_close(&race);
}

TEST(hints_that_lead_nowhere_leave_the_relay) {
  static struct race race;

  race_init(&race);
  race.sender.config.no_listen = race.receiver.config.no_listen = true;
  race.sender.config.relay = &race.relay;
  race_listen(&race);
  CHECK(race.receiver.theirs.n_direct == 0 && race.receiver.theirs.n_relay == 1);
  /* The mailbox's port answers, but it is not the peer. */
  race.receiver.theirs.n_direct = 1;
  snprintf(race.receiver.theirs.direct[0].host, sizeof race.receiver.theirs.direct[0].host,
           "127.0.0.1");
  race.receiver.theirs.direct[0].port = race.relay.port;
  race_go(&race);
  check_met(&race, "relay 127.0.0.1:");
  race_close(&race);
}

struct stranger {
  struct race *race;
  struct p2p_tcp *tcp[24];
  int n_connected, n_gone;
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

static void on_stranger_gone(void *arg, const struct p2p_err *err) {
  struct stranger *stranger = arg;
  (void)err;
  lab_tell(&stranger->race->lab, &stranger->n_gone);
}

static void strangers_knock(void *arg) {
  static const struct p2p_tcp_callbacks EVENTS = {on_stranger_up, on_stranger_data, NULL,
                                                  on_stranger_gone};
  struct stranger *stranger = arg;
  uint16_t port = stranger->race->receiver.theirs.direct[0].port;

  for (size_t i = 0; i < 24; i++)
    CHECK(p2p_tcp_connect(stranger->race->lab.loop, "127.0.0.1", port, PATIENCE_MS, &EVENTS,
                          stranger, &stranger->tcp[i], NULL) == P2P_OK);
}

static void strangers_free(void *arg) {
  struct stranger *stranger = arg;
  for (size_t i = 0; i < 24; i++) p2p_tcp_free(stranger->tcp[i]);
}

TEST(strangers_that_knock_and_stay_do_not_keep_the_peer_out) {
  static struct race race;
  struct stranger stranger = {.race = &race};

  race_init(&race);
  race.receiver.config.no_listen = true;
  race_listen(&race);
  CHECK(p2p_loop_call(race.lab.loop, strangers_knock, &stranger) == P2P_OK);
  CHECK(lab_wait(&race.lab, &stranger.n_connected, 24, PATIENCE_MS));
  CHECK(lab_wait(&race.lab, &stranger.n_gone, 24 - 8, PATIENCE_MS));
  race_go(&race);
  check_met(&race, "direct ");
  CHECK(p2p_loop_call(race.lab.loop, strangers_free, &stranger) == P2P_OK);
  race_close(&race);
}

TEST(another_key_is_not_taken) {
  static struct race race;

  race_init(&race);
  race.receiver.key.bytes[0] ^= 1;
  race.receiver.config.no_listen = true;
  race_listen(&race);
  race.receiver.theirs.n_direct = 1;
  race_go(&race);
  CHECK(lab_wait(&race.lab, &race.receiver.n_failed, 1, PATIENCE_MS));
  CHECK(race.receiver.err.code == P2P_ERR_NETWORK);
  CHECK(race.sender.n_connected == 0);
  race_close(&race);
}

/* ---- who is tried when ---- */

struct silence {
  struct race *race;
  struct p2p_listener *listener;
  struct p2p_tcp *tcp[8];
  int n_knocked;
};

static void on_knock(void *arg, struct p2p_tcp *tcp) {
  struct silence *silence = arg;
  CHECK(silence->n_knocked < 8);
  silence->tcp[silence->n_knocked++ % 8] = tcp;
}

static void silence_open(void *arg) {
  struct silence *silence = arg;
  CHECK(p2p_listener_new(silence->race->lab.loop, "127.0.0.1", 0, on_knock, silence,
                         &silence->listener, NULL) == P2P_OK);
}

static void silence_close(void *arg) {
  struct silence *silence = arg;
  p2p_listener_free(silence->listener);
  for (int i = 0; i < silence->n_knocked; i++) p2p_tcp_free(silence->tcp[i]);
}

static void set_hint(struct p2p_hint *hint, const char *host, uint16_t port) {
  snprintf(hint->host, sizeof hint->host, "%s", host);
  hint->port = port;
}

TEST(direct_connections_that_hang_do_not_hold_the_relay_up) {
  static struct race race;
  struct silence silence = {.race = &race};

  race_init(&race);
  CHECK(p2p_loop_call(race.lab.loop, silence_open, &silence) == P2P_OK);
  race.sender.config.relay = race.receiver.config.relay = &race.relay;
  race_listen(&race);
  race.sender.theirs.n_direct = race.receiver.theirs.n_direct = 1;
  set_hint(&race.sender.theirs.direct[0], "127.0.0.1", p2p_listener_port(silence.listener));
  race.receiver.theirs.direct[0] = race.sender.theirs.direct[0];
  uint64_t began_ms = p2p_clock_ms();
  race_go(&race);
  check_met(&race, "relay 127.0.0.1:");
  CHECK(silence.n_knocked == 2);
  CHECK(p2p_clock_ms() - began_ms >= P2P_TRANSIT_HEAD_START_MS);
  CHECK(p2p_loop_call(race.lab.loop, silence_close, &silence) == P2P_OK);
  race_close(&race);
}

TEST(a_relay_is_left_alone_where_a_direct_connection_is_quick) {
  static struct race race;
  struct silence relay = {.race = &race};

  race_init(&race);
  CHECK(p2p_loop_call(race.lab.loop, silence_open, &relay) == P2P_OK);
  set_hint(&race.relay, "127.0.0.1", p2p_listener_port(relay.listener));
  race.sender.config.relay = race.receiver.config.relay = &race.relay;
  race_listen(&race);
  uint64_t began_ms = p2p_clock_ms();
  race_go(&race);
  check_met(&race, "direct ");
  CHECK(relay.n_knocked == 0 || p2p_clock_ms() - began_ms >= P2P_TRANSIT_HEAD_START_MS);
  CHECK(p2p_loop_call(race.lab.loop, silence_close, &relay) == P2P_OK);
  race_close(&race);
}

/* Of all hints, only that of IPv6 leads anywhere. */
TEST(an_address_of_ipv6_is_tried_beside_one_of_ipv4) {
  static struct race race;
  struct silence silence = {.race = &race};
  uint16_t port = 0;

  race_init(&race);
  CHECK(p2p_loop_call(race.lab.loop, silence_open, &silence) == P2P_OK);
  race.receiver.config.no_listen = true;
  race_listen(&race);
  for (size_t i = 0; i < race.receiver.theirs.n_direct; i++)
    if (strcmp(race.receiver.theirs.direct[i].host, "::1") == 0)
      port = race.receiver.theirs.direct[i].port;
  if (port != 0) { /* this machine has IPv6 */
    race.receiver.theirs.n_direct = 2;
    set_hint(&race.receiver.theirs.direct[0], "127.0.0.1", p2p_listener_port(silence.listener));
    set_hint(&race.receiver.theirs.direct[1], "::1", port);
    race_go(&race);
    check_met(&race, "direct [::1]:");
    CHECK(silence.n_knocked == 1);
  }
  CHECK(p2p_loop_call(race.lab.loop, silence_close, &silence) == P2P_OK);
  race_close(&race);
}

UNIT_MAIN("transit", UNIT(both_end_on_the_same_direct_connection),
          UNIT(hints_that_lead_nowhere_leave_the_relay),
          UNIT(strangers_that_knock_and_stay_do_not_keep_the_peer_out),
          UNIT(another_key_is_not_taken),
          UNIT(direct_connections_that_hang_do_not_hold_the_relay_up),
          UNIT(a_relay_is_left_alone_where_a_direct_connection_is_quick),
          UNIT(an_address_of_ipv6_is_tried_beside_one_of_ipv4))
