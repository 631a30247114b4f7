/* How an evaluator came to its end, in words for the user whose future it had. Pure. */
#ifndef P2P_WORKER_EXIT_REASON_H
#define P2P_WORKER_EXIT_REASON_H

#include "worker/limits.h"

#define P2P_EXIT_REASON_TEXT_MAX 320

struct p2p_exit_reason {
  char how[P2P_EXIT_REASON_TEXT_MAX]; /* follows "the evaluator": "ended with signal 9 (SIGKILL)" */
  char hint[P2P_EXIT_REASON_TEXT_MAX]; /* a likely cause, a sentence without its full stop; or "" */
};

/* The process ended by itself, or was killed by another process. `end` is the description of the
 * two numbers by p2p_evaluator_process_describe_end. */
void p2p_exit_reason_of_exit(struct p2p_exit_reason *reason, int exit_status, int term_signal,
                             const char *end, const struct p2p_limits *limits);
/* The future took longer than the limit. */
void p2p_exit_reason_of_time_limit(struct p2p_exit_reason *reason, const struct p2p_limits *limits);
/* The evaluator refused the task, as `how` says, for lack of memory, and continues. */
void p2p_exit_reason_of_refusal(struct p2p_exit_reason *reason, const char *how,
                                const struct p2p_limits *limits);
/* The worker stopped the task or killed the process, as `how` says. */
void p2p_exit_reason_of_kill(struct p2p_exit_reason *reason, const char *how);

#endif
