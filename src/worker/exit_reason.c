/* The wording of exit reasons. */
#include "worker/exit_reason.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

/* A signal that a process raises itself when its code fails. */
static bool is_crash(int number) {
  return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
         number == SIGABRT || number == SIGTRAP || number == SIGSYS;
}

static const char *likely_cause(int exit_status, int term_signal) {
  if (term_signal <= 0 && exit_status < 0) return "It crashed, was killed or ended itself";
  if (term_signal <= 0) return "The code of the future ended the R session";
  if (is_crash(term_signal)) return "The code of the future, or of a package it uses, crashed R";
  if (term_signal == SIGKILL)
    return "It was killed by a user or, when memory ran out, by the operating system";
  return "It was ended by a user or by another process";
}

void p2p_exit_reason_of_exit(struct p2p_exit_reason *reason, int exit_status, int term_signal,
                             const char *end, const struct p2p_limits *limits) {
  char limit[64 + P2P_LIMITS_TEXT_MAX] = "", memory[P2P_LIMITS_TEXT_MAX];
  if (limits->memory_bytes > 0 && (term_signal <= 0 || is_crash(term_signal))) {
    p2p_limits_memory(limits, memory);
    snprintf(limit, sizeof limit, ", perhaps at the memory limit of %s", memory);
  }
  snprintf(reason->how, sizeof reason->how, "ended with %s", end);
  snprintf(reason->hint, sizeof reason->hint, "%s%s", likely_cause(exit_status, term_signal),
           limit);
}

void p2p_exit_reason_of_time_limit(struct p2p_exit_reason *reason,
                                   const struct p2p_limits *limits) {
  char time[P2P_LIMITS_TEXT_MAX];
  p2p_limits_time(limits, time);
  snprintf(reason->how, sizeof reason->how, "was stopped at the time limit of %s per future", time);
  snprintf(reason->hint, sizeof reason->hint,
           "Smaller futures may stay below it; the owner of the worker can raise it (--time)");
}

void p2p_exit_reason_of_refusal(struct p2p_exit_reason *reason, const char *how,
                                const struct p2p_limits *limits) {
  char memory[P2P_LIMITS_TEXT_MAX];
  p2p_exit_reason_of_kill(reason, how);
  if (limits->memory_bytes == 0) return;
  p2p_limits_memory(limits, memory);
  snprintf(reason->hint, sizeof reason->hint,
           "The memory limit is %s per future; the owner of the worker can raise it (--memory)",
           memory);
}

void p2p_exit_reason_of_kill(struct p2p_exit_reason *reason, const char *how) {
  snprintf(reason->how, sizeof reason->how, "%s", how);
  reason->hint[0] = '\0';
}
