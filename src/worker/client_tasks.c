/* The tasks of a client. While an evaluator does not take what is sent to it, its link is not read,
 * so that little must be kept; but the frames of others do not wait for long before that is much.
 */
#include "worker/client_tasks.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "protocol/task_header.h"
#include "worker/delivery.h"
#include "worker/exit_reason.h"
#include "worker/lent.h"
#include "wormhole/link.h"

struct p2p_client_task {
  struct p2p_client_task *next;
  struct p2p_client_tasks *tasks;
  struct p2p_evaluator *evaluator; /* NULL: it waits for what it requests */
  uint32_t id;
  uint64_t started_ms;
  bool canceled;
  bool refused, has_result; /* the evaluator has replied with LOST, has begun its RESULT */
  struct p2p_task_header header;
  struct p2p_delivery delivery;       /* of its parts */
  struct p2p_reservation reservation; /* of what it requests */
  struct p2p_ledger_counts use;
};

static void notify(const struct p2p_client_tasks *tasks) {
  tasks->shared->on_change(tasks->shared->arg);
}

static uint64_t age_ms(const struct p2p_client_task *task) {
  return task->evaluator != NULL ? p2p_clock_ms() - task->started_ms : 0;
}

/* `as`: one of the numbers of the tally. */
static void count(struct p2p_client_task *task, uint64_t *as) {
  task->use.ms = age_ms(task);
  p2p_lent_count(task->tasks->shared, task->tasks->name, as, task->use);
}

static struct p2p_client_task *find(const struct p2p_client_tasks *tasks, uint32_t id) {
  struct p2p_client_task *task = tasks->list;
  while (task != NULL && task->id != id) task = task->next;
  return task;
}

void p2p_client_tasks_send(struct p2p_client_tasks *tasks, uint8_t type, uint32_t id,
                           const void *payload, size_t length) {
  int code = p2p_link_send(tasks->link, type, id, payload, length);
  if (code == P2P_OK || code == P2P_ERR_CLOSED) return;
  tasks->broken = true;
  notify(tasks);
}

void p2p_client_tasks_send_lost(struct p2p_client_tasks *tasks, uint32_t id,
                                enum p2p_lost_kind kind, const char *why) {
  uint8_t payload[P2P_LOST_MAX];
  if (!tasks->reads_marks) kind = P2P_LOST_FINAL;
  p2p_client_tasks_send(tasks, P2P_FRAME_LOST, id, payload, p2p_lost_write(kind, why, payload));
}

void p2p_client_tasks_abandon(struct p2p_client_tasks *tasks) {
  while (tasks->list != NULL) {
    struct p2p_client_task *task = tasks->list;
    tasks->list = task->next;
    count(task, &tasks->shared->tally->lost);
    p2p_reservations_remove(tasks->shared->reservations, &task->reservation);
    if (task->evaluator != NULL) p2p_evaluator_abandon(task->evaluator);
    free(task);
  }
  p2p_part_store_free(tasks->parts);
  tasks->parts = NULL;
}

/* ---- parts ---- */

static void send_need(const struct p2p_client_task *task, uint32_t mask) {
  uint8_t payload[P2P_NEED_LEN];
  p2p_need_write(mask, payload);
  p2p_client_tasks_send(task->tasks, P2P_FRAME_NEED, task->id, payload, sizeof payload);
}

static void deliver(struct p2p_client_task *task) {
  if (p2p_delivery_step(&task->delivery, task->evaluator, task->id))
    send_need(task, task->delivery.sent);
}

/* The store has changed. */
static void deliver_waiting(struct p2p_client_tasks *tasks) {
  for (struct p2p_client_task *task = tasks->list; task != NULL; task = task->next)
    if (task->delivery.waits) deliver(task);
}

static void on_need(struct p2p_client_task *task, const struct p2p_frame *frame) {
  uint32_t mask;
  if (p2p_need_read(frame->payload, frame->length, task->header.parts.n, &mask) != P2P_OK) return;
  p2p_delivery_need(&task->delivery, mask);
  deliver(task);
}

static bool is_named(void *arg, const struct p2p_task_part *part) {
  const struct p2p_client_tasks *tasks = arg;
  for (const struct p2p_client_task *task = tasks->list; task != NULL; task = task->next)
    if (p2p_delivery_names(&task->delivery, part)) return true;
  return false;
}

/* RESULT or LOST was sent for it. */
static void end_task(struct p2p_client_task *task) {
  struct p2p_client_tasks *tasks = task->tasks;
  struct p2p_client_task **at = &tasks->list;
  while (*at != task) at = &(*at)->next;
  *at = task->next;
  p2p_part_store_end(tasks->parts, &task->delivery, is_named, tasks);
  deliver_waiting(tasks);
  p2p_reservations_remove(tasks->shared->reservations, &task->reservation);
  free(task);
  p2p_link_resume(tasks->link);
  p2p_slots_end_task(tasks->shared->slots, tasks->number, p2p_clock_ms());
  notify(tasks);
}

/* ---- from evaluators to the client ---- */

static void send_exit_reason(const struct p2p_client_task *task,
                             const struct p2p_exit_reason *reason) {
  char why[1152]; /* p2p_lost_write cuts it */
  p2p_exit_reason_sentence(reason, p2p_member_name(task->tasks->shared->member), task->header.label,
                           why, sizeof why);
  p2p_client_tasks_send_lost(task->tasks, task->id, reason->kind, why);
}

static void on_evaluator_frame(void *arg, const struct p2p_frame *frame) {
  struct p2p_client_task *task = arg;
  if (frame->type == P2P_FRAME_LOST) {
    char how[P2P_EXIT_REASON_TEXT_MAX];
    struct p2p_exit_reason reason;
    p2p_lost_read(frame->payload, frame->length, how, sizeof how);
    p2p_exit_reason_of_kill(&reason, how, task->has_result);
    task->refused = true;
    send_exit_reason(task, &reason);
    return;
  }
  if (frame->type == P2P_FRAME_NEED) {
    on_need(task, frame);
    return;
  }
  task->has_result |= frame->type == P2P_FRAME_RESULT;
  if (frame->type == P2P_FRAME_DATA) task->use.bytes_out += frame->length;
  p2p_client_tasks_send(task->tasks, frame->type, task->id, frame->payload, frame->length);
  if (p2p_link_queued(task->tasks->link) <= P2P_LINK_QUEUE_HIGH) return;
  for (task = task->tasks->list; task != NULL; task = task->next)
    if (task->evaluator != NULL) p2p_evaluator_pause(task->evaluator);
}

void p2p_client_tasks_on_drain(struct p2p_client_tasks *tasks) {
  for (struct p2p_client_task *task = tasks->list; task != NULL; task = task->next)
    if (task->evaluator != NULL) p2p_evaluator_resume(task->evaluator);
}

static void on_evaluator_drain(void *arg) {
  struct p2p_client_task *task = arg;
  if (task->delivery.stored != 0) deliver(task);
  p2p_link_resume(task->tasks->link);
}

static void on_task_end(void *arg, const struct p2p_exit_reason *reason) {
  struct p2p_client_task *task = arg;
  struct p2p_tally *tally = task->tasks->shared->tally;
  bool is_lost = reason != NULL || task->refused;
  const char *outcome = task->canceled ? "canceled after" : is_lost ? "lost after" : "finished in";
  if (reason != NULL) send_exit_reason(task, reason);
  count(task, task->canceled ? &tally->canceled : is_lost ? &tally->lost : &tally->done);
  p2p_log_event(task->tasks->shared->log, P2P_LOG_INFO, "ended", "future '%s' of '%s' %s %.1f s",
                task->header.label, task->tasks->name, outcome, (double)age_ms(task) / 1000);
  end_task(task);
}

/* ---- the start of a task ---- */

/* False: out of memory, or no evaluator is free. */
static bool submit(struct p2p_client_task *task) {
  static const struct p2p_evaluator_callbacks callbacks = {on_evaluator_drain, on_evaluator_frame,
                                                           on_task_end};
  uint8_t payload[P2P_TASK_HEADER_MAX + P2P_TASK_PARTS_LEN_MAX];
  const struct p2p_task_header *header = &task->header;
  size_t length = p2p_task_header_write(header->size, header->label, payload);
  length += p2p_task_parts_write(&header->parts, payload + length);
  const struct p2p_frame frame = {P2P_FRAME_TASK, task->id, (uint32_t)length, payload};
  const struct p2p_reservation *granted = &task->reservation;
  const struct p2p_given given = {granted->amounts, granted->cpus, granted->gpus};
  task->started_ms = p2p_clock_ms();
  task->evaluator =
      p2p_evaluator_pool_submit(task->tasks->shared->pool, task->tasks,
                                granted->is_granted ? &given : NULL, &frame, &callbacks, task);
  return task->evaluator != NULL;
}

static void start(struct p2p_client_task *task) {
  const struct p2p_client_link_shared *shared = task->tasks->shared;
  char why[P2P_LOST_MAX];
  if (submit(task)) {
    p2p_log_event(shared->log, P2P_LOG_INFO, "started", "future '%s' of '%s' started",
                  task->header.label, task->tasks->name);
    notify(task->tasks);
    return;
  }
  snprintf(why, sizeof why, "worker '%s' is out of memory for this future",
           p2p_member_name(shared->member));
  p2p_client_tasks_send_lost(task->tasks, task->id, P2P_LOST_FINAL, why);
  end_task(task);
}

/* Its client waits for NEED: of the evaluator, if it has parts. */
void p2p_client_tasks_start(struct p2p_reservation *granted) {
  struct p2p_client_task *task = granted->arg;
  if (task->header.parts.n == 0) send_need(task, 0);
  start(task);
}

void p2p_client_tasks_send_back(struct p2p_reservation *waiting, const char *why) {
  struct p2p_client_task *task = waiting->arg;
  p2p_client_tasks_send_lost(task->tasks, task->id, P2P_LOST_NOT_BEGUN, why);
  end_task(task);
}

/* ---- frames of the client ---- */

const char *p2p_client_tasks_on_request(struct p2p_client_tasks *tasks,
                                        const struct p2p_frame *frame) {
  tasks->request_id = frame->task;
  return p2p_request_read(frame->payload, frame->length, &tasks->request) != P2P_OK
             ? "malformed REQUEST"
             : NULL;
}

/* Fills in why the task cannot run here. */
static bool is_refused(const struct p2p_client_task *task, bool has_request,
                       char why[P2P_LOST_MAX]) {
  const struct p2p_client_link_shared *shared = task->tasks->shared;
  const char *name = p2p_member_name(shared->member);
  uint64_t size = task->header.size, cap = shared->object_cap_bytes;
  uint64_t parts = p2p_task_parts_bytes(&task->header.parts, UINT32_MAX);
  if (size > cap || parts > cap - size)
    snprintf(why, P2P_LOST_MAX,
             "the future has %llu bytes, and worker '%s' accepts at most %llu bytes",
             (unsigned long long)(size + parts), name, (unsigned long long)cap);
  else if (has_request && !p2p_machine_can_give(&shared->machine, &task->tasks->request))
    snprintf(why, P2P_LOST_MAX, "worker '%s' does not have what the future requests", name);
  else
    return false;
  return true;
}

/* It begins once it has what it requests: at once, if these are only tags. */
static void put_in_line(struct p2p_client_task *task) {
  const struct p2p_client_tasks *tasks = task->tasks;
  task->reservation = (struct p2p_reservation){
      .amounts = tasks->request.amounts, .client = tasks->number, .arg = task};
  if (p2p_amounts_are_none(&task->reservation.amounts)) {
    p2p_client_tasks_start(&task->reservation);
    return;
  }
  p2p_reservations_add(tasks->shared->reservations, &task->reservation);
  notify(tasks);
}

/* The slot is taken. Takes over the task. */
static void begin_task(struct p2p_client_task *task) {
  struct p2p_client_tasks *tasks = task->tasks;
  char why[P2P_LOST_MAX];
  bool has_request = tasks->request_id == task->id && task->id != 0;
  tasks->request_id = 0;
  task->next = tasks->list;
  tasks->list = task;
  if (is_refused(task, has_request, why)) {
    p2p_client_tasks_send_lost(tasks, task->id, P2P_LOST_FINAL, why);
    end_task(task);
  } else if (has_request) {
    put_in_line(task);
  } else {
    start(task);
  }
}

const char *p2p_client_tasks_on_task(struct p2p_client_tasks *tasks,
                                     const struct p2p_frame *frame) {
  struct p2p_client_task *task = calloc(1, sizeof *task);
  const char *breach = NULL;
  if (task == NULL)
    breach = "cannot be served for lack of memory";
  else if (p2p_task_header_read(frame->payload, frame->length, &task->header) != P2P_OK)
    breach = "malformed TASK";
  else if (find(tasks, frame->task) != NULL)
    breach = "sent a TASK frame with a number in use";
  else if (!p2p_slots_start_task(tasks->shared->slots, tasks->number, p2p_clock_ms()))
    breach = "sent a TASK frame without a slot for it";
  if (breach != NULL) {
    free(task);
    return breach;
  }
  task->tasks = tasks;
  task->id = frame->task;
  task->delivery = (struct p2p_delivery){.store = tasks->parts, .parts = &task->header.parts};
  begin_task(task);
  return NULL;
}

/* Data of a task that has ended or was refused may still arrive; it is ignored. */
const char *p2p_client_tasks_on_data(struct p2p_client_tasks *tasks,
                                     const struct p2p_frame *frame) {
  struct p2p_client_task *task = find(tasks, frame->task);
  if (task == NULL) return NULL;
  if (task->evaluator == NULL) return "sent data that nobody has asked for";
  bool is_whole;
  const char *breach = p2p_delivery_received(&task->delivery, frame, &is_whole);
  if (breach != NULL) return breach;
  if (is_whole) deliver_waiting(tasks);
  enum p2p_evaluator_pace pace = p2p_evaluator_data(task->evaluator, frame);
  if (pace == P2P_EVALUATOR_REFUSES) return "sent more data than announced";
  task->use.bytes_in += frame->length;
  if (pace == P2P_EVALUATOR_IS_SLOW) p2p_link_pause(tasks->link, P2P_EVALUATOR_SLOW_MS);
  if (pace == P2P_EVALUATOR_IS_FULL) p2p_link_pause(tasks->link, 0);
  return NULL;
}

const char *p2p_client_tasks_on_cancel(struct p2p_client_tasks *tasks,
                                       const struct p2p_frame *frame) {
  struct p2p_client_task *task = find(tasks, frame->task);
  if (task == NULL) return NULL;
  task->canceled = true;
  if (task->evaluator != NULL)
    p2p_evaluator_cancel(task->evaluator);
  else
    p2p_client_tasks_send_back(&task->reservation, "the future was canceled before it began");
  return NULL;
}

uint32_t p2p_client_tasks_running(const struct p2p_client_tasks *tasks, uint64_t *lent_ms) {
  uint32_t count = 0;
  for (const struct p2p_client_task *task = tasks->list; task != NULL; task = task->next) {
    count += task->evaluator != NULL;
    *lent_ms += age_ms(task);
  }
  return count;
}
