/* The worker program: a member of the board that lends slots, links to clients, and the evaluators
 * that it supervises. Lives on the io thread; everything here may be called from any other thread.
 */
#ifndef P2P_WORKER_WORKER_H
#define P2P_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "board/board_config.h"
#include "net/loop.h"
#include "worker/limits.h"

struct p2p_worker;

struct p2p_worker_config {
  struct p2p_loop *loop;
  struct p2p_board_config board;
  const char *r_version, *future_version;
  const char *platform;       /* R's, of letters, digits, '.', '_' and '-'; NULL: not told */
  uint32_t cores, memory_mib; /* of the machine; 0: not told */
  const char *packages;       /* the folders that packages are in, one a line; NULL: none */
  const char *account;        /* as whom futures run here, for people; NULL: not told */
  uint32_t slots;             /* evaluators */
  const char *const
      *evaluator_argv;              /* NULL-terminated: the program and arguments of an evaluator */
  const char *const *evaluator_env; /* NULL-terminated "NAME=value", the whole environment */
  struct p2p_limits
      limits; /* of each; the memory limit is the evaluators' own business, here it is told */
  uint64_t object_cap_bytes; /* largest task taken */
};

/* Tells on `events` (borrowed) what it does; P2P_LOG_FATAL when it has ended by itself. */
int p2p_worker_new(const struct p2p_worker_config *config, struct p2p_log_queue *log,
                   struct p2p_worker **out, struct p2p_err *err) P2P_MUST_USE;
/* Takes no new task, says leave; running tasks go on. When none is left it says so to its people,
 * and p2p_worker_is_done is true. */
void p2p_worker_drain(struct p2p_worker *worker);
bool p2p_worker_is_done(struct p2p_worker *worker);
/* For how long no future has run; 0: one runs. */
uint64_t p2p_worker_idle_ms(struct p2p_worker *worker);
/* Closes the links, so that running tasks are lost with the worker, says leave, kills evaluators,
 * frees. Bounded. */
void p2p_worker_free(struct p2p_worker *worker);

#endif
