/* Owns the tasks that run over one link. A task keeps its slot until the worker has answered with
 * RESULT or LOST, even if it has ended for us before: what arrives for it is then discarded. */
#include "client/task_stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/run.h"
#include "client/slot_pool.h"
#include "client/task_loss.h"
#include "protocol/identity.h"
#include "protocol/lost.h"
#include "protocol/slot.h"
#include "protocol/task_header.h"

struct p2p_task_stream {
  struct p2p_task_stream_config config;
  char worker[P2P_IDENTITY_LABEL_MAX];
  struct p2p_slot_pool *slots;
  struct p2p_run *first; /* the next to send a piece of its object */
  uint32_t last_id;
  uint32_t running;           /* runs with a task */
  uint32_t in_line;           /* runs whose resources are not reserved yet, as far as we know */
  struct p2p_amounts amounts; /* of all runs */
  bool is_closed;             /* by LOST of task 0 */
};

struct p2p_task_stream *p2p_task_stream_new(const struct p2p_task_stream_config *config,
                                            uint64_t now_ms) {
  struct p2p_task_stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL) return NULL;
  stream->config = *config;
  snprintf(stream->worker, sizeof stream->worker, "%s", config->worker);
  stream->slots = p2p_slot_pool_new(config->slots, now_ms);
  if (stream->slots != NULL) return stream;
  free(stream);
  return NULL;
}

/* Takes the task, which is not RUNNING any more, out of a run, which goes on until the worker
 * answers. */
static struct p2p_task *detach_task(struct p2p_task_stream *stream, struct p2p_run *run) {
  struct p2p_task *task = run->task;
  p2p_received_discard(&run->received);
  run->task = NULL;
  if (task == NULL) return NULL;
  stream->running--;
  if (!run->is_in_line)
    stream->config.on_left(stream->config.arg, task, run->upload.total, run->received.total);
  return task;
}

static void release_task(struct p2p_task_stream *stream, struct p2p_run *run) {
  struct p2p_task *task = detach_task(stream, run);
  if (task != NULL) p2p_task_release(task);
}

static void free_run(struct p2p_task_stream *stream, struct p2p_run *run) {
  release_task(stream, run);
  p2p_upload_clear(&run->upload);
  free(run);
}

void p2p_task_stream_free(struct p2p_task_stream *stream) {
  if (stream == NULL) return;
  while (stream->first != NULL) {
    struct p2p_run *run = stream->first;
    stream->first = run->next;
    free_run(stream, run);
  }
  p2p_slot_pool_free(stream->slots);
  free(stream);
}

void p2p_task_stream_describe(const struct p2p_task_stream *stream, uint64_t now_ms,
                              struct p2p_schedule_worker *out) {
  p2p_slot_pool_describe(stream->slots, now_ms, out);
}

uint32_t p2p_task_stream_running(const struct p2p_task_stream *stream) { return stream->running; }

struct p2p_task *p2p_task_stream_in_line(const struct p2p_task_stream *stream) {
  const struct p2p_run *run = stream->first;
  for (; run != NULL; run = run->next)
    if (run->is_in_line && run->task != NULL) return run->task;
  return NULL;
}

void p2p_task_stream_room(const struct p2p_task_stream *stream, const struct p2p_machine *machine,
                          const struct p2p_load *load, struct p2p_room *out) {
  p2p_room_init(out, machine, &stream->amounts, load, stream->in_line == 0);
}

/* Sending. */

static int send_frame(struct p2p_task_stream *stream, uint8_t type, uint32_t id,
                      const void *payload, size_t length) {
  return stream->config.send(stream->config.arg, type, id, payload, length);
}

static int send_slot(struct p2p_task_stream *stream, enum p2p_slot_op op, uint32_t count) {
  uint8_t payload[P2P_SLOT_LEN];
  p2p_slot_write(op, count, payload);
  return send_frame(stream, P2P_FRAME_SLOT, 0, payload, sizeof payload);
}

int p2p_task_stream_request_slots(struct p2p_task_stream *stream, uint32_t count, uint64_t now_ms) {
  p2p_slot_pool_request(stream->slots, count, now_ms);
  return send_slot(stream, P2P_SLOT_WANT, count);
}

int p2p_task_stream_return_slots(struct p2p_task_stream *stream, uint32_t count) {
  count = p2p_slot_pool_return(stream->slots, count);
  return count > 0 ? send_slot(stream, P2P_SLOT_RETURN, count) : P2P_OK;
}

/* Numbers start from 1. They wrap around on a link that is open for very long. */
static uint32_t next_id(struct p2p_task_stream *stream) {
  do stream->last_id++;
  while (stream->last_id == 0 || p2p_run_find(stream->first, stream->last_id) != NULL);
  return stream->last_id;
}

/* Fails a task and cancels it at the worker. */
static int reject(struct p2p_task_stream *stream, struct p2p_run *run, const struct p2p_err *why) {
  p2p_task_fail(run->task, why);
  release_task(stream, run);
  stream->config.on_task(stream->config.arg);
  return send_frame(stream, P2P_FRAME_CANCEL, run->id, NULL, 0);
}

static int reject_part(struct p2p_task_stream *stream, struct p2p_run *run, int code) {
  struct p2p_err err;
  p2p_task_loss_of_part(run->task, code, &err);
  return reject(stream, run, &err);
}

static int send_piece(struct p2p_task_stream *stream, struct p2p_run *run, const uint8_t *bytes,
                      size_t length) {
  int code = send_frame(stream, P2P_FRAME_DATA, run->id, bytes, length);
  p2p_upload_done(&run->upload);
  p2p_task_note_sent(run->task, run->upload.total, run->upload.wanted);
  if (code != P2P_OK || p2p_upload_is_left(&run->upload, run->task)) return code;
  if (p2p_task_parts(run->task)->n > 0) stream->config.on_task(stream->config.arg); /* R waits */
  return P2P_OK;
}

int p2p_task_stream_on_drain(struct p2p_task_stream *stream) {
  while (stream->config.queued(stream->config.arg) < stream->config.queue_high_bytes) {
    const uint8_t *bytes;
    long length = 0;
    struct p2p_run *run = stream->first;
    for (; run != NULL; run = run->next)
      if (run->task && (length = p2p_upload_take(&run->upload, run->task, &bytes)) != 0) break;
    if (run == NULL) break;
    p2p_run_unlink(&stream->first, run);
    p2p_run_append(&stream->first, run); /* the next piece is another task's */
    int code = length < 0 ? reject_part(stream, run, (int)length)
                          : send_piece(stream, run, bytes, (size_t)length);
    if (code != P2P_OK) return code;
  }
  return P2P_OK;
}

/* The worker reads it before the TASK. */
static int send_request(struct p2p_task_stream *stream, struct p2p_run *run) {
  const struct p2p_resources *request = &p2p_task_requirements(run->task)->resources;
  char payload[P2P_REQUEST_MAX];
  if (p2p_resources_are_none(request)) return P2P_OK;
  run->is_in_line = true;
  run->amounts = request->amounts;
  stream->in_line++;
  p2p_amounts_add(&stream->amounts, &run->amounts);
  return send_frame(stream, P2P_FRAME_REQUEST, run->id, payload,
                    p2p_request_write(request, payload));
}

/* It has its turn, or has ended. */
static void leave_line(struct p2p_task_stream *stream, struct p2p_run *run) {
  stream->in_line -= run->is_in_line;
  run->is_in_line = false;
}

int p2p_task_stream_start(struct p2p_task_stream *stream, struct p2p_task *task) {
  uint8_t header[P2P_UPLOAD_HEADER_MAX];
  struct p2p_run *run = calloc(1, sizeof *run);
  if (run == NULL) {
    struct p2p_err err;
    p2p_err_set(&err, P2P_ERR_MEMORY, "out of memory");
    p2p_task_fail(task, &err);
    p2p_task_release(task);
    stream->config.on_task(stream->config.arg);
    return P2P_OK;
  }
  run->id = next_id(stream);
  run->task = task;
  p2p_run_append(&stream->first, run);
  stream->running++;
  p2p_slot_pool_take(stream->slots);
  int code = send_request(stream, run);
  if (code != P2P_OK) return code;
  size_t length = p2p_upload_begin(&run->upload, task, header);
  code = send_frame(stream, P2P_FRAME_TASK, run->id, header, length);
  return code != P2P_OK ? code : p2p_task_stream_on_drain(stream);
}

int p2p_task_stream_cancel_ended(struct p2p_task_stream *stream) {
  int code = P2P_OK;
  for (struct p2p_run *run = stream->first; run != NULL && code == P2P_OK; run = run->next) {
    if (run->task != NULL && p2p_task_state(run->task) == P2P_TASK_WAITING)
      stream->config.on_again(stream->config.arg, detach_task(stream, run));
    else if (run->task == NULL || !p2p_task_has_ended(run->task))
      continue;
    release_task(stream, run);
    code = send_frame(stream, P2P_FRAME_CANCEL, run->id, NULL, 0);
  }
  return code;
}

/* Frames of the worker. */

static int violation(struct p2p_err *err, const char *what) {
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "it violated the link protocol: %s", what);
}

/* The worker has answered: the slot is idle again. */
static void end_run(struct p2p_task_stream *stream, struct p2p_run *run, uint64_t now_ms) {
  p2p_run_unlink(&stream->first, run);
  leave_line(stream, run);
  p2p_amounts_subtract(&stream->amounts, &run->amounts);
  free_run(stream, run);
  p2p_slot_pool_release(stream->slots, now_ms);
  stream->config.on_task(stream->config.arg);
}

static int on_slot(struct p2p_task_stream *stream, const struct p2p_frame *frame, uint64_t now_ms,
                   struct p2p_err *err) {
  struct p2p_slot slot;
  if (p2p_slot_read(frame->payload, frame->length, P2P_ROLE_WORKER, &slot) != P2P_OK)
    return violation(err, "malformed SLOT");
  if (slot.op == P2P_SLOT_RECALL)
    p2p_slot_pool_recall(stream->slots, slot.count);
  else if (!p2p_slot_pool_grant(stream->slots, slot.count, now_ms))
    return violation(err, "it granted more slots than it has");
  return P2P_OK;
}

static int reject_memory(struct p2p_task_stream *stream, struct p2p_run *run) {
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_MEMORY, "out of memory for its %s", p2p_received_name(&run->received));
  return reject(stream, run, &err);
}

static int reject_size(struct p2p_task_stream *stream, struct p2p_run *run) {
  struct p2p_err err;
  p2p_received_too_large(&run->received, run->task, stream->worker, stream->config.object_cap_bytes,
                         &err);
  return reject(stream, run, &err);
}

/* All bytes of a condition or result have arrived. */
static void complete(struct p2p_task_stream *stream, struct p2p_run *run, uint64_t now_ms,
                     bool *changed) {
  bool is_result = run->received.kind == P2P_RECEIVED_RESULT;
  bool is_news = p2p_received_complete(&run->received, run->task);
  if (!is_result && is_news) stream->config.on_task(stream->config.arg);
  if (!is_result) return;
  *changed = true;
  end_run(stream, run, now_ms);
}

/* CONDITION or RESULT. */
static int on_header(struct p2p_task_stream *stream, const struct p2p_frame *frame, uint64_t now_ms,
                     bool *changed, struct p2p_err *err) {
  struct p2p_run *run = p2p_run_find(stream->first, frame->task);
  uint64_t size;
  if (p2p_size_header_read(frame->payload, frame->length, &size) != P2P_OK)
    return violation(err, "malformed CONDITION or RESULT");
  if (run == NULL) return P2P_OK;
  if (run->is_in_line) return violation(err, "an object before its NEED");
  if (run->received.kind != P2P_RECEIVED_NOTHING)
    return violation(err, "an object within another one");
  run->received.kind =
      frame->type == P2P_FRAME_RESULT ? P2P_RECEIVED_RESULT : P2P_RECEIVED_CONDITION;
  run->received.missing_bytes = size;
  int code = P2P_OK;
  if (run->task != NULL && size > stream->config.object_cap_bytes)
    code = reject_size(stream, run);
  else if (run->task != NULL && p2p_received_keep(&run->received, run->task) != P2P_OK)
    code = reject_memory(stream, run);
  else if (run->task != NULL && p2p_task_is_readable(run->task))
    stream->config.on_task(stream->config.arg);
  if (code == P2P_OK && size == 0) complete(stream, run, now_ms, changed);
  return code;
}

static int on_need(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                   struct p2p_err *err) {
  struct p2p_run *run = p2p_run_find(stream->first, frame->task);
  if (run != NULL) leave_line(stream, run);
  if (run == NULL || run->task == NULL) return P2P_OK;
  (void)p2p_task_take_turn(run->task);
  if (p2p_upload_need(&run->upload, run->task, frame->payload, frame->length) != P2P_OK)
    return violation(err, "malformed NEED, or one that nobody waits for");
  return p2p_task_stream_on_drain(stream);
}

static int on_data(struct p2p_task_stream *stream, const struct p2p_frame *frame, uint64_t now_ms,
                   bool *changed, struct p2p_err *err) {
  struct p2p_run *run = p2p_run_find(stream->first, frame->task);
  if (run == NULL) return P2P_OK;
  if (run->received.kind == P2P_RECEIVED_NOTHING)
    return violation(err, "DATA without CONDITION or RESULT");
  if (frame->length > run->received.missing_bytes)
    return violation(err, "more DATA than announced");
  int code = p2p_received_append(&run->received, frame->payload, frame->length);
  if (code != P2P_OK) code = reject_memory(stream, run);
  if (p2p_result_is_ahead(run->received.result)) stream->config.on_ahead(stream->config.arg);
  if (code == P2P_OK && run->received.missing_bytes == 0) complete(stream, run, now_ms, changed);
  return code;
}

static void on_lost(struct p2p_task_stream *stream, const struct p2p_frame *frame, uint64_t now_ms,
                    bool *changed) {
  struct p2p_run *run = p2p_run_find(stream->first, frame->task);
  if (run == NULL) return;
  if (run->task != NULL) {
    struct p2p_err err = {.code = P2P_ERR_LOST};
    enum p2p_lost_kind kind =
        p2p_lost_read(frame->payload, frame->length, err.message, sizeof err.message);
    if (p2p_task_loss_retries(run->task, kind, &err))
      stream->config.on_again(stream->config.arg, detach_task(stream, run));
    else if (kind == P2P_LOST_FINAL)
      p2p_task_fail(run->task, &err);
    else
      p2p_task_loss_fail(run->task, &err);
  }
  *changed = true;
  end_run(stream, run, now_ms);
}

/* LOST of task 0: the worker ends the link. */
static int on_link_lost(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                        struct p2p_err *err) {
  char why[P2P_ERR_MESSAGE_MAX / 2];
  p2p_lost_read(frame->payload, frame->length, why, sizeof why);
  stream->is_closed = true;
  return p2p_err_set(err, P2P_ERR_CLOSED, "%s", why[0] != '\0' ? why : "it gave no reason");
}

int p2p_task_stream_on_frame(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                             uint64_t now_ms, bool *changed, struct p2p_err *err) {
  int code = P2P_OK;
  switch (frame->type) {
  case P2P_FRAME_SLOT: *changed = true; return on_slot(stream, frame, now_ms, err);
  case P2P_FRAME_CONDITION:
  case P2P_FRAME_RESULT: code = on_header(stream, frame, now_ms, changed, err); break;
  case P2P_FRAME_NEED: *changed = true, code = on_need(stream, frame, err); break;
  case P2P_FRAME_DATA: code = on_data(stream, frame, now_ms, changed, err); break;
  case P2P_FRAME_LOST:
    if (frame->task == 0) return on_link_lost(stream, frame, err);
    on_lost(stream, frame, now_ms, changed);
    break;
  default: return violation(err, "a frame that only a client sends");
  }
  if (code != P2P_OK && code != P2P_ERR_PROTOCOL)
    p2p_err_set(err, code, "cannot write to the link");
  return code;
}

/* The end of the link. */

void p2p_task_stream_fail(struct p2p_task_stream *stream, const struct p2p_err *why,
                          struct p2p_task_queue *again) {
  for (struct p2p_run *run = stream->first; run != NULL; run = run->next) {
    if (run->task == NULL) continue;
    struct p2p_err err;
    p2p_task_loss_of_link(run->task, stream->is_closed, why->message, &err);
    enum p2p_lost_kind kind =
        p2p_upload_is_left(&run->upload, run->task) ? P2P_LOST_NOT_BEGUN : P2P_LOST_KILLED;
    if (p2p_task_loss_retries(run->task, kind, &err)) {
      p2p_task_queue_push(again, detach_task(stream, run));
    } else {
      p2p_task_loss_fail(run->task, &err);
      release_task(stream, run);
    }
  }
  stream->config.on_task(stream->config.arg);
}

void p2p_task_stream_cancel_all(struct p2p_task_stream *stream, const struct p2p_err *why) {
  int code = P2P_OK;
  for (struct p2p_run *run = stream->first; run != NULL; run = run->next) {
    if (run->task == NULL) continue;
    p2p_task_fail(run->task, why);
    release_task(stream, run);
    if (code == P2P_OK) code = send_frame(stream, P2P_FRAME_CANCEL, run->id, NULL, 0);
  }
  stream->config.on_task(stream->config.arg);
}
