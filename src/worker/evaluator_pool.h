/* The evaluators of a worker: child processes that start before they are needed, evaluate one task
 * at a time and are replaced when they end. There is one more than slots, so that a slot is usable
 * at once after its evaluator has died, and so that a new client finds an unused evaluator: one
 * that has evaluated futures of a client never gets a future of another, and is replaced when its
 * client has left. io thread only. */
#ifndef P2P_WORKER_EVALUATOR_POOL_H
#define P2P_WORKER_EVALUATOR_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/given.h"
#include "worker/evaluator.h"

#define P2P_EVALUATOR_POOL_FAILURES_MAX 3 /* evaluators in a row that end before they are ready */

struct p2p_evaluator_pool;

struct p2p_evaluator_pool_config {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;            /* borrowed */
  const char *const *argv, *const *env; /* NULL-terminated; copied */
  bool is_kept;                         /* argv starts a keeper, which starts the evaluator */
  /* Borrowed. Each evaluator gets a control group, which argv[0] joins if its first argument is
   * --cgroup (see shell/sandbox); NULL: none. */
  struct p2p_cgroups *groups;
  const char *scratch; /* the folder of all scratch folders, see p2p_scratch_new */
  const char *workdir; /* the working directory of the evaluators; NULL: their scratch folders */
  uint32_t slots;
  /* The GPUs that tasks are given (NULL: none), as lines of base/gpus. argv[0] is shell/sandbox,
   * and opens their device files for the evaluator. */
  const char *gpus;
  bool opens_devices;
  struct p2p_limits limits;
  uint64_t receive_ms, pause_ms; /* 0, except in tests: see p2p_evaluator_owner */
};

struct p2p_evaluator_pool_callbacks {
  void (*on_change)(void *arg); /* p2p_evaluator_pool_usable may have changed */
  /* P2P_EVALUATOR_POOL_FAILURES_MAX evaluators have failed. The last callback; then free, also from
   * within it. */
  void (*on_failed)(void *arg, const struct p2p_err *err);
};

/* Starts all evaluators. A failed exec is an error here. */
int p2p_evaluator_pool_new(const struct p2p_evaluator_pool_config *config,
                           const struct p2p_evaluator_pool_callbacks *callbacks, void *arg,
                           struct p2p_evaluator_pool **out, struct p2p_err *err) P2P_MUST_USE;
/* Kills the evaluators. No callbacks after. p2p_file_tree_remove(scratch) removes their files.
 * Takes NULL. */
void p2p_evaluator_pool_free(struct p2p_evaluator_pool *pool);
/* The number of evaluators that are ready or at work for a client; at most the slots. */
uint32_t p2p_evaluator_pool_usable(const struct p2p_evaluator_pool *pool);
/* Milliseconds since the last task ended, or since the start; 0 while a task runs. */
uint64_t p2p_evaluator_pool_idle_ms(const struct p2p_evaluator_pool *pool);

/* Submits a TASK frame of `client` (see p2p_evaluator_submit) to an evaluator: one of this client,
 * else an unused one, else a new one in place of one that is dying or belongs to another client.
 * If it is given GPUs, an evaluator is started that has these, in place of another one, and ends
 * with the task: a process that has used a GPU keeps it. `given`: NULL if nothing was requested.
 * NULL when all have a task, or out of memory. */
struct p2p_evaluator *p2p_evaluator_pool_submit(struct p2p_evaluator_pool *pool, const void *client,
                                                const struct p2p_given *given,
                                                const struct p2p_frame *task,
                                                const struct p2p_evaluator_callbacks *callbacks,
                                                void *arg);
/* The client has left, and its tasks were abandoned: replaces its evaluators. */
void p2p_evaluator_pool_remove_client(struct p2p_evaluator_pool *pool, const void *client);
/* Suspends all tasks, also those that begin from now on, or lets them go on: see
 * p2p_evaluator_suspend. */
void p2p_evaluator_pool_suspend(struct p2p_evaluator_pool *pool, bool is_suspended);
/* Starts no more evaluators: the pool will be freed. */
void p2p_evaluator_pool_close(struct p2p_evaluator_pool *pool);

#endif
