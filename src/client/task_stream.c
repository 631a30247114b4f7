/* Owns the tasks that run over one link. A task keeps its slot until the worker has answered with
 * RESULT or LOST, also when nobody waits for it any more: its frames are then read over. */
#include "client/task_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/lost.h"
#include "protocol/member_name.h"
#include "protocol/object_header.h"
#include "protocol/slot.h"

enum receiving { NOTHING, CONDITION, RESULT };

struct run {
  struct run *next;
  uint32_t id;
  struct p2p_task *task; /* NULL: ended for us */
  uint64_t sent;         /* bytes of its object */
  enum receiving receiving;
  uint64_t missing;          /* bytes of what is received */
  struct p2p_blob *incoming; /* NULL: read over */
};

struct p2p_task_stream {
  struct p2p_task_stream_config config;
  char worker[P2P_MEMBER_NAME_MAX];
  struct run *first; /* who sends next is first */
  uint32_t busy, last_id;
  uint32_t idle, recalled, requested;
  uint64_t requested_ms, used_ms;
  uint64_t idle_since_ms[]; /* of the idle slots, coldest first; a task takes the warmest */
};

struct p2p_task_stream *p2p_task_stream_new(const struct p2p_task_stream_config *config,
                                            uint64_t now_ms) {
  struct p2p_task_stream *stream =
      calloc(1, sizeof *stream + config->slots * sizeof stream->idle_since_ms[0]);
  if (stream == NULL) return NULL;
  stream->config = *config;
  snprintf(stream->worker, sizeof stream->worker, "%s", config->worker);
  stream->used_ms = stream->requested_ms = now_ms;
  return stream;
}

/* The end of a task for this lane; the run may go on, read over. */
static void release_task(struct run *run) {
  p2p_blob_free(run->incoming);
  run->incoming = NULL;
  if (run->task == NULL) return;
  p2p_task_release(run->task);
  run->task = NULL;
}

void p2p_task_stream_free(struct p2p_task_stream *stream) {
  if (stream == NULL) return;
  while (stream->first != NULL) {
    struct run *run = stream->first;
    stream->first = run->next;
    release_task(run);
    free(run);
  }
  free(stream);
}

void p2p_task_stream_describe(const struct p2p_task_stream *stream, uint64_t now_ms,
                              struct p2p_schedule_worker *out) {
  *out = (struct p2p_schedule_worker){
      .link = P2P_SCHEDULE_OPEN,
      .slots = stream->config.slots,
      .held = stream->busy + stream->idle,
      .busy = stream->busy,
      .recalled = stream->recalled,
      .requested = stream->requested,
      .requested_ms = stream->requested_ms,
      .used_ms = stream->used_ms,
      .next_cool_ms = P2P_SCHEDULE_NEVER,
  };
  for (uint32_t i = 0; i < stream->idle; i++) {
    uint64_t cool_ms = stream->idle_since_ms[i] + P2P_SCHEDULE_COOL_MS,
             cold_ms = stream->idle_since_ms[i] + P2P_SCHEDULE_WARM_MS;
    out->cool += cool_ms <= now_ms;
    out->cold += cold_ms <= now_ms;
    uint64_t next_ms = cool_ms > now_ms ? cool_ms : cold_ms;
    if (next_ms > now_ms && next_ms < out->next_cool_ms) out->next_cool_ms = next_ms;
  }
}

uint32_t p2p_task_stream_running(const struct p2p_task_stream *stream) {
  uint32_t running = 0;
  for (const struct run *run = stream->first; run != NULL; run = run->next)
    running += run->task != NULL;
  return running;
}

static int send(struct p2p_task_stream *stream, uint8_t type, uint32_t id, const void *payload,
                size_t length) {
  return stream->config.send(stream->config.arg, type, id, payload, length);
}

static int send_slot(struct p2p_task_stream *stream, enum p2p_slot_op op, uint32_t count) {
  uint8_t payload[P2P_SLOT_LEN];
  p2p_slot_write(op, count, payload);
  return send(stream, P2P_FRAME_SLOT, 0, payload, sizeof payload);
}

int p2p_task_stream_request_slots(struct p2p_task_stream *stream, uint32_t count, uint64_t now_ms) {
  stream->requested = count;
  stream->requested_ms = now_ms;
  return send_slot(stream, P2P_SLOT_WANT, count);
}

int p2p_task_stream_return_slots(struct p2p_task_stream *stream, uint32_t count) {
  if (count > stream->idle) count = stream->idle;
  if (count == 0) return P2P_OK;
  stream->idle -= count;
  memmove(stream->idle_since_ms, stream->idle_since_ms + count,
          stream->idle * sizeof stream->idle_since_ms[0]);
  stream->recalled -= count < stream->recalled ? count : stream->recalled;
  return send_slot(stream, P2P_SLOT_RETURN, count);
}

static struct run *find(const struct p2p_task_stream *stream, uint32_t id) {
  struct run *run = stream->first;
  while (run != NULL && run->id != id) run = run->next;
  return run;
}

static void append(struct p2p_task_stream *stream, struct run *run) {
  struct run **at = &stream->first;
  while (*at != NULL) at = &(*at)->next;
  run->next = NULL;
  *at = run;
}

static void unlink_run(struct p2p_task_stream *stream, const struct run *run) {
  struct run **at = &stream->first;
  while (*at != run) at = &(*at)->next;
  *at = run->next;
}

/* Tasks are numbered by us, from 1; on a link of many days the numbers come round. */
static uint32_t next_id(struct p2p_task_stream *stream) {
  do stream->last_id++;
  while (stream->last_id == 0 || find(stream, stream->last_id) != NULL);
  return stream->last_id;
}

static bool is_sending(const struct run *run) {
  return run->task != NULL && run->sent < p2p_blob_size(p2p_task_object(run->task));
}

static int send_piece(struct p2p_task_stream *stream, struct run *run) {
  const uint8_t *bytes;
  size_t length = p2p_blob_span(p2p_task_object(run->task), run->sent, &bytes);
  if (length > P2P_FRAME_PAYLOAD_MAX) length = P2P_FRAME_PAYLOAD_MAX;
  run->sent += length;
  return send(stream, P2P_FRAME_DATA, run->id, bytes, length);
}

int p2p_task_stream_on_drain(struct p2p_task_stream *stream) {
  while (stream->config.queued(stream->config.arg) < stream->config.queue_high_bytes) {
    struct run *run = stream->first;
    while (run != NULL && !is_sending(run)) run = run->next;
    if (run == NULL) break;
    unlink_run(stream, run);
    append(stream, run); /* the next piece is another task's */
    int code = send_piece(stream, run);
    if (code != P2P_OK) return code;
  }
  return P2P_OK;
}

int p2p_task_stream_start(struct p2p_task_stream *stream, struct p2p_task *task) {
  struct run *run = calloc(1, sizeof *run);
  if (run == NULL) {
    struct p2p_err err;
    p2p_err_set(&err, P2P_ERR_MEMORY, "Out of memory.");
    p2p_task_fail(task, &err);
    p2p_task_release(task);
    stream->config.on_task(stream->config.arg);
    return P2P_OK;
  }
  run->id = next_id(stream);
  run->task = task;
  append(stream, run);
  stream->busy++;
  stream->idle--;
  uint8_t payload[P2P_TASK_HEADER_MAX];
  size_t length =
      p2p_task_header_write(p2p_blob_size(p2p_task_object(task)), p2p_task_label(task), payload);
  int code = send(stream, P2P_FRAME_TASK, run->id, payload, length);
  return code != P2P_OK ? code : p2p_task_stream_on_drain(stream);
}

int p2p_task_stream_cancel_ended(struct p2p_task_stream *stream) {
  int code = P2P_OK;
  for (struct run *run = stream->first; run != NULL && code == P2P_OK; run = run->next) {
    if (run->task == NULL || !p2p_task_has_ended(run->task)) continue;
    release_task(run);
    code = send(stream, P2P_FRAME_CANCEL, run->id, NULL, 0);
  }
  return code;
}

/* The worker's frames. */

static int broken(struct p2p_err *err, const struct p2p_task_stream *stream, const char *what) {
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "%s broke the link's protocol: %s", stream->worker,
                     what);
}

/* The slot is idle again. */
static void end_run(struct p2p_task_stream *stream, struct run *run, uint64_t now_ms) {
  unlink_run(stream, run);
  release_task(run);
  free(run);
  stream->busy--;
  stream->idle_since_ms[stream->idle++] = now_ms;
  stream->used_ms = now_ms;
  stream->config.on_task(stream->config.arg);
}

static int take_slots(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                      uint64_t now_ms, struct p2p_err *err) {
  struct p2p_slot slot;
  if (p2p_slot_read(frame->payload, frame->length, P2P_ROLE_WORKER, &slot) != P2P_OK)
    return broken(err, stream, "sent a malformed SLOT frame");
  uint32_t held = stream->busy + stream->idle;
  if (slot.op == P2P_SLOT_RECALL) {
    stream->recalled = slot.count < held - stream->recalled ? stream->recalled + slot.count : held;
    return P2P_OK;
  }
  if (slot.count > stream->config.slots - held)
    return broken(err, stream, "it granted more slots than it has");
  while (slot.count-- > 0) stream->idle_since_ms[stream->idle++] = now_ms;
  stream->requested_ms = now_ms;
  return P2P_OK;
}

/* Nobody waits for this task any more: the worker is told. */
static int give_up(struct p2p_task_stream *stream, struct run *run, int code, const char *message) {
  struct p2p_err err;
  p2p_err_set(&err, code, "%s", message);
  p2p_task_fail(run->task, &err);
  release_task(run);
  stream->config.on_task(stream->config.arg);
  return send(stream, P2P_FRAME_CANCEL, run->id, NULL, 0);
}

static int refuse_size(struct p2p_task_stream *stream, struct run *run, uint64_t size) {
  char message[P2P_ERR_MESSAGE_MAX];
  snprintf(message, sizeof message,
           "The %s of future '%s' from %s is too large: %llu bytes, and this session takes at most "
           "%llu bytes",
           run->receiving == RESULT ? "result" : "condition", p2p_task_label(run->task),
           stream->worker, (unsigned long long)size,
           (unsigned long long)stream->config.object_cap_bytes);
  return give_up(stream, run, P2P_ERR_TOO_LARGE, message);
}

/* What is announced has arrived. */
static void complete(struct p2p_task_stream *stream, struct run *run, uint64_t now_ms,
                     bool *changed) {
  enum receiving received = run->receiving;
  struct p2p_blob *object = run->incoming;
  run->incoming = NULL;
  run->receiving = NOTHING;
  if (received == CONDITION) {
    if (object != NULL && p2p_task_add_condition(run->task, object))
      stream->config.on_task(stream->config.arg);
    return;
  }
  if (object != NULL) p2p_task_finish(run->task, object);
  *changed = true;
  end_run(stream, run, now_ms);
}

static int take_announcement(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                             uint64_t now_ms, bool *changed, struct p2p_err *err) {
  struct run *run = find(stream, frame->task);
  uint64_t size;
  if (p2p_object_header_read(frame->payload, frame->length, &size) != P2P_OK)
    return broken(err, stream, "sent a malformed RESULT or CONDITION frame");
  if (run == NULL) return P2P_OK;
  if (run->receiving != NOTHING) return broken(err, stream, "an object within another one");
  run->receiving = frame->type == P2P_FRAME_RESULT ? RESULT : CONDITION;
  run->missing = size;
  int code = P2P_OK;
  if (run->task != NULL && size > stream->config.object_cap_bytes) {
    code = refuse_size(stream, run, size);
  } else if (run->task != NULL) {
    run->incoming = p2p_blob_new(size);
    if (run->incoming == NULL) code = give_up(stream, run, P2P_ERR_MEMORY, "Out of memory.");
  }
  if (code == P2P_OK && size == 0) complete(stream, run, now_ms, changed);
  return code;
}

static int take_data(struct p2p_task_stream *stream, const struct p2p_frame *frame, uint64_t now_ms,
                     bool *changed, struct p2p_err *err) {
  struct run *run = find(stream, frame->task);
  if (run == NULL) return P2P_OK;
  if (run->receiving == NOTHING) return broken(err, stream, "data of nothing that was announced");
  if (frame->length > run->missing) return broken(err, stream, "more data than it announced");
  int code = P2P_OK;
  if (run->incoming != NULL &&
      p2p_blob_append(run->incoming, frame->payload, frame->length) != P2P_OK) {
    code = give_up(stream, run, P2P_ERR_MEMORY, "Out of memory.");
  }
  run->missing -= frame->length;
  if (code == P2P_OK && run->missing == 0) complete(stream, run, now_ms, changed);
  return code;
}

static void take_lost(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                      uint64_t now_ms, bool *changed) {
  struct run *run = find(stream, frame->task);
  if (run == NULL) return;
  if (run->task != NULL) {
    struct p2p_err err = {.code = P2P_ERR_LOST};
    p2p_lost_read(frame->payload, frame->length, err.message, sizeof err.message);
    p2p_task_fail(run->task, &err);
  }
  *changed = true;
  end_run(stream, run, now_ms);
}

/* The worker ends the link. */
static int take_goodbye(const struct p2p_frame *frame, struct p2p_err *err) {
  char why[P2P_ERR_MESSAGE_MAX / 2];
  p2p_lost_read(frame->payload, frame->length, why, sizeof why);
  return p2p_err_set(err, P2P_ERR_CLOSED, "%s",
                     why[0] != '\0' ? why : "the worker closed the link");
}

int p2p_task_stream_on_frame(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                             uint64_t now_ms, bool *changed, struct p2p_err *err) {
  int code = P2P_OK;
  switch (frame->type) {
  case P2P_FRAME_SLOT: *changed = true; return take_slots(stream, frame, now_ms, err);
  case P2P_FRAME_CONDITION:
  case P2P_FRAME_RESULT: code = take_announcement(stream, frame, now_ms, changed, err); break;
  case P2P_FRAME_DATA: code = take_data(stream, frame, now_ms, changed, err); break;
  case P2P_FRAME_LOST:
    if (frame->task == 0) return take_goodbye(frame, err);
    take_lost(stream, frame, now_ms, changed);
    break;
  default: return broken(err, stream, "a frame that is not for a client");
  }
  if (code != P2P_OK && code != P2P_ERR_PROTOCOL)
    p2p_err_set(err, code, "cannot write to the link to %s", stream->worker);
  return code;
}

/* Retries would have helped a task that has none. */
static void fail_lost(struct p2p_task *task, struct p2p_err *err) {
  struct p2p_err last;
  if (p2p_task_losses(task, &last) == 0) p2p_err_because(err, "worker_lost", err->code);
  p2p_task_fail(task, err);
}

void p2p_task_stream_fail(struct p2p_task_stream *stream, const struct p2p_err *why,
                          struct p2p_task_queue *again) {
  for (struct run *run = stream->first; run != NULL; run = run->next) {
    if (run->task == NULL) continue;
    struct p2p_err err;
    p2p_err_set(&err, P2P_ERR_LOST,
                "the link to worker '%s' was lost (%s) while it was evaluating future '%s'",
                stream->worker, why->message, p2p_task_label(run->task));
    if (p2p_task_retry(run->task, &err)) {
      p2p_task_queue_push(again, run->task);
      run->task = NULL;
    } else {
      fail_lost(run->task, &err);
    }
    release_task(run);
  }
  stream->config.on_task(stream->config.arg);
}

void p2p_task_stream_cancel_all(struct p2p_task_stream *stream, const struct p2p_err *why) {
  int code = P2P_OK;
  for (struct run *run = stream->first; run != NULL; run = run->next) {
    if (run->task == NULL) continue;
    p2p_task_fail(run->task, why);
    release_task(run);
    if (code == P2P_OK) code = send(stream, P2P_FRAME_CANCEL, run->id, NULL, 0);
  }
  stream->config.on_task(stream->config.arg);
}
