/* What people read of a worker's limits and of an evaluator's end. */
#include "worker/exit_reason.h"

#include <signal.h>

#include "unit.h"

static const char *described(uint64_t memory_bytes, uint64_t time_ms, unsigned slots) {
  static char text[128];
  p2p_limits_describe(&(struct p2p_limits){memory_bytes, time_ms}, slots, text, sizeof text);
  return text;
}

TEST(terms_are_told_in_the_largest_unit) {
  CHECK_STR(described(0, 0, 1), "1 slot");
  CHECK_STR(described(0, 0, 3), "3 slots");
  CHECK_STR(described(UINT64_C(2) << 30, 3600000, 2), "2 slots (memory 2 GiB, time 1 h each)");
  CHECK_STR(described(UINT64_C(3) << 29, 0, 1), "1 slot (memory 1.5 GiB)");
  CHECK_STR(described(UINT64_C(500) << 20, 90000, 1), "1 slot (memory 500 MiB, time 1.5 min)");
  CHECK_STR(described(0, 200, 2), "2 slots (time 0.2 s each)");
  CHECK_STR(described(1000, 0, 2), "2 slots (memory 1000 bytes each)");
  CHECK_STR(described(UINT64_C(1) << 40, 0, 1), "1 slot (memory 1024 GiB)");
}

TEST(a_description_that_does_not_fit_is_cut) {
  char text[8];
  p2p_limits_describe(&(struct p2p_limits){UINT64_C(2) << 30, 1000}, 2, text, sizeof text);
  CHECK_STR(text, "2 slots");
  p2p_limits_describe(&(struct p2p_limits){UINT64_C(2) << 30, 1000}, 1000, text, sizeof text);
  CHECK(strlen(text) < sizeof text);
}

static struct p2p_exit_reason by_itself(int exit_status, int term_signal, const char *end,
                                        uint64_t memory_bytes) {
  struct p2p_exit_reason reason;
  p2p_exit_reason_by_itself(&reason, exit_status, term_signal, end,
                            &(struct p2p_limits){.memory_bytes = memory_bytes});
  return reason;
}

TEST(each_end_has_an_advice) {
  struct p2p_exit_reason reason = by_itself(0, SIGKILL, "signal 9 (SIGKILL)", UINT64_C(2) << 30);
  CHECK_STR(reason.how, "ended with signal 9 (SIGKILL)");
  CHECK_STR(reason.advice, "Somebody killed it, or the system did because memory ran out; reset() "
                           "the future to have it resolved anew");
  reason = by_itself(0, SIGSEGV, "signal 11 (SIGSEGV)", 0);
  CHECK(strstr(reason.advice, "crashed R") != NULL && strstr(reason.advice, "memory") == NULL);
  reason = by_itself(0, SIGABRT, "signal 6 (SIGABRT)", UINT64_C(2) << 30);
  CHECK(strstr(reason.advice, ". Perhaps it needed more than the memory limit of 2 GiB") != NULL);
  reason = by_itself(3, 0, "exit status 3", 0);
  CHECK(strstr(reason.advice, "as quit() does") != NULL);
  reason = by_itself(-1, 0, "an exit status that the system did not tell", 0);
  CHECK(strstr(reason.advice, "It may have crashed, been killed, or called quit(); reset()") !=
        NULL);
  reason = by_itself(0, SIGTERM, "signal 15 (SIGTERM)", 0);
  CHECK(strstr(reason.advice, "Somebody ended it") != NULL);
  p2p_exit_reason_by_time(&reason, &(struct p2p_limits){.time_ms = 2000});
  CHECK_STR(reason.how, "was stopped at the time limit of 2 s per future");
  p2p_exit_reason_by_refusal(&reason, "has not the memory",
                             &(struct p2p_limits){.memory_bytes = UINT64_C(2) << 30});
  CHECK_STR(reason.how, "has not the memory");
  CHECK_STR(
      reason.advice,
      "The memory limit is 2 GiB per future; ask who lends the worker for a higher one (--memory)");
  p2p_exit_reason_by_refusal(&reason, "has not the memory", &(struct p2p_limits){0});
  CHECK_STR(reason.advice, "");
  p2p_exit_reason_by_us(&reason, "was not ready within 60 s");
  CHECK_STR(reason.how, "was not ready within 60 s");
  CHECK_STR(reason.advice, "");
}

UNIT_MAIN("death", UNIT(terms_are_told_in_the_largest_unit),
          UNIT(a_description_that_does_not_fit_is_cut), UNIT(each_end_has_an_advice))
