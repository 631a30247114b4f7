/* Links between two ends in one process, over a real mailbox and a real relay. */
#include <poll.h>

#include "base/clock.h"
#include "link_fixture.h"
#include "net/listener.h"

static void end_send_garbage(void *arg) {
  struct end *end = arg;
  CHECK(p2p_link_send(end->link, 99, 0, "?", 1) == P2P_OK);
}

static bool starts_with(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

TEST(a_link_is_direct_if_possible) {
  static struct pair pair;

  pair_init(&pair);
  pair_open(&pair);
  CHECK(starts_with(pair.opener.path, "direct "));
  CHECK(starts_with(pair.joiner.path, "direct "));
  CHECK(strlen(strchr(pair.opener.code, '-')) == 1 + 32);
  check_frames(&pair);
  pair_close(&pair);
}

TEST(a_side_that_does_not_listen_still_gets_a_direct_link) {
  static struct pair pair;

  for (int i = 0; i < 2; i++) {
    pair_init(&pair);
    (i ? &pair.opener : &pair.joiner)->config.no_listen = true;
    pair.opener.config.relay = pair.joiner.config.relay = NULL;
    pair_open(&pair);
    CHECK(starts_with(pair.opener.path, "direct "));
    check_frames(&pair);
    pair_close(&pair);
  }
}

TEST(a_link_uses_the_relay_if_necessary) {
  static struct pair pair;

  for (int i = 0; i < 3; i++) {
    pair_init(&pair);
    pair.opener.config.no_direct = i != 1;
    pair.joiner.config.no_direct = i != 0;
    if (i == 2) pair.joiner.config.relay = NULL; /* the relay of one side suffices */
    pair_open(&pair);
    CHECK(starts_with(pair.opener.path, "relay 127.0.0.1:"));
    CHECK(starts_with(pair.joiner.path, "relay 127.0.0.1:"));
    check_frames(&pair);
    pair_close(&pair);
  }
}

TEST(unreachable_sides_fail_at_once) {
  static struct pair pair;

  pair_init(&pair);
  pair.opener.config.no_direct = pair.joiner.config.no_direct = true;
  pair.opener.config.relay = pair.joiner.config.relay = NULL;
  pair_start(&pair);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS / 2));
  CHECK(pair.opener.err.code == P2P_ERR_NETWORK);
  CHECK_STR(pair.opener.err.message,
            "cannot connect to the other side, neither directly nor by relay");
  pair_close(&pair);
}

TEST(a_wrong_code_fails_on_both_sides) {
  static struct pair pair;

  pair_init(&pair);
  pair.opener.spoils_code = true;
  pair_start(&pair);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS / 2));
  CHECK(lab_wait(&pair.lab, &pair.joiner.n_close, 1, PATIENCE_MS / 2));
  CHECK(pair.opener.err.code == P2P_ERR_CRYPTO && pair.joiner.err.code == P2P_ERR_CRYPTO);
  CHECK(strstr(pair.joiner.err.message, "used a different code") != NULL);
  CHECK(strstr(pair.joiner.err.message, pair.joiner.code) == NULL);
  CHECK(pair.opener.n_open + pair.joiner.n_open == 0);
  pair_close(&pair);
}

TEST(a_missing_peer_is_named) {
  static struct pair pair;
  char expected[256];

  pair_init(&pair);
  pair.opener.partner = NULL;
  pair.opener.config.timeout_ms = 300;
  pair_start(&pair);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  snprintf(expected, sizeof expected, "the worker did not join mailbox %s within 0.3 s",
           pair.lab.mailbox);
  CHECK(pair.opener.err.code == P2P_ERR_TIMEOUT);
  CHECK_STR(pair.opener.err.message, expected);
  pair_close(&pair);
}

TEST(a_third_side_cannot_join) {
  static struct pair pair;
  static struct end third;

  pair_init(&pair);
  pair.joiner.config.no_direct = pair.opener.config.no_direct = true;
  pair_open(&pair);
  memset(&third, 0, sizeof third);
  third.lab = &pair.lab;
  third.config = pair.joiner.config;
  third.config.timeout_ms = 500;
  CHECK(p2p_loop_call(pair.lab.loop, end_open, &third) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &third.n_close, 1, PATIENCE_MS));
  CHECK(third.n_open == 0);
  check_frames(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, end_free, &third) == P2P_OK);
  pair_close(&pair);
}

/* Finds a port where nothing listens. */
static void find_free_port(void *arg) {
  struct pair *pair = arg;
  struct p2p_listener *listener = NULL;

  CHECK(p2p_listener_new(&(struct p2p_listener_config){pair->lab.loop, "127.0.0.1", 0, NULL, NULL},
                         &listener, NULL) == P2P_OK);
  snprintf(pair->url, sizeof pair->url, "ws://127.0.0.1:%u/v1",
           (unsigned)p2p_listener_port(listener));
  p2p_listener_free(listener);
}

TEST(an_unreachable_mailbox_is_named) {
  static struct pair pair;

  pair_init(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, find_free_port, &pair) == P2P_OK);
  pair.opener.config.mailbox = pair.url;
  pair_start(&pair);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  CHECK(pair.opener.err.code == P2P_ERR_NETWORK);
  CHECK(strstr(pair.opener.err.message, pair.url) != NULL);
  pair_close(&pair);
}

static void open_badly(void *arg) {
  static const struct p2p_link_callbacks EVENTS = {on_code, on_open, on_frame, on_drain, on_close};
  static const char *const CODES[] = {"",    "7",     "7-",    "-a",
                                      "x-a", "7-a b", "7-a\n", "12345678901234567-a"};
  struct end *end = arg;
  struct p2p_link_config config = end->config;

  for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
    config.code = CODES[i];
    CHECK(p2p_link_open(&config, &EVENTS, end, &end->link, NULL) == P2P_ERR_INVALID);
  }
  config.code = NULL;
  config.relay = "relay.example:4001";
  CHECK(p2p_link_open(&config, &EVENTS, end, &end->link, NULL) == P2P_ERR_PARSE);
  config.relay = NULL;
  config.mailbox = "http://127.0.0.1/";
  CHECK(p2p_link_open(&config, &EVENTS, end, &end->link, NULL) < 0);
}

TEST(bad_arguments_are_refused_at_once) {
  static struct pair pair;

  pair_init(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, open_badly, &pair.opener) == P2P_OK);
  CHECK(pair.opener.link == NULL);
  pair_close(&pair);
}

TEST(a_peer_that_closes_is_an_orderly_end) {
  static struct pair pair;

  pair_init(&pair);
  pair_open(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, end_send_hello, &pair.joiner) == P2P_OK);
  CHECK(p2p_loop_call(pair.lab.loop, end_free, &pair.joiner) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  CHECK(pair.opener.n_frame == 1);
  CHECK(pair.opener.err.code == P2P_ERR_CLOSED);
  CHECK_STR(pair.opener.err.message, "the worker closed the link");
  pair_close(&pair);
}

TEST(a_silent_peer_is_lost) {
  static struct pair pair;

  pair_init(&pair);
  pair.opener.config.heartbeat_ms = 50;
  pair.opener.config.silence_ms = 200;
  pair_open(&pair);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, 2000));
  CHECK(pair.opener.err.code == P2P_ERR_LOST);
  CHECK(starts_with(pair.opener.err.message, "nothing received from the worker for 0.2 s"));
  pair_close(&pair);
}

static void sleep_on_loop(void *arg) {
  (void)arg;
  poll(NULL, 0, 400);
}

/* The joiner gives up the link meanwhile. */
static void sleep_and_free_joiner(void *arg) {
  struct pair *pair = arg;

  poll(NULL, 0, 400);
  end_free(&pair->joiner);
}

TEST(a_pause_of_this_process_is_named_when_the_link_ends) {
  static struct pair pair;

  pair_init(&pair);
  pair.opener.config.heartbeat_ms = 50;
  pair.opener.config.silence_ms = 200;
  pair.joiner.config.heartbeat_ms = 20;
  pair_open(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, sleep_and_free_joiner, &pair) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  CHECK(starts_with(pair.opener.err.message,
                    "this computer slept, or this process was stopped, for "));
  CHECK(strstr(pair.opener.err.message, " s; then the worker closed the link") != NULL);
  CHECK(pair.opener.err.code == P2P_ERR_CLOSED);
  pair_close(&pair);
}

/* Frames arrive again before the link ends for another reason. */
TEST(a_pause_that_the_link_survives_is_forgotten) {
  static struct pair pair;

  pair_init(&pair);
  pair.opener.config.heartbeat_ms = pair.joiner.config.heartbeat_ms = 50;
  pair.opener.config.silence_ms = pair.joiner.config.silence_ms = 300;
  pair_open(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, sleep_on_loop, &pair) == P2P_OK);
  CHECK(!lab_wait(&pair.lab, &pair.opener.n_close, 1, 600));
  CHECK(p2p_loop_call(pair.lab.loop, end_free, &pair.joiner) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  CHECK_STR(pair.opener.err.message, "the worker closed the link");
  pair_close(&pair);
}

static void pause_and_free_joiner(void *arg) {
  struct pair *pair = arg;

  p2p_link_pause(pair->opener.link, 0);
  CHECK(p2p_link_send(pair->joiner.link, P2P_FRAME_PING, 0, NULL, 0) == P2P_OK); /* is not read */
  end_free(&pair->joiner);
}

/* Long before its next heartbeat. */
TEST(a_paused_link_notices_the_end_of_its_peer) {
  static struct pair pair;

  pair_init(&pair);
  pair.opener.config.heartbeat_ms = pair.joiner.config.heartbeat_ms = 60000;
  pair_open(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, pause_and_free_joiner, &pair) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  CHECK_STR(pair.opener.err.message, "the worker closed the link");
  pair_close(&pair);
}

static void pause_briefly_and_free_joiner(void *arg) {
  struct pair *pair = arg;

  p2p_link_pause(pair->opener.link, 300);
  end_send_hello(&pair->joiner);
  end_free(&pair->joiner);
}

TEST(a_link_that_is_paused_for_a_while_reads_what_came_before_its_end) {
  static struct pair pair;

  pair_init(&pair);
  pair_open(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, pause_briefly_and_free_joiner, &pair) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  CHECK(pair.opener.n_frame == 1);
  CHECK_STR(pair.opener.err.message, "the worker closed the link");
  pair_close(&pair);
}

TEST(a_heartbeat_keeps_an_idle_link_open) {
  static struct pair pair;

  pair_init(&pair);
  pair.opener.config.heartbeat_ms = pair.joiner.config.heartbeat_ms = 20;
  pair.opener.config.silence_ms = pair.joiner.config.silence_ms = 200;
  pair_open(&pair);
  CHECK(!lab_wait(&pair.lab, &pair.opener.n_close, 1, 600));
  check_frames(&pair);
  pair_close(&pair);
}

TEST(a_malformed_frame_ends_the_link) {
  static struct pair pair;

  pair_init(&pair);
  pair_open(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, end_send_garbage, &pair.opener) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.joiner.n_close, 1, PATIENCE_MS));
  CHECK(pair.joiner.err.code == P2P_ERR_PROTOCOL);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
  pair_close(&pair);
}

TEST(streams_both_ways_with_back_pressure) {
  static struct pair pair;

  for (int relayed = 0; relayed < 2; relayed++) {
    pair_init(&pair);
    pair.opener.config.no_direct = relayed;
    pair.opener.streams = pair.joiner.streams = true;
    pair.opener.to_send = pair.joiner.to_send = STREAM_BYTES;
    pair_open(&pair);
    CHECK(p2p_loop_call(pair.lab.loop, pump, &pair.opener) == P2P_OK);
    CHECK(p2p_loop_call(pair.lab.loop, pump, &pair.joiner) == P2P_OK);
    CHECK(lab_wait(&pair.lab, &pair.opener.n_streamed, 1, 6 * PATIENCE_MS));
    CHECK(lab_wait(&pair.lab, &pair.joiner.n_streamed, 1, 6 * PATIENCE_MS));
    CHECK(!pair.opener.is_disordered && !pair.joiner.is_disordered);
    CHECK(pair.opener.most_queued < P2P_LINK_QUEUE_HIGH + P2P_FRAME_PAYLOAD_MAX + 100);
    pair_close(&pair);
  }
}

static void pause_for_a_while(void *arg) { p2p_link_pause(((struct end *)arg)->link, 300); }

static void pause_and_stay_paused(void *arg) {
  struct end *end = arg;
  p2p_link_pause(end->link, 100);
  p2p_link_pause(end->link, 0);
  p2p_link_pause(end->link, 100); /* changes nothing */
}

static void resume(void *arg) { p2p_link_resume(((struct end *)arg)->link); }

TEST(a_paused_link_is_read_again_after_a_while_or_when_it_is_resumed) {
  static struct pair pair;
  pair_init(&pair);
  pair_open(&pair);
  uint64_t began_ms = p2p_clock_ms();
  CHECK(p2p_loop_call(pair.lab.loop, pause_for_a_while, &pair.joiner) == P2P_OK);
  CHECK(p2p_loop_call(pair.lab.loop, end_send_hello, &pair.opener) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.joiner.n_frame, 1, PATIENCE_MS));
  CHECK(p2p_clock_ms() - began_ms >= 300);
  CHECK(p2p_loop_call(pair.lab.loop, pause_and_stay_paused, &pair.joiner) == P2P_OK);
  CHECK(p2p_loop_call(pair.lab.loop, end_send_hello, &pair.opener) == P2P_OK);
  CHECK(!lab_wait(&pair.lab, &pair.joiner.n_frame, 2, 400));
  CHECK(p2p_loop_call(pair.lab.loop, resume, &pair.joiner) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.joiner.n_frame, 2, PATIENCE_MS));
  pair_close(&pair);
}

TEST(a_link_can_be_freed_in_every_event) {
  static const enum moment MOMENTS[] = {AT_CODE, AT_OPEN, AT_FRAME, AT_DRAIN, AT_CLOSE};
  static struct pair pair;

  for (size_t i = 0; i < sizeof MOMENTS / sizeof MOMENTS[0]; i++) {
    enum moment moment = MOMENTS[i];
    pair_init(&pair);
    pair.opener.free_at = moment;
    pair.joiner.config.timeout_ms = moment == AT_CODE ? 300 : PATIENCE_MS;
    pair_start(&pair);
    CHECK(lab_wait(&pair.lab, &pair.opener.n_code, 1, PATIENCE_MS));
    if (moment != AT_CODE) {
      CHECK(lab_wait(&pair.lab, &pair.opener.n_open, 1, PATIENCE_MS));
      CHECK(lab_wait(&pair.lab, &pair.joiner.n_open, 1, PATIENCE_MS));
    }
    if (moment == AT_FRAME) {
      CHECK(p2p_loop_call(pair.lab.loop, end_send_hello, &pair.joiner) == P2P_OK);
      CHECK(lab_wait(&pair.lab, &pair.opener.n_frame, 1, PATIENCE_MS));
    } else if (moment == AT_DRAIN) {
      pair.joiner.streams = true;
      pair.opener.to_send = STREAM_BYTES;
      CHECK(p2p_loop_call(pair.lab.loop, pump, &pair.opener) == P2P_OK);
      CHECK(lab_wait(&pair.lab, &pair.opener.n_streamed, 1, PATIENCE_MS));
    } else if (moment == AT_CLOSE) {
      CHECK(p2p_loop_call(pair.lab.loop, end_free, &pair.joiner) == P2P_OK);
      CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
    }
    if (moment != AT_CLOSE) CHECK(lab_wait(&pair.lab, &pair.joiner.n_close, 1, PATIENCE_MS));
    CHECK(pair.opener.link == NULL);
    pair_close(&pair);
  }
}

UNIT_MAIN("link", UNIT(a_link_is_direct_if_possible),
          UNIT(a_side_that_does_not_listen_still_gets_a_direct_link),
          UNIT(a_link_uses_the_relay_if_necessary), UNIT(unreachable_sides_fail_at_once),
          UNIT(a_wrong_code_fails_on_both_sides), UNIT(a_missing_peer_is_named),

          UNIT(a_third_side_cannot_join), UNIT(an_unreachable_mailbox_is_named),
          UNIT(bad_arguments_are_refused_at_once), UNIT(a_peer_that_closes_is_an_orderly_end),
          UNIT(a_silent_peer_is_lost), UNIT(a_pause_of_this_process_is_named_when_the_link_ends),
          UNIT(a_pause_that_the_link_survives_is_forgotten),
          UNIT(a_paused_link_notices_the_end_of_its_peer),
          UNIT(a_link_that_is_paused_for_a_while_reads_what_came_before_its_end),
          UNIT(a_heartbeat_keeps_an_idle_link_open), UNIT(a_malformed_frame_ends_the_link),
          UNIT(streams_both_ways_with_back_pressure),
          UNIT(a_paused_link_is_read_again_after_a_while_or_when_it_is_resumed),
          UNIT(a_link_can_be_freed_in_every_event))
