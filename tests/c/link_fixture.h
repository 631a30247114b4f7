/* Two ends of a link in one process, over a real mailbox and a real relay. */
#ifndef P2P_TESTS_LINK_FIXTURE_H
#define P2P_TESTS_LINK_FIXTURE_H

#include "mailbox_fixture.h"
#include "wormhole/link.h"

#define PATIENCE_MS 10000
#define STREAM_BYTES (20 * 1024 * 1024)

enum moment { NEVER, AT_CODE, AT_OPEN, AT_FRAME, AT_DRAIN, AT_CLOSE };

struct end {
  struct lab *lab;
  struct p2p_link *link;
  struct p2p_link_config config;
  enum moment free_at;
  struct end *partner; /* joins with the code; may be NULL */
  char code[P2P_LINK_CODE_MAX], path[300];
  bool spoils_code;
  struct p2p_err err;
  uint8_t verifier[32];                 /* when it was opened */
  bool was_wiped;                       /* the verifier, when it was closed */
  int n_code, n_open, n_frame, n_close; /* events; see lab_wait */
  /* A stream of DATA: */
  size_t to_send, sent, received, most_queued;
  uint32_t expected; /* the task of the next DATA */
  bool streams, is_disordered;
  enum p2p_cipher_kind cipher; /* it switches to at the first frame; then n_frame counts */
  int n_streamed;
};

static void end_free(void *arg) {
  struct end *end = arg;

  p2p_link_free(end->link);
  end->link = NULL;
}

static void free_if(struct end *end, enum moment moment) {
  if (end->free_at == moment) end_free(end);
}

static void end_open(void *arg);

static void on_code(void *arg, const char *code) {
  struct end *end = arg;

  snprintf(end->code, sizeof end->code, "%s", code);
  if (end->partner != NULL) {
    snprintf(end->partner->code, sizeof end->partner->code, "%s", code);
    if (end->spoils_code) {
      char *last = end->partner->code + strlen(code) - 1;
      *last = *last == '0' ? '1' : '0';
    }
    end->partner->config.code = end->partner->code;
    end_open(end->partner);
  }
  free_if(end, AT_CODE);
  lab_tell(end->lab, &end->n_code);
}

static void on_open(void *arg, const char *path) {
  struct end *end = arg;

  snprintf(end->path, sizeof end->path, "%s", path);
  memcpy(end->verifier, p2p_link_verifier(end->link), sizeof end->verifier);
  free_if(end, AT_OPEN);
  lab_tell(end->lab, &end->n_open);
}

static void pump(void *arg) {
  struct end *end = arg;
  static const uint8_t CHUNK[P2P_FRAME_PAYLOAD_MAX] = {1, 2, 3};

  while (end->link != NULL && end->sent < end->to_send &&
         p2p_link_queued(end->link) < P2P_LINK_QUEUE_HIGH) {
    uint32_t number = (uint32_t)(end->sent / sizeof CHUNK);
    CHECK(p2p_link_send(end->link, P2P_FRAME_DATA, number, CHUNK, sizeof CHUNK) == P2P_OK);
    end->sent += sizeof CHUNK;
    if (p2p_link_queued(end->link) > end->most_queued)
      end->most_queued = p2p_link_queued(end->link);
  }
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct end *end = arg;

  CHECK(frame->type != P2P_FRAME_PING);
  if (end->streams && frame->type == P2P_FRAME_DATA) {
    if (frame->task != end->expected++ || frame->length != P2P_FRAME_PAYLOAD_MAX ||
        frame->payload[2] != 3)
      end->is_disordered = true;
    end->received += frame->length;
    if (end->received == STREAM_BYTES) lab_tell(end->lab, &end->n_streamed);
    return;
  }
  CHECK(frame->type == P2P_FRAME_CONDITION && frame->task == 77 && frame->length == 5);
  CHECK(memcmp(frame->payload, "hello", 5) == 0);
  CHECK(p2p_link_switch(end->link, end->cipher) == P2P_OK);
  free_if(end, AT_FRAME);
  lab_tell(end->lab, &end->n_frame);
}

static void on_drain(void *arg) {
  struct end *end = arg;

  if (end->free_at == AT_DRAIN) {
    end_free(end);
    lab_tell(end->lab, &end->n_streamed);
  } else {
    pump(end);
  }
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct end *end = arg;

  static const uint8_t ZEROS[32];
  end->was_wiped = memcmp(p2p_link_verifier(end->link), ZEROS, sizeof ZEROS) == 0;
  end->err = *err;
  CHECK(p2p_link_send(end->link, P2P_FRAME_PING, 0, NULL, 0) == P2P_ERR_CLOSED);
  free_if(end, AT_CLOSE);
  lab_tell(end->lab, &end->n_close);
}

static void end_open(void *arg) {
  static const struct p2p_link_callbacks EVENTS = {on_code, on_open, on_frame, on_drain, on_close};
  struct end *end = arg;
  struct p2p_err err = {0};

  if (p2p_link_open(&end->config, &EVENTS, end, &end->link, &err) != P2P_OK) {
    fprintf(stderr, "%s\n", err.message);
    CHECK(!"opened");
  }
}

static void end_send_hello(void *arg) {
  struct end *end = arg;
  CHECK(p2p_link_send(end->link, P2P_FRAME_CONDITION, 77, "hello", 5) == P2P_OK);
}

/* Two ends of a link. */
struct pair {
  struct lab lab;
  char url[64];
  struct end opener, joiner;
};

static void pair_init(struct pair *pair) {
  memset(pair, 0, sizeof *pair);
  lab_open(&pair->lab);
  struct p2p_link_config config = {.loop = pair->lab.loop,
                                   .mailbox = pair->lab.mailbox,
                                   .relay = pair->lab.relay,
                                   .timeout_ms = PATIENCE_MS};
  pair->opener.lab = pair->joiner.lab = &pair->lab;
  pair->opener.config = pair->joiner.config = config;
  pair->opener.partner = &pair->joiner;
}

static inline void pair_start(struct pair *pair) {
  CHECK(p2p_loop_call(pair->lab.loop, end_open, &pair->opener) == P2P_OK);
}

static inline void pair_open(struct pair *pair) {
  pair_start(pair);
  CHECK(lab_wait(&pair->lab, &pair->opener.n_open, 1, PATIENCE_MS));
  CHECK(lab_wait(&pair->lab, &pair->joiner.n_open, 1, PATIENCE_MS));
}

static void pair_close(struct pair *pair) {
  CHECK(p2p_loop_call(pair->lab.loop, end_free, &pair->opener) == P2P_OK);
  CHECK(p2p_loop_call(pair->lab.loop, end_free, &pair->joiner) == P2P_OK);
  lab_close(&pair->lab);
}

/* Neither end sees the other's before it sends its own. */
static void send_hellos(void *arg) {
  struct pair *pair = arg;
  end_send_hello(&pair->opener);
  end_send_hello(&pair->joiner);
}

static void check_frames(struct pair *pair) {
  CHECK(p2p_loop_call(pair->lab.loop, send_hellos, pair) == P2P_OK);
  CHECK(lab_wait(&pair->lab, &pair->joiner.n_frame, 1, PATIENCE_MS));
  CHECK(lab_wait(&pair->lab, &pair->opener.n_frame, 1, PATIENCE_MS));
}

#endif
