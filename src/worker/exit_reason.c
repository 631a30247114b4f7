/* The words for an evaluator's end. */
#include "worker/exit_reason.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#define RESET "reset() the future to have it resolved anew"

/* By what a process does to itself when its code goes wrong. */
static bool is_crash(int number) {
  return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
         number == SIGABRT || number == SIGTRAP || number == SIGSYS;
}

void p2p_exit_reason_by_itself(struct p2p_exit_reason *reason, int exit_status, int term_signal,
                               const char *end, const struct p2p_limits *limits) {
  const char *advice = "Somebody ended it; " RESET;
  char limit[64 + P2P_LIMITS_TEXT_MAX] = "", memory[P2P_LIMITS_TEXT_MAX];
  if (term_signal <= 0 && exit_status < 0)
    advice = "It may have crashed, been killed, or called quit(); " RESET;
  else if (term_signal <= 0)
    advice = "The code of the future ended R, as quit() does; take that out, or " RESET;
  else if (is_crash(term_signal))
    advice = "The code of the future, or of a package that it uses, crashed R; mend it, or " RESET;
  else if (term_signal == SIGKILL)
    advice = "Somebody killed it, or the system did because memory ran out; " RESET;
  if (limits->memory_bytes > 0 && (term_signal <= 0 || is_crash(term_signal))) {
    p2p_limits_memory(limits, memory);
    snprintf(limit, sizeof limit, ". Perhaps it needed more than the memory limit of %s", memory);
  }
  snprintf(reason->how, sizeof reason->how, "ended with %s", end);
  snprintf(reason->advice, sizeof reason->advice, "%s%s", advice, limit);
}

void p2p_exit_reason_by_time(struct p2p_exit_reason *reason, const struct p2p_limits *limits) {
  char time[P2P_LIMITS_TEXT_MAX];
  p2p_limits_time(limits, time);
  snprintf(reason->how, sizeof reason->how, "was stopped at the time limit of %s per future", time);
  snprintf(reason->advice, sizeof reason->advice,
           "Make smaller futures of it, or ask who lends the worker for a higher limit (--time)");
}

void p2p_exit_reason_by_refusal(struct p2p_exit_reason *reason, const char *how,
                                const struct p2p_limits *limits) {
  char memory[P2P_LIMITS_TEXT_MAX];
  p2p_exit_reason_by_us(reason, how);
  if (limits->memory_bytes == 0) return;
  p2p_limits_memory(limits, memory);
  snprintf(
      reason->advice, sizeof reason->advice,
      "The memory limit is %s per future; ask who lends the worker for a higher one (--memory)",
      memory);
}

void p2p_exit_reason_by_us(struct p2p_exit_reason *reason, const char *how) {
  snprintf(reason->how, sizeof reason->how, "%s", how);
  reason->advice[0] = '\0';
}
