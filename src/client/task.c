/* Owns struct p2p_task: its reference count, its state and what comes back for it; and queues of
 * tasks. */
#include "client/task.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sanitize.h"
#include "protocol/identity.h"

struct p2p_task {
  atomic_uint references;
  atomic_int state; /* enum p2p_task_state; written under the lock */
  struct p2p_blob *object;
  struct p2p_part_list parts;
  struct p2p_task *next; /* in its queue */
  char label[P2P_TASK_LABEL_MAX];
  struct p2p_requirements needs; /* constant after p2p_task_submit */
  _Atomic uint64_t sent, to_send;

  pthread_mutex_t lock;      /* guards what follows */
  struct p2p_result *result; /* in state RUNNING, it may still arrive */
  struct p2p_err err;
  char worker[P2P_IDENTITY_LABEL_MAX];
  uint32_t retries; /* that are left */
  uint32_t losses;  /* of its workers, so far */
  uint32_t requeues;
  atomic_uint starts;
  struct p2p_err last_loss;
  struct p2p_task_times times;
  struct p2p_conditions conditions;
};

struct p2p_task *p2p_task_new(struct p2p_blob *object, const char *label) {
  struct p2p_task *task = calloc(1, sizeof *task);
  if (task == NULL || pthread_mutex_init(&task->lock, NULL) != 0) {
    free(task);
    return NULL;
  }
  atomic_init(&task->references, 1);
  atomic_init(&task->state, P2P_TASK_NEW);
  task->object = object;
  if (label == NULL) label = "";
  p2p_sanitize(label, strlen(label), task->label, sizeof task->label);
  return task;
}

void p2p_task_ref(struct p2p_task *task) {
  atomic_fetch_add_explicit(&task->references, 1, memory_order_relaxed);
}

void p2p_task_free(struct p2p_task *task) {
  if (task == NULL || atomic_fetch_sub_explicit(&task->references, 1, memory_order_acq_rel) != 1)
    return;
  p2p_blob_free(task->object);
  p2p_part_list_clear(&task->parts);
  p2p_result_free(task->result);
  p2p_requirements_clear(&task->needs);
  p2p_conditions_clear(&task->conditions);
  pthread_mutex_destroy(&task->lock);
  free(task);
}

/* The creator may want the parts at the same time. */
void p2p_task_release(struct p2p_task *task) {
  p2p_blob_free(task->object);
  task->object = NULL;
  pthread_mutex_lock(&task->lock);
  struct p2p_part_list parts = task->parts;
  task->parts.n = 0;
  pthread_mutex_unlock(&task->lock);
  p2p_part_list_clear(&parts);
  p2p_task_free(task);
}

struct p2p_part_list p2p_task_take_parts(struct p2p_task *task) {
  struct p2p_part_list list = {0};
  pthread_mutex_lock(&task->lock);
  while (list.n < task->parts.n) p2p_part_list_add(&list, p2p_part_ref(task->parts.parts[list.n]));
  pthread_mutex_unlock(&task->lock);
  return list;
}

bool p2p_task_is_sending(struct p2p_task *task) {
  pthread_mutex_lock(&task->lock);
  bool is_sent = p2p_task_state(task) == P2P_TASK_RUNNING && task->times.sent_ms > 0;
  bool is_sending = task->parts.n > 0 && !is_sent && !p2p_task_has_ended(task);
  pthread_mutex_unlock(&task->lock);
  return is_sending;
}

enum p2p_task_state p2p_task_state(const struct p2p_task *task) {
  return (enum p2p_task_state)atomic_load_explicit(&task->state, memory_order_acquire);
}

const char *p2p_task_label(const struct p2p_task *task) { return task->label; }
const struct p2p_requirements *p2p_task_requirements(const struct p2p_task *task) {
  return &task->needs;
}
const char *p2p_task_packages(const struct p2p_task *task) {
  return p2p_requirements_packages(&task->needs);
}

const struct p2p_blob *p2p_task_object(const struct p2p_task *task) { return task->object; }
struct p2p_part_list *p2p_task_parts(struct p2p_task *task) {
  return &task->parts;
}

int p2p_task_set_packages(struct p2p_task *task, const char *packages, struct p2p_err *err) {
  if (p2p_task_state(task) != P2P_TASK_NEW)
    return p2p_err_set(err, P2P_ERR_INVALID, "future '%s' was already submitted", task->label);
  return p2p_requirements_set_packages(&task->needs, packages, task->label, err);
}

void p2p_task_set_resources(struct p2p_task *task, const struct p2p_resources *request) {
  if (p2p_task_state(task) == P2P_TASK_NEW) task->needs.resources = *request;
}

/* Release order: a thread that reads the flag sees everything that was written before. A result
 * that has not arrived is dropped when another state begins. */
static void set_state_locked(struct p2p_task *task, enum p2p_task_state state) {
  if (state != P2P_TASK_DONE) {
    p2p_result_free(task->result);
    task->result = NULL;
  }
  if (state >= P2P_TASK_DONE) task->times.ended_ms = p2p_clock_ms();
  if (state == P2P_TASK_RUNNING) {
    task->starts++;
    task->times.started_ms = p2p_clock_ms();
  }
  atomic_store_explicit(&task->state, (int)state, memory_order_release);
}

bool p2p_task_submit(struct p2p_task *task, uint32_t retries) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = p2p_task_state(task) == P2P_TASK_NEW;
  if (is_allowed) {
    task->retries = retries;
    task->times.submitted_ms = p2p_clock_ms();
    set_state_locked(task, P2P_TASK_WAITING);
  }
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

bool p2p_task_start(struct p2p_task *task, const char *worker) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = p2p_task_state(task) == P2P_TASK_WAITING;
  if (is_allowed) {
    snprintf(task->worker, sizeof task->worker, "%s", worker);
    task->times.sent_ms = task->times.arriving_ms = 0;
    atomic_store(&task->sent, 0);
    atomic_store(&task->to_send, 0);
    bool has_turn = p2p_resources_are_none(&task->needs.resources);
    set_state_locked(task, has_turn ? P2P_TASK_RUNNING : P2P_TASK_IN_LINE);
  }
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

static bool move(struct p2p_task *task, enum p2p_task_state from, enum p2p_task_state to) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = p2p_task_state(task) == from;
  if (is_allowed) set_state_locked(task, to);
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

bool p2p_task_take_turn(struct p2p_task *task) {
  return move(task, P2P_TASK_IN_LINE, P2P_TASK_RUNNING);
}

bool p2p_task_leave_line(struct p2p_task *task) {
  return move(task, P2P_TASK_IN_LINE, P2P_TASK_WAITING);
}

static bool is_at_worker(const struct p2p_task *task) {
  enum p2p_task_state state = p2p_task_state(task);
  return state == P2P_TASK_RUNNING || state == P2P_TASK_IN_LINE;
}

bool p2p_task_retry(struct p2p_task *task, const struct p2p_err *why) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = is_at_worker(task) && task->retries > 0;
  if (is_allowed) {
    task->retries--;
    task->losses++;
    task->last_loss = *why;
    set_state_locked(task, P2P_TASK_WAITING);
  }
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

bool p2p_task_requeue(struct p2p_task *task) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = is_at_worker(task) && task->requeues < P2P_TASK_REQUEUES_MAX;
  if (is_allowed) {
    task->requeues++;
    set_state_locked(task, P2P_TASK_WAITING);
  }
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

bool p2p_task_receive(struct p2p_task *task, struct p2p_result *result) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = p2p_task_state(task) == P2P_TASK_RUNNING && task->result == NULL;
  if (is_allowed) {
    p2p_result_ref(result);
    task->result = result;
    task->times.arriving_ms = p2p_clock_ms();
  }
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

bool p2p_task_finish(struct p2p_task *task) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = p2p_task_state(task) == P2P_TASK_RUNNING && task->result != NULL;
  if (is_allowed) set_state_locked(task, P2P_TASK_DONE);
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

bool p2p_task_fail(struct p2p_task *task, const struct p2p_err *err) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed = !p2p_task_has_ended(task);
  if (is_allowed) {
    task->err = *err;
    set_state_locked(task, P2P_TASK_FAILED);
  }
  pthread_mutex_unlock(&task->lock);
  return is_allowed;
}

bool p2p_task_add_condition(struct p2p_task *task, struct p2p_blob *condition) {
  pthread_mutex_lock(&task->lock);
  bool is_allowed =
      p2p_task_state(task) == P2P_TASK_RUNNING && p2p_conditions_put(&task->conditions, condition);
  pthread_mutex_unlock(&task->lock);
  if (!is_allowed) p2p_blob_free(condition);
  return is_allowed;
}

struct p2p_blob *p2p_task_next_condition(struct p2p_task *task) {
  pthread_mutex_lock(&task->lock);
  struct p2p_blob *condition = p2p_conditions_take(&task->conditions);
  pthread_mutex_unlock(&task->lock);
  return condition;
}

uint64_t p2p_task_dropped_conditions(struct p2p_task *task) {
  pthread_mutex_lock(&task->lock);
  uint64_t dropped = task->conditions.dropped;
  pthread_mutex_unlock(&task->lock);
  return dropped;
}

const struct p2p_result *p2p_task_result(struct p2p_task *task) {
  return p2p_task_state(task) == P2P_TASK_DONE ? task->result : NULL;
}

static bool is_readable_locked(const struct p2p_task *task) {
  return task->result != NULL && (p2p_task_state(task) == P2P_TASK_DONE ||
                                  p2p_result_size(task->result) > P2P_TASK_WHOLE_BYTES);
}

bool p2p_task_is_readable(struct p2p_task *task) {
  pthread_mutex_lock(&task->lock);
  bool is_readable = is_readable_locked(task);
  pthread_mutex_unlock(&task->lock);
  return is_readable;
}

struct p2p_result *p2p_task_read(struct p2p_task *task) {
  pthread_mutex_lock(&task->lock);
  struct p2p_result *result = is_readable_locked(task) ? task->result : NULL;
  if (result != NULL) p2p_result_ref(result);
  pthread_mutex_unlock(&task->lock);
  return result;
}

void p2p_task_error(struct p2p_task *task, struct p2p_err *out) {
  pthread_mutex_lock(&task->lock);
  *out = task->err;
  pthread_mutex_unlock(&task->lock);
}

uint32_t p2p_task_losses(struct p2p_task *task, struct p2p_err *last) {
  pthread_mutex_lock(&task->lock);
  uint32_t losses = task->losses;
  if (losses > 0) *last = task->last_loss;
  pthread_mutex_unlock(&task->lock);
  return losses;
}

void p2p_task_note_sent(struct p2p_task *task, uint64_t sent, uint64_t to_send) {
  atomic_store_explicit(&task->to_send, to_send, memory_order_relaxed);
  atomic_store_explicit(&task->sent, sent, memory_order_relaxed);
  if (sent < to_send) return;
  pthread_mutex_lock(&task->lock);
  task->times.sent_ms = p2p_clock_ms();
  pthread_mutex_unlock(&task->lock);
}

void p2p_task_times(struct p2p_task *task, struct p2p_task_times *out) {
  pthread_mutex_lock(&task->lock);
  *out = task->times;
  pthread_mutex_unlock(&task->lock);
}

void p2p_task_progress(struct p2p_task *task, struct p2p_task_progress *out) {
  pthread_mutex_lock(&task->lock);
  const struct p2p_result *result = task->result;
  *out = (struct p2p_task_progress){.sent = atomic_load_explicit(&task->sent, memory_order_relaxed),
                                    .to_send =
                                        atomic_load_explicit(&task->to_send, memory_order_relaxed),
                                    .arrived = result != NULL ? p2p_result_arrived(result) : 0,
                                    .to_arrive = result != NULL ? p2p_result_size(result) : 0};
  pthread_mutex_unlock(&task->lock);
}

uint32_t p2p_task_starts(struct p2p_task *task) { return atomic_load(&task->starts); }

void p2p_task_worker(struct p2p_task *task, char *out, size_t size) {
  pthread_mutex_lock(&task->lock);
  snprintf(out, size, "%s", task->worker);
  pthread_mutex_unlock(&task->lock);
}

void p2p_task_queue_push(struct p2p_task_queue *queue, struct p2p_task *task) {
  task->next = NULL;
  if (queue->last != NULL)
    queue->last->next = task;
  else
    queue->first = task;
  queue->last = task;
  queue->length++;
  queue->with_needs += !p2p_requirements_are_none(&task->needs);
}

const struct p2p_task *p2p_task_next(const struct p2p_task *task) { return task->next; }

struct p2p_task *p2p_task_queue_pop_if(struct p2p_task_queue *queue,
                                       bool (*matches)(void *arg, const struct p2p_task *task),
                                       void *arg) {
  struct p2p_task *before = NULL, *task = queue->first;
  for (; task != NULL && matches != NULL && !matches(arg, task); task = task->next) before = task;
  if (task == NULL) return NULL;
  if (before != NULL)
    before->next = task->next;
  else
    queue->first = task->next;
  if (queue->last == task) queue->last = before;
  queue->length--;
  queue->with_needs -= !p2p_requirements_are_none(&task->needs);
  task->next = NULL;
  return task;
}

struct p2p_task *p2p_task_queue_pop(struct p2p_task_queue *queue) {
  return p2p_task_queue_pop_if(queue, NULL, NULL);
}

void p2p_task_queue_append(struct p2p_task_queue *to, struct p2p_task_queue *from) {
  if (from->first == NULL) return;
  if (to->last != NULL)
    to->last->next = from->first;
  else
    to->first = from->first;
  to->last = from->last;
  to->length += from->length;
  to->with_needs += from->with_needs;
  *from = (struct p2p_task_queue){0};
}

uint32_t p2p_task_queue_remove_ended(struct p2p_task_queue *queue) {
  struct p2p_task_queue all = *queue;
  uint32_t length = queue->length;
  *queue = (struct p2p_task_queue){0};
  for (struct p2p_task *task; (task = p2p_task_queue_pop(&all)) != NULL;)
    if (p2p_task_has_ended(task))
      p2p_task_release(task);
    else
      p2p_task_queue_push(queue, task);
  return length - queue->length;
}

void p2p_task_queue_fail(struct p2p_task_queue *queue, const struct p2p_err *err) {
  for (struct p2p_task *task; (task = p2p_task_queue_pop(queue)) != NULL;) {
    p2p_task_fail(task, err);
    p2p_task_release(task);
  }
}
