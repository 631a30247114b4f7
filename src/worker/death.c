/* The words for an evaluator's end. */
#include "worker/death.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#define RESET "reset() the future to have it resolved anew"

/* By what a process does to itself when its code goes wrong. */
static bool is_crash(int number) {
  return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGABRT ||
         number == SIGTRAP || number == SIGSYS;
}

void p2p_death_by_itself(struct p2p_death *death, int exit_status, int term_signal, const char *end, const struct p2p_terms *terms) {
  const char *advice = "Somebody ended it; " RESET;
  char limit[64 + P2P_TERMS_TEXT_MAX] = "", memory[P2P_TERMS_TEXT_MAX];
  if (term_signal <= 0 && exit_status < 0)
    advice = "It may have crashed, been killed, or called quit(); " RESET;
  else if (term_signal <= 0)
    advice = "The code of the future ended R, as quit() does; take that out, or " RESET;
  else if (is_crash(term_signal))
    advice = "The code of the future, or of a package that it uses, crashed R; mend it, or " RESET;
  else if (term_signal == SIGKILL)
    advice = "Somebody killed it, or the system did because memory ran out; " RESET;
  if (terms->memory_bytes > 0 && (term_signal <= 0 || is_crash(term_signal))) {
    p2p_terms_memory(terms, memory);
    snprintf(limit, sizeof limit, ". Perhaps it needed more than the memory limit of %s", memory);
  }
  snprintf(death->how, sizeof death->how, "ended with %s", end);
  snprintf(death->advice, sizeof death->advice, "%s%s", advice, limit);
}

void p2p_death_by_time(struct p2p_death *death, const struct p2p_terms *terms) {
  char time[P2P_TERMS_TEXT_MAX];
  p2p_terms_time(terms, time);
  snprintf(death->how, sizeof death->how, "was stopped at the time limit of %s per future", time);
  snprintf(death->advice, sizeof death->advice,
           "Make smaller futures of it, or ask who lends the worker for a higher limit (--time)");
}

void p2p_death_by_refusal(struct p2p_death *death, const char *how, const struct p2p_terms *terms) {
  char memory[P2P_TERMS_TEXT_MAX];
  p2p_death_by_us(death, how);
  if (terms->memory_bytes == 0) return;
  p2p_terms_memory(terms, memory);
  snprintf(death->advice, sizeof death->advice, "The memory limit is %s per future; ask who lends the worker for a higher one (--memory)", memory);
}

void p2p_death_by_us(struct p2p_death *death, const char *how) {
  snprintf(death->how, sizeof death->how, "%s", how);
  death->advice[0] = '\0';
}
