/* One evaluator: the child process, the task that it evaluates, and the time limits on both. The
 * process is restarted by the evaluator's owner, the pool. io thread only. */
#ifndef P2P_WORKER_EVALUATOR_H
#define P2P_WORKER_EVALUATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "protocol/frame.h"
#include "worker/evaluator_process.h"
#include "worker/exit_reason.h"
#include "worker/limits.h"
#include "worker/scratch.h"

#define P2P_EVALUATOR_START_MS 60000 /* from the start of the process to its HELLO */
#define P2P_EVALUATOR_CANCEL_MS \
  5000 /* from an interrupt to the end of the task; then it is killed */
#define P2P_EVALUATOR_UNUSED_MS 10000 /* from its last task to on_unused */
/* Where futures have a time limit: how long a future may take to arrive, besides a millisecond for
 * each P2P_EVALUATOR_RECEIVE_BYTES, and how long a result may wait for a client that does not read.
 */
#define P2P_EVALUATOR_RECEIVE_MS 60000
#define P2P_EVALUATOR_RECEIVE_BYTES 16
#define P2P_EVALUATOR_PAUSE_MS 300000
#define P2P_EVALUATOR_SLOW_MS \
  1000 /* how long other frames may wait for an evaluator that is slow */
#define P2P_EVALUATOR_TAKE_MS                                         \
  60000 /* for one that is full to take what waits; then it is killed \
         */

struct p2p_evaluator;

/* What the evaluators of a pool share; borrowed. None of the callbacks frees the evaluator, except
 * on_exit and on_retry. */
struct p2p_evaluator_owner {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  bool is_kept;               /* argv starts a keeper, which starts the evaluator */
  struct p2p_cgroups *groups; /* see p2p_evaluator_process_config */
  struct p2p_scratch *scratch;
  const char *workdir; /* of the processes; NULL: their scratch folders */
  struct p2p_limits limits;
  bool is_suspended;             /* tasks that begin are suspended at once */
  uint64_t receive_ms, pause_ms; /* P2P_EVALUATOR_RECEIVE_MS and _PAUSE_MS, except in tests */
  void (*on_change)(void *arg);  /* the evaluator is ready, or its task has ended */
  /* The process has ended, `how` says how; start it again. */
  void (*on_exit)(void *arg, struct p2p_evaluator *evaluator, bool was_ready, const char *how);
  /* The process could not be started a second ago; start it again. */
  void (*on_retry)(void *arg, struct p2p_evaluator *evaluator);
  /* A task that was abandoned, or that had a process of its own, has ended; start it again. */
  void (*on_abandoned)(void *arg, struct p2p_evaluator *evaluator);
  /* It has had no task for P2P_EVALUATOR_UNUSED_MS. */
  void (*on_unused)(void *arg, struct p2p_evaluator *evaluator);
  void *arg;
};

/* How a process is started. */
struct p2p_evaluator_launch {
  const char *const *argv, *const *env; /* NULL-terminated */
  bool is_for_one;                      /* it ends with its first task */
};

/* For the caller that submitted a task. */
struct p2p_evaluator_callbacks {
  /* The evaluator has taken all data so far. */
  void (*on_drain)(void *arg);
  /* A NEED, CONDITION, RESULT, DATA or LOST frame of the task. */
  void (*on_frame)(void *arg, const struct p2p_frame *frame);
  /* The task has ended: with a complete RESULT or a LOST (reason NULL), or without, for this
   * reason. The last callback. */
  void (*on_end)(void *arg, const struct p2p_exit_reason *reason);
};

/* NULL: out of memory. Has no process yet. */
struct p2p_evaluator *p2p_evaluator_new(const struct p2p_evaluator_owner *owner);
/* Kills the process. No callbacks after. Takes NULL. */
void p2p_evaluator_free(struct p2p_evaluator *evaluator);

/* Starts the process; one that runs is killed before. Must not have a task. On failure on_retry
 * follows. */
int p2p_evaluator_start(struct p2p_evaluator *evaluator, const struct p2p_evaluator_launch *launch,
                        struct p2p_err *err) P2P_MUST_USE;

/* The process runs and accepts frames, as far as the loop knows. */
bool p2p_evaluator_is_alive(const struct p2p_evaluator *evaluator);
bool p2p_evaluator_has_task(const struct p2p_evaluator *evaluator);
/* It is alive, and ready for a task or at work for a caller. */
bool p2p_evaluator_is_usable(const struct p2p_evaluator *evaluator);
/* It is alive without a task, has evaluated for this client only (NULL: for nobody), and is ready
 * or still starts. Asks the system whether the process runs, since the loop may learn of its end
 * later.
 */
bool p2p_evaluator_is_free_for(const struct p2p_evaluator *evaluator, const void *client,
                               bool ready);
const void *p2p_evaluator_client(const struct p2p_evaluator *evaluator); /* NULL: no task so far */
uint64_t p2p_evaluator_used_ms(
    const struct p2p_evaluator *evaluator); /* the end of its last task */

/* Sends a TASK frame, at least 8 bytes long, for `client`, any pointer that identifies it, and
 * before it `given`, what was given to the task (protocol/given.h), unless that is NULL. The DATA
 * frames that it announces follow. The evaluator has no task and is alive. P2P_ERR_MEMORY,
 * P2P_ERR_CLOSED. */
int p2p_evaluator_submit(struct p2p_evaluator *evaluator, const void *client,
                         const struct p2p_frame *given, const struct p2p_frame *task,
                         const struct p2p_evaluator_callbacks *callbacks, void *arg) P2P_MUST_USE;
/* A DATA frame, or the reply to NEED. If it is slow, it would be good to wait for on_drain, for at
 * most P2P_EVALUATOR_SLOW_MS. If it is full, send no more before on_drain or on_end. Data beyond
 * what was announced are not taken. */
enum p2p_evaluator_pace p2p_evaluator_data(struct p2p_evaluator *evaluator,
                                           const struct p2p_frame *data);
/* Interrupts the task; on_end follows within P2P_EVALUATOR_CANCEL_MS, by force if need be. */
void p2p_evaluator_cancel(struct p2p_evaluator *evaluator);
/* The same, without further callbacks for the task; on_abandoned follows. */
void p2p_evaluator_abandon(struct p2p_evaluator *evaluator);
/* Back-pressure: stop and continue to read from the evaluator, until its task ends. */
void p2p_evaluator_pause(struct p2p_evaluator *evaluator);
void p2p_evaluator_resume(struct p2p_evaluator *evaluator);

/* The owner of the machine wants it back for a while: stops the process, if it has a task, and its
 * time limit, until p2p_evaluator_continue, the end of the task, or its cancellation. */
void p2p_evaluator_suspend(struct p2p_evaluator *evaluator);
void p2p_evaluator_continue(struct p2p_evaluator *evaluator);

#endif
