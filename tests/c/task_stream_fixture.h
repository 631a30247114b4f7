/* A task stream whose worker is the test: the frames that were sent, and scripted ones of the
 * worker. */
#ifndef P2P_TESTS_TASK_STREAM_FIXTURE_H
#define P2P_TESTS_TASK_STREAM_FIXTURE_H

#include "client/task_stream.h"

#include <stdlib.h>

#include "base/endian.h"
#include "protocol/slot.h"
#include "unit.h"

#define WORKER "carol@desk:4711"
#define CAP 4000000

/* The frames that were sent. */
static struct sent {
  uint8_t type;
  uint32_t task;
  size_t length;
  uint8_t payload[16];
} sent[256];
static size_t n_sent, queued_bytes, task_news;
static int send_code;

static inline int record(void *arg, uint8_t type, uint32_t task, const void *payload,
                         size_t length) {
  (void)arg;
  if (send_code != P2P_OK) return send_code;
  if (n_sent == sizeof sent / sizeof sent[0]) return P2P_ERR_MEMORY;
  struct sent *frame = &sent[n_sent++];
  *frame = (struct sent){.type = type, .task = task, .length = length};
  memcpy(frame->payload, length > 0 ? payload : "",
         length < sizeof frame->payload ? length : sizeof frame->payload);
  queued_bytes += length;
  return P2P_OK;
}

static inline size_t queued(void *arg) {
  (void)arg;
  return queued_bytes;
}

static inline void count_task(void *arg) {
  (void)arg;
  task_news++;
}

static struct p2p_err err;
static struct p2p_task_queue again;
static bool changed;

static inline void queue_again(void *arg, struct p2p_task *task) {
  (void)arg;
  p2p_task_queue_push(&again, task);
}

static struct {
  size_t tasks, done;
  uint64_t sent, received;
} left;

static inline void count_left(void *arg, struct p2p_task *task, uint64_t n_sent_bytes,
                              uint64_t n_received_bytes) {
  (void)arg;
  CHECK(p2p_task_state(task) != P2P_TASK_RUNNING);
  left.tasks++;
  left.done += p2p_task_state(task) == P2P_TASK_DONE;
  left.sent += n_sent_bytes;
  left.received += n_received_bytes;
}

static inline struct p2p_task_stream *stream_new(uint32_t slots) {
  struct p2p_task_stream_config config = {.worker = WORKER,
                                          .slots = slots,
                                          .object_cap_bytes = CAP,
                                          .queue_high_bytes = 200000,
                                          .send = record,
                                          .queued = queued,
                                          .on_task = count_task,
                                          .on_again = queue_again,
                                          .on_left = count_left};
  n_sent = queued_bytes = task_news = 0;
  memset(&left, 0, sizeof left);
  send_code = P2P_OK;
  return p2p_task_stream_new(&config, 0);
}

static inline int take(struct p2p_task_stream *stream, uint8_t type, uint32_t task,
                       const void *payload, size_t length, uint64_t now_ms) {
  struct p2p_frame frame = {
      .type = type, .task = task, .length = (uint32_t)length, .payload = payload};
  changed = false;
  return p2p_task_stream_on_frame(stream, &frame, now_ms, &changed, &err);
}

static inline int slot(struct p2p_task_stream *stream, uint8_t op, uint32_t count,
                       uint64_t now_ms) {
  uint8_t payload[5] = {op};
  p2p_set_u32(payload + 1, count);
  return take(stream, P2P_FRAME_SLOT, 0, payload, sizeof payload, now_ms);
}

static inline int announce(struct p2p_task_stream *stream, uint8_t type, uint32_t task,
                           uint64_t size) {
  uint8_t payload[8];
  p2p_set_u64(payload, size);
  return take(stream, type, task, payload, sizeof payload, 0);
}

/* A running task with one reference for the test. */
static inline struct p2p_task *start_with(struct p2p_task_stream *stream, size_t size,
                                          uint32_t retries) {
  struct p2p_blob *object = p2p_blob_new(size);
  char *bytes = calloc(1, size + 1);
  CHECK(p2p_blob_append(object, bytes, size) == P2P_OK);
  free(bytes);
  struct p2p_task *task = p2p_task_new(object, "x");
  CHECK(p2p_task_submit(task, retries) && p2p_task_start(task, WORKER));
  p2p_task_ref(task);
  CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
  return task;
}

#endif
