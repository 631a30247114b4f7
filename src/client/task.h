/* A task: a serialized future on its way to a worker, and what comes back for it. Reference
 * counted: one reference for its creator, one for the client while it works on it. Shared by R's
 * thread and the io thread: the state is an atomic flag, and every transition is made under the
 * task's lock, so that of a result and a cancel that race the first one ends the task. */
#ifndef P2P_CLIENT_TASK_H
#define P2P_CLIENT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "client/conditions.h"
#include "client/part.h"
#include "client/requirements.h"
#include "client/result.h"
#include "protocol/task_header.h"

struct p2p_task;

enum p2p_task_state {
  P2P_TASK_NEW,     /* not submitted */
  P2P_TASK_WAITING, /* for a worker with a free slot */
  P2P_TASK_IN_LINE, /* at a worker, which has not reserved yet what it requests */
  P2P_TASK_RUNNING, /* sent, or being sent, to a worker */
  P2P_TASK_DONE,    /* the result has arrived */
  P2P_TASK_FAILED   /* there will be no result: see p2p_task_error */
};

/* ---- For the creator of the task; any thread ---- */

/* Takes over `object`, the serialized future. `label` is copied, up to P2P_TASK_LABEL_MAX
 * bytes; it identifies the future in logs.
 * NULL when out of memory; then `object` stays the caller's. */
struct p2p_task *p2p_task_new(struct p2p_blob *object, const char *label);
void p2p_task_free(struct p2p_task *task); /* drops the creator's reference; takes NULL */
/* Restricts a new task to workers that have all these packages: "a;b", at most
 * P2P_REQUIREMENTS_PACKAGES_MAX. If every worker reports that one is missing, the task fails with
 * P2P_ERR_VERSION before anything of it is sent. */
int p2p_task_set_packages(struct p2p_task *task, const char *packages,
                          struct p2p_err *err) P2P_MUST_USE;
/* Restricts a new task to workers that have these resources, which are reserved there. */
void p2p_task_set_resources(struct p2p_task *task, const struct p2p_resources *request);

/* Constant time, never blocks. */
enum p2p_task_state p2p_task_state(const struct p2p_task *task);
static inline bool p2p_task_has_ended(const struct p2p_task *task) {
  return p2p_task_state(task) >= P2P_TASK_DONE;
}
/* Owned by the task; NULL unless P2P_TASK_DONE. */
const struct p2p_result *p2p_task_result(struct p2p_task *task);
/* A reference to a result that has arrived, or that arrives and has more than P2P_TASK_WHOLE_BYTES.
 * NULL: no such result. If it breaks, the task is already in another state. */
struct p2p_result *p2p_task_read(struct p2p_task *task);
bool p2p_task_is_readable(struct p2p_task *task); /* p2p_task_read would not return NULL */
void p2p_task_error(struct p2p_task *task, struct p2p_err *out);
/* "carol@desk:4711"; "" before it was assigned to a worker. */
void p2p_task_worker(struct p2p_task *task, char *out, size_t size);
/* How many workers or evaluators were lost while they ran the task, which then ran again: it may
 * have been evaluated more than once. Fills *last with the latest loss, if any. */
uint32_t p2p_task_losses(struct p2p_task *task, struct p2p_err *last);
/* How often a worker has begun with it. */
uint32_t p2p_task_starts(struct p2p_task *task);
/* By p2p_clock_ms, of its latest run; 0: not yet. */
struct p2p_task_times {
  uint64_t submitted_ms;
  uint64_t started_ms;  /* a worker has a slot for it, and what it requests */
  uint64_t sent_ms;     /* its last byte was given to the link */
  uint64_t arriving_ms; /* the first byte of its result has arrived */
  uint64_t ended_ms;    /* done or failed */
};
void p2p_task_times(struct p2p_task *task, struct p2p_task_times *out);
/* Its parts were not all sent: what they have borrowed must not change. */
bool p2p_task_is_sending(struct p2p_task *task);
/* References of its parts; none once released. */
struct p2p_part_list p2p_task_take_parts(struct p2p_task *task);
/* Bytes of its latest run: given to the link, and arrived of the result. */
struct p2p_task_progress {
  uint64_t sent, to_send;      /* to_send 0: not known yet */
  uint64_t arrived, to_arrive; /* to_arrive 0: nothing has arrived, or the result is gone */
};
void p2p_task_progress(struct p2p_task *task, struct p2p_task_progress *out);
/* Removes and returns the oldest condition that has arrived; NULL: none. The caller frees it. */
struct p2p_blob *p2p_task_next_condition(struct p2p_task *task);
/* How many conditions were dropped because too many were waiting. */
uint64_t p2p_task_dropped_conditions(struct p2p_task *task);

/* ---- For the client ---- */

#define P2P_TASK_WHOLE_BYTES (UINT64_C(1) << 20) /* smaller results are read when whole */

/* Of one task. Then it counts as lost, so that it does not go back and forth for ever. */
#define P2P_TASK_REQUEUES_MAX 10

void p2p_task_ref(struct p2p_task *task);
/* Releases the object and drops the client's reference. io thread. */
void p2p_task_release(struct p2p_task *task);

const char *p2p_task_label(const struct p2p_task *task);
const struct p2p_requirements *p2p_task_requirements(const struct p2p_task *task);
const char *p2p_task_packages(const struct p2p_task *task); /* "a;b"; "": it needs none */
/* What is sent to the worker; NULL once released. io thread. */
const struct p2p_blob *p2p_task_object(const struct p2p_task *task);
/* Its parts; none once released. A new task's creator may add some; then io thread. */
struct p2p_part_list *p2p_task_parts(struct p2p_task *task);

/* Transitions. Each returns false, and changes nothing, in any other state. */
bool p2p_task_submit(struct p2p_task *task, uint32_t retries); /* NEW -> WAITING */
/* WAITING -> RUNNING, or IN_LINE if it requests resources. */
bool p2p_task_start(struct p2p_task *task, const char *worker);
bool p2p_task_take_turn(struct p2p_task *task);  /* IN_LINE -> RUNNING */
bool p2p_task_leave_line(struct p2p_task *task); /* IN_LINE -> WAITING: for another worker */
/* Stays RUNNING: the result begins to arrive. Takes a reference of its own. */
bool p2p_task_receive(struct p2p_task *task, struct p2p_result *result);
bool p2p_task_finish(struct p2p_task *task); /* RUNNING -> DONE: the result is whole */
/* Any state before the end -> FAILED. */
bool p2p_task_fail(struct p2p_task *task, const struct p2p_err *err);
/* RUNNING, IN_LINE -> WAITING, if a retry is left: its worker was lost, `why` says how. */
bool p2p_task_retry(struct p2p_task *task, const struct p2p_err *why);
/* RUNNING, IN_LINE -> WAITING, P2P_TASK_REQUEUES_MAX times: its evaluation has not begun. */
bool p2p_task_requeue(struct p2p_task *task);
/* Of a running one: so much of what is sent to its worker was given to the link. */
void p2p_task_note_sent(struct p2p_task *task, uint64_t sent, uint64_t to_send);
/* Adds a condition to a running task. Beyond the limits it is counted as dropped. Takes over the
 * condition in every case. */
bool p2p_task_add_condition(struct p2p_task *task, struct p2p_blob *condition);

/* A first-in, first-out queue. A task is in at most one queue, which holds a reference. Not locked.
 */
struct p2p_task_queue {
  struct p2p_task *first, *last;
  uint32_t length;
  uint32_t with_needs; /* of these, tasks that need packages or resources */
};
/* The next task in the same queue; NULL: it is the last. */
const struct p2p_task *p2p_task_next(const struct p2p_task *task);
/* Takes over the caller's reference. */
void p2p_task_queue_push(struct p2p_task_queue *queue, struct p2p_task *task);
/* Removes the first task; its reference is the caller's. NULL: the queue is empty. */
struct p2p_task *p2p_task_queue_pop(struct p2p_task_queue *queue);
/* Removes the first task that `matches` (NULL: any one). NULL: none does. */
struct p2p_task *p2p_task_queue_pop_if(struct p2p_task_queue *queue,
                                       bool (*matches)(void *arg, const struct p2p_task *task),
                                       void *arg);
/* Moves all of `from` to the end of `to`. */
void p2p_task_queue_append(struct p2p_task_queue *to, struct p2p_task_queue *from);
/* Releases the tasks that have ended (cancelled from another thread). Returns how many. */
uint32_t p2p_task_queue_remove_ended(struct p2p_task_queue *queue);
/* Fails and releases all tasks. */
void p2p_task_queue_fail(struct p2p_task_queue *queue, const struct p2p_err *err);

#endif
