/* The descriptions of a worker's limits and of an evaluator's end. */
#include "worker/exit_reason.h"

#include <signal.h>

#include "unit.h"

static const char *described(uint64_t memory_bytes, uint64_t time_ms, unsigned slots) {
  static char text[128];
  p2p_limits_describe(&(struct p2p_limits){memory_bytes, time_ms}, slots, text, sizeof text);
  return text;
}

TEST(limits_are_in_the_largest_unit) {
  CHECK_STR(described(0, 0, 1), "1 slot");
  CHECK_STR(described(0, 0, 3), "3 slots");
  CHECK_STR(described(UINT64_C(2) << 30, 3600000, 2), "2 slots (memory 2 GiB, time 1 h each)");
  CHECK_STR(described(UINT64_C(3) << 29, 0, 1), "1 slot (memory 1.5 GiB)");
  CHECK_STR(described(UINT64_C(500) << 20, 90000, 1), "1 slot (memory 500 MiB, time 1.5 min)");
  CHECK_STR(described(0, 200, 2), "2 slots (time 0.2 s each)");
  CHECK_STR(described(1000, 0, 2), "2 slots (memory 1000 bytes each)");
  CHECK_STR(described(UINT64_C(1) << 40, 0, 1), "1 slot (memory 1024 GiB)");
}

TEST(description_that_does_not_fit_is_cut) {
  char text[8];
  p2p_limits_describe(&(struct p2p_limits){UINT64_C(2) << 30, 1000}, 2, text, sizeof text);
  CHECK_STR(text, "2 slots");
  p2p_limits_describe(&(struct p2p_limits){UINT64_C(2) << 30, 1000}, 1000, text, sizeof text);
  CHECK(strlen(text) < sizeof text);
}

static struct p2p_exit_reason of_exit(int exit_status, int term_signal, const char *end,
                                      uint64_t memory_bytes) {
  struct p2p_exit_reason reason;
  p2p_exit_reason_of_exit(&reason, exit_status, term_signal, end,
                          &(struct p2p_limits){.memory_bytes = memory_bytes});
  return reason;
}

TEST(exit_reason_has_a_hint) {
  struct p2p_exit_reason reason = of_exit(0, SIGKILL, "signal 9 (SIGKILL)", UINT64_C(2) << 30);
  CHECK_STR(reason.how, "ended with signal 9 (SIGKILL)");
  CHECK_STR(reason.hint,
            "It was killed by a user or, when memory ran out, by the operating system");
  reason = of_exit(0, SIGSEGV, "signal 11 (SIGSEGV)", 0);
  CHECK(strstr(reason.hint, "crashed R") != NULL && strstr(reason.hint, "memory") == NULL);
  reason = of_exit(0, SIGABRT, "signal 6 (SIGABRT)", UINT64_C(2) << 30);
  CHECK(strstr(reason.hint, "crashed R, perhaps at the memory limit of 2 GiB") != NULL);
  reason = of_exit(3, 0, "exit status 3", 0);
  CHECK(strstr(reason.hint, "ended the R session") != NULL);
  reason = of_exit(-1, 0, "an unknown exit status", 0);
  CHECK(strstr(reason.hint, "It crashed, was killed or ended itself") != NULL);
  reason = of_exit(0, SIGTERM, "signal 15 (SIGTERM)", 0);
  CHECK(strstr(reason.hint, "ended by a user or by another process") != NULL);
  p2p_exit_reason_of_time_limit(&reason, &(struct p2p_limits){.time_ms = 2000});
  CHECK_STR(reason.how, "was stopped at the time limit of 2 s per future");
  p2p_exit_reason_of_refusal(&reason, "does not have enough memory",
                             &(struct p2p_limits){.memory_bytes = UINT64_C(2) << 30});
  CHECK_STR(reason.how, "does not have enough memory");
  CHECK_STR(
      reason.hint,
      "The memory limit is 2 GiB per future; the owner of the worker can raise it (--memory)");
  p2p_exit_reason_of_refusal(&reason, "does not have enough memory", &(struct p2p_limits){0});
  CHECK_STR(reason.hint, "");
  p2p_exit_reason_of_kill(&reason, "was not ready within 60 s");
  CHECK_STR(reason.how, "was not ready within 60 s");
  CHECK_STR(reason.hint, "");
}

UNIT_MAIN("exit_reason", UNIT(limits_are_in_the_largest_unit),
          UNIT(description_that_does_not_fit_is_cut), UNIT(exit_reason_has_a_hint))
