/* A link whose peer splits frames differently, or disconnects. The peer writes its records by hand.
 */
#include "mailbox_fixture.h"
#include "net/tcp.h"
#include "protocol/frame.h"
#include "wormhole/link.h"
#include "wormhole/link_setup.h"
#include "wormhole/record.h"

#define PATIENCE_MS 10000

struct bench {
  struct lab lab;
  /* The link under test, the opener. */
  struct p2p_link *link;
  int n_frame, n_close;
  char texts[256]; /* payloads, one after the other */
  struct p2p_err err;
  /* The peer. */
  char code[P2P_LINK_CODE_MAX];
  struct p2p_link_setup *setup;
  struct p2p_tcp *tcp;
  struct p2p_record_sealer sealer;
  int n_connected;
};

/* ---- the peer ---- */

static void on_peer_data(void *arg, const uint8_t *bytes, size_t length) {
  (void)arg;
  (void)bytes;
  (void)length;
}

static void on_peer_close(void *arg, const struct p2p_err *err) {
  (void)arg;
  (void)err;
}

static void on_connected(void *arg, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                         const char *path, const uint8_t *rest, size_t rest_length) {
  static const struct p2p_tcp_callbacks EVENTS = {NULL, on_peer_data, NULL, on_peer_close};
  struct bench *bench = arg;
  struct p2p_record_key record_key;

  (void)path;
  (void)rest;
  CHECK(rest_length == 0);
  p2p_key_record(key, false, &record_key);
  p2p_record_sealer_init(&bench->sealer, &record_key);
  bench->tcp = tcp;
  CHECK(p2p_tcp_attach(tcp, &EVENTS, bench) == P2P_OK);
  lab_tell(&bench->lab, &bench->n_connected);
}

static void on_peer_fail(void *arg, const struct p2p_err *err) {
  (void)arg;
  fprintf(stderr, "%s\n", err->message);
  CHECK(!"connected");
}

static void send_record(struct bench *bench, const uint8_t *payload, size_t length) {
  static uint8_t record[P2P_RECORD_OVERHEAD + P2P_RECORD_PAYLOAD_MAX];

  memcpy(record + P2P_RECORD_OVERHEAD, payload, length);
  p2p_record_seal(&bench->sealer, record, length);
  CHECK(p2p_tcp_write(bench->tcp, record, P2P_RECORD_OVERHEAD + length) == P2P_OK);
}

/* ---- the link ---- */

static void on_code(void *arg, const char *code) {
  static const struct p2p_link_setup_callbacks EVENTS = {NULL, on_connected, on_peer_fail};
  struct bench *bench = arg;

  snprintf(bench->code, sizeof bench->code, "%s", code);
  struct p2p_link_setup_config config = {.loop = bench->lab.loop,
                                         .mailbox = bench->lab.mailbox,
                                         .relay = bench->lab.relay,
                                         .code = bench->code,
                                         .timeout_ms = PATIENCE_MS};
  CHECK(p2p_link_setup_new(&config, &EVENTS, bench, &bench->setup, NULL) == P2P_OK);
}

static void on_open(void *arg, const char *path) {
  (void)arg;
  (void)path;
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct bench *bench = arg;
  size_t at = strlen(bench->texts);

  snprintf(bench->texts + at, sizeof bench->texts - at, "%.*s|", (int)frame->length,
           (const char *)frame->payload);
  lab_tell(&bench->lab, &bench->n_frame);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct bench *bench = arg;

  bench->err = *err;
  lab_tell(&bench->lab, &bench->n_close);
}

static void link_open(void *arg) {
  static const struct p2p_link_callbacks EVENTS = {on_code, on_open, on_frame, NULL, on_close};
  struct bench *bench = arg;
  struct p2p_link_config config = {.loop = bench->lab.loop,
                                   .mailbox = bench->lab.mailbox,
                                   .relay = bench->lab.relay,
                                   .timeout_ms = PATIENCE_MS,
                                   .heartbeat_ms = 100,
                                   .stall_ms = 500};

  CHECK(p2p_link_open(&config, &EVENTS, bench, &bench->link, NULL) == P2P_OK);
}

/* Runs a script of the peer; waits for that many frames and, if `ends`, for the end of the link. */
static void run(struct bench *bench, void (*script)(void *arg), int frames, bool ends) {
  memset(bench, 0, sizeof *bench);
  lab_open(&bench->lab);
  CHECK(p2p_loop_call(bench->lab.loop, link_open, bench) == P2P_OK);
  CHECK(lab_wait(&bench->lab, &bench->n_connected, 1, PATIENCE_MS));
  CHECK(p2p_loop_call(bench->lab.loop, script, bench) == P2P_OK);
  CHECK(lab_wait(&bench->lab, &bench->n_frame, frames, PATIENCE_MS));
  CHECK(!ends || lab_wait(&bench->lab, &bench->n_close, 1, PATIENCE_MS));
}

/* ---- a peer that does not read ---- */

static void stop_reading(void *arg) {
  static const uint8_t payload[P2P_FRAME_PAYLOAD_MAX];
  struct bench *bench = arg;
  int code = P2P_OK;

  p2p_tcp_pause(bench->tcp);
  for (int i = 0; code == P2P_OK && i < 4000; i++)
    code = p2p_link_send(bench->link, P2P_FRAME_DATA, 1, payload, sizeof payload);
  CHECK(code == P2P_ERR_TOO_LARGE);
  CHECK(p2p_link_queued(bench->link) <= P2P_LINK_QUEUE_MAX + sizeof payload + 100);
}

static void drop(void *arg) {
  struct bench *bench = arg;

  p2p_link_free(bench->link);
  p2p_link_setup_free(bench->setup);
  p2p_tcp_free(bench->tcp);
}

static void finish(struct bench *bench) {
  CHECK(p2p_loop_call(bench->lab.loop, drop, bench) == P2P_OK);
  lab_close(&bench->lab);
}

/* Three frames and a PING between them. */
static size_t some_frames(uint8_t *out, size_t size) {
  struct p2p_buf buf;

  p2p_buf_init(&buf, size);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_DATA, 1, "one", 3) == P2P_OK);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_PING, 0, NULL, 0) == P2P_OK);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_DATA, 1, "", 0) == P2P_OK);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_DATA, 1, "three", 5) == P2P_OK);
  size_t length = p2p_buf_len(&buf);
  memcpy(out, p2p_buf_data(&buf), length);
  p2p_buf_clear(&buf);
  return length;
}

static void write_together(void *arg) {
  uint8_t frames[128];
  send_record(arg, frames, some_frames(frames, sizeof frames));
}

static void write_byte_by_byte(void *arg) {
  uint8_t frames[128];
  size_t length = some_frames(frames, sizeof frames);

  for (size_t i = 0; i < length; i++) {
    send_record(arg, frames + i, 1);
    send_record(arg, frames, 0);
  }
}

static void write_across(void *arg) {
  uint8_t frames[256];
  size_t length = some_frames(frames, sizeof frames / 2);

  memcpy(frames + length, frames, length);
  send_record(arg, frames, length + 4); /* one set, and the start of the next */
  send_record(arg, frames + length + 4, length - 4);
}

static void disconnect_within_a_frame(void *arg) {
  struct bench *bench = arg;
  uint8_t frames[128];

  send_record(bench, frames, some_frames(frames, sizeof frames) - 1);
  p2p_tcp_finish(bench->tcp, 1000);
  bench->tcp = NULL;
}

static void disconnect_within_a_record(void *arg) {
  struct bench *bench = arg;

  CHECK(p2p_tcp_write(bench->tcp, "\0\0\0", 3) == P2P_OK);
  p2p_tcp_finish(bench->tcp, 1000);
  bench->tcp = NULL;
}

static void announce_too_much(void *arg) {
  struct bench *bench = arg;
  CHECK(p2p_tcp_write(bench->tcp, "\x7f\0\0\0", 4) == P2P_OK);
}

static void announce_a_frame_too_large(void *arg) {
  static const uint8_t HEADER[P2P_FRAME_HEADER_LEN] = {P2P_FRAME_DATA, 0, 0, 0, 1, 0, 1, 0, 1};
  send_record(arg, HEADER, sizeof HEADER);
}

TEST(frames_may_span_records) {
  static const struct {
    void (*script)(void *arg);
    int frames;
    const char *texts;
  } CASES[] = {{write_together, 3, "one||three|"},
               {write_byte_by_byte, 3, "one||three|"},
               {write_across, 6, "one||three|one||three|"}};
  static struct bench bench;

  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    run(&bench, CASES[i].script, CASES[i].frames, false);
    CHECK_STR(bench.texts, CASES[i].texts);
    CHECK(bench.n_close == 0);
    finish(&bench);
  }
}

TEST(a_peer_that_disconnects_is_lost_not_closed) {
  static struct bench bench;

  run(&bench, disconnect_within_a_frame, 2, true);
  CHECK(bench.err.code == P2P_ERR_LOST);
  CHECK_STR(bench.err.message, "the connection to the worker broke in the middle of a message");
  finish(&bench);
  run(&bench, disconnect_within_a_record, 0, true);
  CHECK(bench.err.code == P2P_ERR_LOST);
  finish(&bench);
}

TEST(a_length_beyond_the_limits_ends_the_link_at_once) {
  static struct bench bench;

  run(&bench, announce_too_much, 0, true);
  CHECK(bench.err.code == P2P_ERR_TOO_LARGE);
  finish(&bench);
  run(&bench, announce_a_frame_too_large, 0, true);
  CHECK(bench.err.code == P2P_ERR_PROTOCOL);
  finish(&bench);
}

TEST(a_peer_that_does_not_read_is_given_up) {
  static struct bench bench;

  run(&bench, stop_reading, 0, true);
  CHECK(bench.err.code == P2P_ERR_LOST);
  CHECK_STR(bench.err.message, "the worker has read nothing for 0.5 s");
  finish(&bench);
}

UNIT_MAIN("link_stream", UNIT(frames_may_span_records),
          UNIT(a_peer_that_disconnects_is_lost_not_closed),
          UNIT(a_length_beyond_the_limits_ends_the_link_at_once),
          UNIT(a_peer_that_does_not_read_is_given_up))
