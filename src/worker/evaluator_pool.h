/* The evaluators of a worker: child processes that are warm before they are needed, evaluate one
 * task at a time, and are replaced when they end. There is one more of them than slots, so that a
 * slot goes on at once when its evaluator has died, and a user who comes finds a fresh one: an
 * evaluator that has resolved futures of one user never gets one of another. io thread only. */
#ifndef P2P_WORKER_EVALUATOR_POOL_H
#define P2P_WORKER_EVALUATOR_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "protocol/frame.h"
#include "worker/exit_reason.h"
#include "worker/limits.h"

#define P2P_EVALUATOR_START_MS 60000 /* from its start to its HELLO */
#define P2P_EVALUATOR_CANCEL_MS 5000 /* from an interrupt to its answer; then it is killed */
#define P2P_EVALUATOR_STALE_MS \
  10000 /* from its last task on; then it is replaced if there is no fresh one for others */
#define P2P_EVALUATOR_FAILURES_MAX 3 /* ends in a row before any was ready */

struct p2p_evaluator_pool;
struct p2p_evaluator;

struct p2p_evaluator_pool_config {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;            /* borrowed */
  const char *const *argv, *const *env; /* NULL-terminated; copied */
  uint32_t slots;
  struct p2p_limits limits;
};

struct p2p_evaluator_pool_callbacks {
  void (*on_change)(void *arg); /* p2p_evaluator_pool_usable may tell another number */
  /* They end again and again before they are ready. The last event; then free, also from within. */
  void (*on_failed)(void *arg, const struct p2p_err *err);
};

/* Starts them all. The error of a failed exec is reported here. */
int p2p_evaluator_pool_new(const struct p2p_evaluator_pool_config *config,
                           const struct p2p_evaluator_pool_callbacks *callbacks, void *arg,
                           struct p2p_evaluator_pool **out, struct p2p_err *err) P2P_MUST_USE;
/* Kills them. No events after. Takes NULL. */
void p2p_evaluator_pool_free(struct p2p_evaluator_pool *pool);
/* How many are ready or at work for somebody; at most the slots. */
uint32_t p2p_evaluator_pool_usable(const struct p2p_evaluator_pool *pool);
/* For how long none has had a task; 0: one has. */
uint64_t p2p_evaluator_pool_idle_ms(const struct p2p_evaluator_pool *pool);

/* What somebody who gave a task hears. */
struct p2p_evaluator_callbacks {
  void (*on_frame)(void *arg,
                   const struct p2p_frame *frame); /* CONDITION, RESULT, DATA, LOST, as they come */
  /* The task is over: it was answered by a whole RESULT or a LOST (death NULL), or this is why it
   * will not be. The last event. */
  void (*on_end)(void *arg, const struct p2p_exit_reason *reason);
};

/* Sends a TASK frame to an evaluator for `user`: one of this user, else a fresh one, else one that
 * replaces another user's, or one that is dying. NULL when all have a task, or there is no memory.
 * The DATA that the task announces is to follow, of the same task. */
struct p2p_evaluator *p2p_evaluator_pool_submit(struct p2p_evaluator_pool *pool, const char *user,
                                                const struct p2p_frame *task,
                                                const struct p2p_evaluator_callbacks *callbacks,
                                                void *arg);
void p2p_evaluator_data(struct p2p_evaluator *evaluator, const struct p2p_frame *data);
/* Interrupts the task; on_end follows, within P2P_EVALUATOR_CANCEL_MS or by force. */
void p2p_evaluator_cancel(struct p2p_evaluator *evaluator);
/* Interrupts the task, and nobody waits for it any more: no events after. */
void p2p_evaluator_abandon(struct p2p_evaluator *evaluator);
/* Back-pressure, until the task is over. */
void p2p_evaluator_pause(struct p2p_evaluator *evaluator);
void p2p_evaluator_resume(struct p2p_evaluator *evaluator);

#endif
