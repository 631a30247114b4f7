/* The dispatcher: decides which worker runs which task. Owns the waiting tasks, the roster of
 * workers and the links to them; decides again after every change and on a timer. Its owner passes
 * on what happens on the board; it reports through callbacks. io thread only. */
#ifndef P2P_CLIENT_DISPATCHER_H
#define P2P_CLIENT_DISPATCHER_H

#include "base/log_queue.h"
#include "board/member.h"
#include "client/client_config.h"
#include "client/client_status.h"
#include "client/task.h"

struct p2p_dispatcher;

struct p2p_dispatcher_callbacks {
  void (*on_change)(void *arg); /* after each decision: the counts may have changed */
  void (*on_task)(void *arg);   /* a task has ended, or a condition has arrived */
};

/* Copies the structs; `log` is borrowed. */
int p2p_dispatcher_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                       const struct p2p_dispatcher_callbacks *callbacks, void *arg,
                       struct p2p_dispatcher **out, struct p2p_err *err) P2P_MUST_USE;
/* Cancels all tasks, closes the links and frees. No callbacks after. Takes NULL. */
void p2p_dispatcher_free(struct p2p_dispatcher *dispatcher);

/* Takes over all of `submitted`. If has_cancelled is set, tasks were cancelled on another thread:
 * drops those that wait, and interrupts those that run. */
void p2p_dispatcher_update(struct p2p_dispatcher *dispatcher, struct p2p_task_queue *submitted,
                           bool has_cancelled);

/* The client has joined the board, for the first time or again. `member` is borrowed until the
 * dispatcher is freed. */
void p2p_dispatcher_on_joined(struct p2p_dispatcher *dispatcher, struct p2p_member *member);
/* A line of another member. */
void p2p_dispatcher_on_line(struct p2p_dispatcher *dispatcher, const struct p2p_line *line);
/* The board is disconnected: no links can be opened until it is joined again. */
void p2p_dispatcher_on_disconnected(struct p2p_dispatcher *dispatcher);
/* The owner of the cluster has expelled these devices. */
void p2p_dispatcher_on_expelled(struct p2p_dispatcher *dispatcher,
                                const struct p2p_sign_public *devices, size_t n);
/* The board cannot be joined any more. Tasks that wait fail with this error, now and later; those
 * that run go on. */
void p2p_dispatcher_on_failed(struct p2p_dispatcher *dispatcher, const struct p2p_err *err);

/* Fills the counts of workers, slots and tasks. */
void p2p_dispatcher_count(const struct p2p_dispatcher *dispatcher, struct p2p_client_status *out);
/* Fills up to `capacity` workers; returns how many there are. */
size_t p2p_dispatcher_workers(const struct p2p_dispatcher *dispatcher, struct p2p_worker_info *out,
                              size_t capacity);
/* Why a task with these needs waits. */
void p2p_dispatcher_explain(const struct p2p_dispatcher *dispatcher,
                            const struct p2p_requirements *needs, struct p2p_waiting *out);

#endif
