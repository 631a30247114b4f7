/* The wording of exit reasons. */
#include "worker/exit_reason.h"

#include <signal.h>
#include <stdio.h>

/* Writes "signal 9 (SIGKILL)", "exit status 3" or "an unknown exit status". */
static void describe(const struct p2p_evaluator_end *end, char *out, size_t size) {
  static const struct {
    int number;
    const char *name;
  } names[] = {
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
      {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
      {SIGKILL, "SIGKILL"}, {SIGSEGV, "SIGSEGV"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},
      {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};
  if (end->term_signal <= 0) {
    if (end->exit_status < 0)
      snprintf(out, size, "an unknown exit status");
    else
      snprintf(out, size, "exit status %d", end->exit_status);
    return;
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].number != end->term_signal) continue;
    snprintf(out, size, "signal %d (%s)", end->term_signal, names[i].name);
    return;
  }
  snprintf(out, size, "signal %d", end->term_signal);
}

/* A signal that a process raises itself when its code fails. */
static bool is_crash(int number) {
  return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
         number == SIGABRT || number == SIGTRAP || number == SIGSYS;
}

static const char *likely_cause(const struct p2p_evaluator_end *end) {
  if (end->term_signal == SIGKILL)
    return "It was killed by a user or, when memory ran out, by the operating system";
  if (end->term_signal > 0 && !is_crash(end->term_signal))
    return "It was ended by a user or by another process";
  if (!end->had_begun) return "The fault is the worker's, and its log may say more";
  if (end->term_signal > 0) return "The code of the future, or of a package it uses, crashed R";
  if (end->exit_status < 0) return "It crashed, was killed or ended itself";
  return "The code of the future ended the R session";
}

/* A future can send such a signal to itself, too; that looks the same. A signal of somebody who
 * shuts the computer down reaches evaluators before the supervisor has left. */
static bool is_from_outside(const struct p2p_evaluator_end *end, const struct p2p_limits *limits) {
  int number = end->term_signal;
  if (limits->memory_bytes > 0 && end->used_bytes >= limits->memory_bytes) return false;
  return number == SIGKILL || number == SIGTERM || number == SIGHUP;
}

/* A vector that grows is copied, so the allocation that fails is about as large as what is in use.
 */
static bool was_near_limit(const struct p2p_evaluator_end *end, const struct p2p_limits *limits) {
  return limits->memory_bytes > 0 && end->used_bytes >= limits->memory_bytes / 2 &&
         (end->term_signal <= 0 || is_crash(end->term_signal));
}

static void of_memory_limit(struct p2p_exit_reason *reason, bool had_begun,
                            const struct p2p_limits *limits) {
  char memory[P2P_LIMITS_TEXT_MAX];
  p2p_limits_memory(limits, memory);
  p2p_exit_reason_of_kill(reason, "", had_begun);
  snprintf(reason->how, sizeof reason->how, "was killed at the memory limit of %s per future",
           memory);
  snprintf(reason->hint, sizeof reason->hint,
           "It holds for all processes of a future together; the owner of the worker can raise it "
           "(--memory)");
}

void p2p_exit_reason_of_end(struct p2p_exit_reason *reason, const struct p2p_evaluator_end *end,
                            const struct p2p_limits *limits) {
  char text[96], limit[64 + P2P_LIMITS_TEXT_MAX] = "", memory[P2P_LIMITS_TEXT_MAX];
  if (end->was_full && limits->memory_bytes > 0) {
    of_memory_limit(reason, end->had_begun, limits);
    return;
  }
  if (was_near_limit(end, limits)) {
    p2p_limits_memory(limits, memory);
    snprintf(limit, sizeof limit, ", perhaps at the memory limit of %s", memory);
  }
  reason->had_begun = end->had_begun;
  reason->kind = !end->had_begun                ? P2P_LOST_NOT_BEGUN
                 : is_from_outside(end, limits) ? P2P_LOST_KILLED
                                                : P2P_LOST_FINAL;
  describe(end, text, sizeof text);
  snprintf(reason->how, sizeof reason->how, "ended with %s%s", text,
           end->was_ready ? "" : " before it was ready");
  snprintf(reason->hint, sizeof reason->hint, "%s%s", likely_cause(end), limit);
}

void p2p_exit_reason_of_time_limit(struct p2p_exit_reason *reason,
                                   const struct p2p_limits *limits) {
  char time[P2P_LIMITS_TEXT_MAX];
  p2p_limits_time(limits, time);
  p2p_exit_reason_of_kill(reason, "", true);
  snprintf(reason->how, sizeof reason->how, "was stopped at the time limit of %s per future", time);
  snprintf(reason->hint, sizeof reason->hint,
           "Smaller futures may stay below it; the owner of the worker can raise it (--time)");
}

void p2p_exit_reason_of_kill(struct p2p_exit_reason *reason, const char *how, bool had_begun) {
  reason->had_begun = had_begun;
  reason->kind = P2P_LOST_FINAL;
  snprintf(reason->how, sizeof reason->how, "%s", how);
  reason->hint[0] = '\0';
}

void p2p_exit_reason_of_own_kill(struct p2p_exit_reason *reason, const char *how, bool had_begun) {
  p2p_exit_reason_of_kill(reason, how, had_begun);
  if (!had_begun) reason->kind = P2P_LOST_NOT_BEGUN;
}

void p2p_exit_reason_sentence(const struct p2p_exit_reason *reason, const char *worker,
                              const char *label, char *out, size_t size) {
  snprintf(out, size, "the evaluator of worker '%s' %s%s '%s'%s%s", worker, reason->how,
           reason->had_begun ? " while evaluating future" : "; it had not begun future", label,
           reason->hint[0] != '\0' ? ". " : "", reason->hint);
}
