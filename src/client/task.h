/* A task as the client sees it: what client/client.h promises to others, and here the part that
 * only the client uses. The state is an atomic flag; all transitions are made under the task's
 * lock, so a result and a cancel that race are told apart: whoever is first ends it. The object is
 * read on the io thread alone. */
#ifndef P2P_CLIENT_TASK_H
#define P2P_CLIENT_TASK_H

#include <stdbool.h>

#include "client/client.h"

#define P2P_TASK_LABEL_MAX 256                         /* with its NUL; longer ones are cut */
#define P2P_TASK_CONDITIONS_MAX 4096                   /* that wait for R to take them, */
#define P2P_TASK_CONDITIONS_BYTES (UINT64_C(64) << 20) /* in all; a single one may be larger */

void p2p_task_ref(struct p2p_task *task);
const char *p2p_task_label(const struct p2p_task *task);
const char *p2p_task_packages(const struct p2p_task *task); /* "a;b"; "": it needs none */
const struct p2p_task *p2p_task_next(
    const struct p2p_task *task); /* behind it in its queue; NULL: it is the last */
/* What is sent to the worker; NULL after p2p_task_release_object. */
const struct p2p_blob *p2p_task_object(const struct p2p_task *task);
/* The task has ended or will be sent no more. io thread only. */
void p2p_task_release_object(struct p2p_task *task);

/* Each returns false, and changes nothing, where the task is not in a state that allows it. */
bool p2p_task_submit(struct p2p_task *task, uint32_t retries); /* NEW -> WAITING */
bool p2p_task_run(struct p2p_task *task, const char *worker);  /* WAITING -> RUNNING */
bool p2p_task_finish(
    struct p2p_task *task,
    struct p2p_blob *result); /* RUNNING -> DONE; result taken over in every case */
bool p2p_task_fail(struct p2p_task *task, const struct p2p_err *err); /* not yet ended -> FAILED */
/* RUNNING -> WAITING: its worker is lost, and it may run once more. */
bool p2p_task_run_again(struct p2p_task *task, const struct p2p_err *why);
/* Of a running task, below the caps; else it is counted as dropped. The condition is taken over in
 * every case. */
bool p2p_task_add_condition(struct p2p_task *task, struct p2p_blob *condition);

static inline bool p2p_task_has_ended(const struct p2p_task *task) {
  return p2p_task_state(task) >= P2P_TASK_DONE;
}

/* First in, first out. A task is in at most one queue, which holds a reference. Not locked. */
struct p2p_task_queue {
  struct p2p_task *first, *last;
  uint32_t length, needy; /* needy: of these, tasks that need packages */
};
void p2p_task_queue_push(struct p2p_task_queue *queue,
                         struct p2p_task *task); /* takes the caller's reference over */
struct p2p_task *p2p_task_queue_pop(
    struct p2p_task_queue *queue); /* gives it to the caller; NULL: empty */
/* The first one that `fits`. NULL: there is none. */
struct p2p_task *p2p_task_queue_pop_if(struct p2p_task_queue *queue,
                                       bool (*fits)(void *arg, const struct p2p_task *task),
                                       void *arg);
/* Moves all of `from` behind `to`. */
void p2p_task_queue_append(struct p2p_task_queue *to, struct p2p_task_queue *from);
/* Lets go of those that have ended, cancelled from another thread. Returns how many. */
uint32_t p2p_task_queue_sweep(struct p2p_task_queue *queue);
/* Releases the object and the queue's reference of a task that was taken and has ended. */
void p2p_task_release(struct p2p_task *task);
/* Fails and lets go of all. */
void p2p_task_queue_fail(struct p2p_task_queue *queue, const struct p2p_err *err);

#endif
