/* Owns the tasks that run over one link. A task keeps its slot until the worker has answered with RESULT or LOST, also when
 * nobody waits for it any more: its frames are then read over. */
#include "client/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/roster.h"

enum receiving { NOTHING, CONDITION, RESULT };

struct run {
  struct run *next;
  uint32_t id;
  struct p2p_task *task;       /* NULL: ended for us */
  uint64_t sent;               /* bytes of its object */
  enum receiving receiving;
  uint64_t missing;            /* bytes of what is received */
  struct p2p_object *incoming; /* NULL: read over */
};

struct p2p_lane {
  struct p2p_lane_config config;
  char worker[P2P_ROSTER_FROM_MAX];
  struct run *first; /* who sends next is first */
  uint32_t busy, last_id;
  uint32_t idle, recalled, wanted;
  uint64_t wanted_ms, used_ms;
  uint64_t idle_since_ms[]; /* of the idle slots, coldest first; a task takes the warmest */
};

struct p2p_lane *p2p_lane_new(const struct p2p_lane_config *config, uint64_t now_ms) {
  struct p2p_lane *lane = calloc(1, sizeof *lane + config->slots * sizeof lane->idle_since_ms[0]);
  if (lane == NULL) return NULL;
  lane->config = *config;
  snprintf(lane->worker, sizeof lane->worker, "%s", config->worker);
  lane->used_ms = lane->wanted_ms = now_ms;
  return lane;
}

/* The end of a task for this lane; the run may go on, read over. */
static void let_go(struct run *run) {
  p2p_object_free(run->incoming);
  run->incoming = NULL;
  if (run->task == NULL) return;
  p2p_task_release_object(run->task);
  p2p_task_free(run->task);
  run->task = NULL;
}

void p2p_lane_free(struct p2p_lane *lane) {
  if (lane == NULL) return;
  while (lane->first != NULL) {
    struct run *run = lane->first;
    lane->first = run->next;
    let_go(run);
    free(run);
  }
  free(lane);
}

void p2p_lane_describe(const struct p2p_lane *lane, uint64_t now_ms, struct p2p_schedule_worker *out) {
  *out = (struct p2p_schedule_worker){
    .link = P2P_SCHEDULE_OPEN, .slots = lane->config.slots, .held = lane->busy + lane->idle, .busy = lane->busy,
    .recalled = lane->recalled, .wanted = lane->wanted, .wanted_ms = lane->wanted_ms, .used_ms = lane->used_ms,
    .next_cool_ms = P2P_SCHEDULE_NEVER,
  };
  for (uint32_t i = 0; i < lane->idle; i++) {
    uint64_t cool_ms = lane->idle_since_ms[i] + P2P_SCHEDULE_COOL_MS, cold_ms = lane->idle_since_ms[i] + P2P_SCHEDULE_WARM_MS;
    out->cool += cool_ms <= now_ms;
    out->cold += cold_ms <= now_ms;
    uint64_t next_ms = cool_ms > now_ms ? cool_ms : cold_ms;
    if (next_ms > now_ms && next_ms < out->next_cool_ms) out->next_cool_ms = next_ms;
  }
}

uint32_t p2p_lane_running(const struct p2p_lane *lane) {
  uint32_t running = 0;
  for (const struct run *run = lane->first; run != NULL; run = run->next) running += run->task != NULL;
  return running;
}

static int send(struct p2p_lane *lane, uint8_t type, uint32_t id, const void *payload, size_t length) {
  return lane->config.send(lane->config.arg, type, id, payload, length);
}

static int send_slot(struct p2p_lane *lane, enum p2p_slot_op op, uint32_t count) {
  uint8_t payload[5] = {(uint8_t) op};
  p2p_set_u32(payload + 1, count);
  return send(lane, P2P_FRAME_SLOT, 0, payload, sizeof payload);
}

int p2p_lane_want(struct p2p_lane *lane, uint32_t want, uint64_t now_ms) {
  lane->wanted = want;
  lane->wanted_ms = now_ms;
  return send_slot(lane, P2P_SLOT_WANT, want);
}

int p2p_lane_give_back(struct p2p_lane *lane, uint32_t count) {
  if (count > lane->idle) count = lane->idle;
  if (count == 0) return P2P_OK;
  lane->idle -= count;
  memmove(lane->idle_since_ms, lane->idle_since_ms + count, lane->idle * sizeof lane->idle_since_ms[0]);
  lane->recalled -= count < lane->recalled ? count : lane->recalled;
  return send_slot(lane, P2P_SLOT_RETURN, count);
}

static struct run *find(const struct p2p_lane *lane, uint32_t id) {
  struct run *run = lane->first;
  while (run != NULL && run->id != id) run = run->next;
  return run;
}

static void append(struct p2p_lane *lane, struct run *run) {
  struct run **at = &lane->first;
  while (*at != NULL) at = &(*at)->next;
  run->next = NULL;
  *at = run;
}

static void unlink_run(struct p2p_lane *lane, const struct run *run) {
  struct run **at = &lane->first;
  while (*at != run) at = &(*at)->next;
  *at = run->next;
}

/* Tasks are numbered by us, from 1; on a link of many days the numbers come round. */
static uint32_t next_id(struct p2p_lane *lane) {
  do lane->last_id++;
  while (lane->last_id == 0 || find(lane, lane->last_id) != NULL);
  return lane->last_id;
}

static bool is_sending(const struct run *run) {
  return run->task != NULL && run->sent < p2p_object_size(p2p_task_object(run->task));
}

static int send_piece(struct p2p_lane *lane, struct run *run) {
  const uint8_t *bytes;
  size_t length = p2p_object_span(p2p_task_object(run->task), run->sent, &bytes);
  if (length > P2P_FRAME_PAYLOAD_MAX) length = P2P_FRAME_PAYLOAD_MAX;
  run->sent += length;
  return send(lane, P2P_FRAME_DATA, run->id, bytes, length);
}

int p2p_lane_pump(struct p2p_lane *lane) {
  while (lane->config.queued(lane->config.arg) < lane->config.queue_high_bytes) {
    struct run *run = lane->first;
    while (run != NULL && !is_sending(run)) run = run->next;
    if (run == NULL) break;
    unlink_run(lane, run);
    append(lane, run); /* the next piece is another task's */
    int code = send_piece(lane, run);
    if (code != P2P_OK) return code;
  }
  return P2P_OK;
}

int p2p_lane_start(struct p2p_lane *lane, struct p2p_task *task) {
  struct run *run = calloc(1, sizeof *run);
  if (run == NULL) {
    struct p2p_err err;
    p2p_err_set(&err, P2P_ERR_MEMORY, "Out of memory.");
    p2p_task_fail(task, &err);
    p2p_task_release_object(task);
    p2p_task_free(task);
    lane->config.on_news(lane->config.arg);
    return P2P_OK;
  }
  run->id = next_id(lane);
  run->task = task;
  append(lane, run);
  lane->busy++;
  lane->idle--;
  uint8_t payload[8 + P2P_TASK_LABEL_MAX];
  const char *label = p2p_task_label(task);
  size_t label_length = strlen(label);
  p2p_set_u64(payload, p2p_object_size(p2p_task_object(task)));
  memcpy(payload + 8, label, label_length);
  int code = send(lane, P2P_FRAME_TASK, run->id, payload, 8 + label_length);
  return code != P2P_OK ? code : p2p_lane_pump(lane);
}

int p2p_lane_sweep(struct p2p_lane *lane) {
  int code = P2P_OK;
  for (struct run *run = lane->first; run != NULL && code == P2P_OK; run = run->next) {
    if (run->task == NULL || !p2p_task_has_ended(run->task)) continue;
    let_go(run);
    code = send(lane, P2P_FRAME_CANCEL, run->id, NULL, 0);
  }
  return code;
}

/* The worker's frames. */

static int broken(struct p2p_err *err, const struct p2p_lane *lane, const char *what) {
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "%s broke the link's protocol: %s", lane->worker, what);
}

/* The slot is idle again. */
static void end_run(struct p2p_lane *lane, struct run *run, uint64_t now_ms) {
  unlink_run(lane, run);
  let_go(run);
  free(run);
  lane->busy--;
  lane->idle_since_ms[lane->idle++] = now_ms;
  lane->used_ms = now_ms;
  lane->config.on_news(lane->config.arg);
}

static int take_slots(struct p2p_lane *lane, const struct p2p_frame *frame, uint64_t now_ms, struct p2p_err *err) {
  if (frame->length != 5) return broken(err, lane, "a SLOT frame of another length");
  uint32_t count = p2p_get_u32(frame->payload + 1);
  uint32_t held = lane->busy + lane->idle;
  switch (frame->payload[0]) {
  case P2P_SLOT_GRANT:
    if (count > lane->config.slots - held) return broken(err, lane, "it granted more slots than it has");
    while (count-- > 0) lane->idle_since_ms[lane->idle++] = now_ms;
    lane->wanted_ms = now_ms;
    return P2P_OK;
  case P2P_SLOT_RECALL:
    lane->recalled = count < held - lane->recalled ? lane->recalled + count : held;
    return P2P_OK;
  default:
    return broken(err, lane, "a SLOT frame that is not for a client");
  }
}

/* Nobody waits for this task any more: the worker is told. */
static int give_up(struct p2p_lane *lane, struct run *run, int code, const char *message) {
  struct p2p_err err;
  p2p_err_set(&err, code, "%s", message);
  p2p_task_fail(run->task, &err);
  let_go(run);
  lane->config.on_news(lane->config.arg);
  return send(lane, P2P_FRAME_CANCEL, run->id, NULL, 0);
}

static int refuse_size(struct p2p_lane *lane, struct run *run, uint64_t size) {
  char message[P2P_ERR_MESSAGE_MAX];
  snprintf(message, sizeof message,
           "The %s of future '%s' from %s is too large: %llu bytes, and this session takes at most %llu bytes",
           run->receiving == RESULT ? "result" : "condition", p2p_task_label(run->task), lane->worker, (unsigned long long) size,
           (unsigned long long) lane->config.object_cap_bytes);
  return give_up(lane, run, P2P_ERR_TOO_LARGE, message);
}

/* What is announced has arrived. */
static void complete(struct p2p_lane *lane, struct run *run, uint64_t now_ms, bool *decide) {
  enum receiving received = run->receiving;
  struct p2p_object *object = run->incoming;
  run->incoming = NULL;
  run->receiving = NOTHING;
  if (received == CONDITION) {
    if (object != NULL && p2p_task_add_condition(run->task, object)) lane->config.on_news(lane->config.arg);
    return;
  }
  if (object != NULL) p2p_task_finish(run->task, object);
  *decide = true;
  end_run(lane, run, now_ms);
}

static int take_announcement(struct p2p_lane *lane, const struct p2p_frame *frame, uint64_t now_ms, bool *decide,
                             struct p2p_err *err) {
  struct run *run = find(lane, frame->task);
  if (frame->length != 8) return broken(err, lane, "an announcement of another length");
  if (run == NULL) return P2P_OK;
  if (run->receiving != NOTHING) return broken(err, lane, "an object within another one");
  uint64_t size = p2p_get_u64(frame->payload);
  run->receiving = frame->type == P2P_FRAME_RESULT ? RESULT : CONDITION;
  run->missing = size;
  int code = P2P_OK;
  if (run->task != NULL && size > lane->config.object_cap_bytes) {
    code = refuse_size(lane, run, size);
  } else if (run->task != NULL) {
    run->incoming = p2p_object_new(size);
    if (run->incoming == NULL) code = give_up(lane, run, P2P_ERR_MEMORY, "Out of memory.");
  }
  if (code == P2P_OK && size == 0) complete(lane, run, now_ms, decide);
  return code;
}

static int take_data(struct p2p_lane *lane, const struct p2p_frame *frame, uint64_t now_ms, bool *decide, struct p2p_err *err) {
  struct run *run = find(lane, frame->task);
  if (run == NULL) return P2P_OK;
  if (run->receiving == NOTHING) return broken(err, lane, "data of nothing that was announced");
  if (frame->length > run->missing) return broken(err, lane, "more data than it announced");
  int code = P2P_OK;
  if (run->incoming != NULL && p2p_object_append(run->incoming, frame->payload, frame->length) != P2P_OK) {
    code = give_up(lane, run, P2P_ERR_MEMORY, "Out of memory.");
  }
  run->missing -= frame->length;
  if (code == P2P_OK && run->missing == 0) complete(lane, run, now_ms, decide);
  return code;
}

/* The worker's sentence, made fit for people: a stranger may steer no terminal. */
static void read_sentence(const struct p2p_frame *frame, char *out, size_t size) {
  size_t length = frame->length < size ? frame->length : size - 1;
  for (size_t i = 0; i < length; i++) {
    bool is_plain = frame->payload[i] >= 0x20 && frame->payload[i] < 0x7f;
    out[i] = is_plain ? (char) frame->payload[i] : '?';
  }
  out[length] = '\0';
}

static void take_lost(struct p2p_lane *lane, const struct p2p_frame *frame, uint64_t now_ms, bool *decide) {
  struct run *run = find(lane, frame->task);
  if (run == NULL) return;
  if (run->task != NULL) {
    struct p2p_err err = { .code = P2P_ERR_LOST };
    read_sentence(frame, err.message, sizeof err.message);
    p2p_task_fail(run->task, &err);
  }
  *decide = true;
  end_run(lane, run, now_ms);
}

/* The worker ends the link. */
static int take_goodbye(const struct p2p_frame *frame, struct p2p_err *err) {
  char why[P2P_ERR_MESSAGE_MAX / 2];
  read_sentence(frame, why, sizeof why);
  return p2p_err_set(err, P2P_ERR_CLOSED, "%s", why[0] != '\0' ? why : "the worker closed the link");
}

int p2p_lane_take(struct p2p_lane *lane, const struct p2p_frame *frame, uint64_t now_ms, bool *decide, struct p2p_err *err) {
  int code = P2P_OK;
  switch (frame->type) {
  case P2P_FRAME_SLOT:
    *decide = true;
    return take_slots(lane, frame, now_ms, err);
  case P2P_FRAME_CONDITION:
  case P2P_FRAME_RESULT:
    code = take_announcement(lane, frame, now_ms, decide, err);
    break;
  case P2P_FRAME_DATA:
    code = take_data(lane, frame, now_ms, decide, err);
    break;
  case P2P_FRAME_LOST:
    if (frame->task == 0) return take_goodbye(frame, err);
    take_lost(lane, frame, now_ms, decide);
    break;
  default:
    return broken(err, lane, "a frame that is not for a client");
  }
  if (code != P2P_OK && code != P2P_ERR_PROTOCOL) p2p_err_set(err, code, "cannot write to the link to %s", lane->worker);
  return code;
}

/* Makes a sentence fit into another one. */
static void lower_sentence(const char *sentence, char *out, size_t size) {
  size_t length = (size_t) snprintf(out, size, "%s", sentence);
  if (length >= size) length = size - 1;
  if (length > 0 && out[length - 1] == '.') out[--length] = '\0';
  if (length > 1 && out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a' && out[1] <= 'z') out[0] = (char) (out[0] - 'A' + 'a');
}

/* What would have helped, to who has not asked for it. */
static void advise_retries(struct p2p_task *task, struct p2p_err *err) {
  struct p2p_err last, told = *err;
  if (p2p_task_losses(task, &last) > 0) return;
  p2p_err_set(err, told.code, "%s; plan(..., retries = 1) has such futures run again, on another worker", told.message);
}

void p2p_lane_fail(struct p2p_lane *lane, const struct p2p_err *why, struct p2p_task_queue *again) {
  char reason[P2P_ERR_MESSAGE_MAX / 2];
  lower_sentence(why->message, reason, sizeof reason);
  for (struct run *run = lane->first; run != NULL; run = run->next) {
    if (run->task == NULL) continue;
    struct p2p_err err;
    p2p_err_set(&err, P2P_ERR_LOST,
                "The link to %s was lost (%s) while it resolved future '%s'", lane->worker, reason, p2p_task_label(run->task));
    if (p2p_task_run_again(run->task, &err)) {
      p2p_task_queue_put(again, run->task);
      run->task = NULL;
    } else {
      advise_retries(run->task, &err);
      p2p_task_fail(run->task, &err);
    }
    let_go(run);
  }
  lane->config.on_news(lane->config.arg);
}

void p2p_lane_cancel(struct p2p_lane *lane, const struct p2p_err *why) {
  int code = P2P_OK;
  for (struct run *run = lane->first; run != NULL; run = run->next) {
    if (run->task == NULL) continue;
    p2p_task_fail(run->task, why);
    let_go(run);
    if (code == P2P_OK) code = send(lane, P2P_FRAME_CANCEL, run->id, NULL, 0);
  }
  lane->config.on_news(lane->config.arg);
}
