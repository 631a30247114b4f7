/* How an evaluator came to its end, in words for the user whose future it had. Pure. */
#ifndef P2P_WORKER_EXIT_REASON_H
#define P2P_WORKER_EXIT_REASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/lost.h"
#include "worker/limits.h"

#define P2P_EXIT_REASON_TEXT_MAX 320

struct p2p_exit_reason {
  bool had_begun; /* the evaluation of the task; else the code of the future is not to blame */
  enum p2p_lost_kind kind;
  char how[P2P_EXIT_REASON_TEXT_MAX]; /* follows "the evaluator": "ended with signal 9 (SIGKILL)" */
  char hint[P2P_EXIT_REASON_TEXT_MAX]; /* a likely cause, a sentence without its full stop; or "" */
};

/* The end of a process by itself, or by a signal of another process. */
struct p2p_evaluator_end {
  int exit_status, term_signal; /* as p2p_evaluator_process reports them */
  bool was_ready, had_begun;
  uint64_t used_bytes; /* by which its peak of memory has grown since it was ready; 0: unknown */
  bool was_full;       /* its control group was at its memory limit, for which it was killed */
};

void p2p_exit_reason_of_end(struct p2p_exit_reason *reason, const struct p2p_evaluator_end *end,
                            const struct p2p_limits *limits);
/* The future took longer than the limit. */
void p2p_exit_reason_of_time_limit(struct p2p_exit_reason *reason, const struct p2p_limits *limits);
/* The worker stopped the task or killed the process, or the evaluator gave the task up, as `how`
 * says. Final: the caller may know better. */
void p2p_exit_reason_of_kill(struct p2p_exit_reason *reason, const char *how, bool had_begun);

/* The worker killed the process, also one that had not begun. */
void p2p_exit_reason_of_own_kill(struct p2p_exit_reason *reason, const char *how, bool had_begun);

/* "the evaluator of worker 'carol@desk:4711' ended with signal 9 (SIGKILL) while evaluating future
 * 'one'. It was killed by ..." */
void p2p_exit_reason_sentence(const struct p2p_exit_reason *reason, const char *worker,
                              const char *label, char *out, size_t size);

#endif
