/* How an evaluator came to its end, and what a person can do about it: words for whoever waits for
 * its future. Pure. */
#ifndef P2P_WORKER_EXIT_REASON_H
#define P2P_WORKER_EXIT_REASON_H

#include "worker/limits.h"

#define P2P_EXIT_REASON_TEXT_MAX 320

struct p2p_exit_reason {
  char how[P2P_EXIT_REASON_TEXT_MAX]; /* after "The evaluator ": "ended with signal 9 (SIGKILL)" */
  char advice[P2P_EXIT_REASON_TEXT_MAX]; /* "" or a sentence without its stop */
};

/* The process ended by itself, or was killed by somebody else; `end` is what
 * p2p_evaluator_process_describe_end says of the two numbers. */
void p2p_exit_reason_by_itself(struct p2p_exit_reason *reason, int exit_status, int term_signal,
                               const char *end, const struct p2p_limits *limits);
/* Its future took longer than the terms allow. */
void p2p_exit_reason_by_time(struct p2p_exit_reason *reason, const struct p2p_limits *limits);
/* It lives on, but has given the task up, as `how` says: there was no memory for it. */
void p2p_exit_reason_by_refusal(struct p2p_exit_reason *reason, const char *how,
                                const struct p2p_limits *limits);
/* We have ended it, because of `how`. */
void p2p_exit_reason_by_us(struct p2p_exit_reason *reason, const char *how);

#endif
