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

#define GIB (UINT64_C(1) << 30)

/* Of a process with a limit of 2 GiB. */
static struct p2p_exit_reason of_end(int exit_status, int term_signal, uint64_t used_bytes) {
  struct p2p_exit_reason reason;
  p2p_exit_reason_of_end(&reason,
                         &(struct p2p_evaluator_end){.exit_status = exit_status,
                                                     .term_signal = term_signal,
                                                     .was_ready = true,
                                                     .had_begun = true,
                                                     .used_bytes = used_bytes},
                         &(struct p2p_limits){.memory_bytes = 2 * GIB});
  return reason;
}

TEST(memory_limit_is_named_if_it_was_near) {
  CHECK_STR(of_end(0, 0, GIB / 2).hint, "The code of the future ended the R session");
  CHECK_STR(of_end(3, 0, GIB).hint,
            "The code of the future ended the R session, perhaps at the memory limit of 2 GiB");
  CHECK_STR(of_end(0, SIGABRT, 0).hint,
            "The code of the future, or of a package it uses, crashed R");
  CHECK_STR(of_end(0, SIGSEGV, GIB).hint, "The code of the future, or of a package it uses, "
                                          "crashed R, perhaps at the memory limit of 2 GiB");
  CHECK_STR(of_end(0, SIGTERM, GIB).hint, "It was ended by a user or by another process");
  struct p2p_exit_reason reason;
  p2p_exit_reason_of_end(
      &reason, &(struct p2p_evaluator_end){.was_ready = true, .had_begun = true, .used_bytes = GIB},
      &(struct p2p_limits){0});
  CHECK_STR(reason.hint, "The code of the future ended the R session");
}

static enum p2p_lost_kind kind_of(int term_signal, uint64_t used_bytes) {
  return of_end(0, term_signal, used_bytes).kind;
}

TEST(a_process_that_somebody_else_killed_may_run_its_future_again) {
  static const int from_outside[] = {SIGKILL, SIGTERM, SIGHUP};
  static const int crashes[] = {0,      SIGSEGV, SIGABRT, SIGBUS,  SIGILL,  SIGFPE,
                                SIGSYS, SIGTRAP, SIGINT,  SIGXCPU, SIGPIPE, SIGQUIT};
  for (size_t i = 0; i < sizeof from_outside / sizeof from_outside[0]; i++) {
    CHECK(kind_of(from_outside[i], 0) == P2P_LOST_KILLED);
    CHECK(kind_of(from_outside[i], 2 * GIB - 1) == P2P_LOST_KILLED);
    CHECK(kind_of(from_outside[i], 2 * GIB) == P2P_LOST_FINAL); /* it was over its limit */
  }
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
    CHECK(kind_of(crashes[i], 0) == P2P_LOST_FINAL);
  struct p2p_exit_reason reason;
  p2p_exit_reason_of_end(
      &reason,
      &(struct p2p_evaluator_end){.term_signal = SIGKILL, .had_begun = true, .used_bytes = GIB},
      &(struct p2p_limits){0});
  CHECK(reason.kind == P2P_LOST_KILLED);
}

/* What ends before the code of the future has begun is not its fault. */
TEST(code_that_has_not_begun_is_not_blamed) {
  struct p2p_exit_reason reason;
  struct p2p_evaluator_end end = {.exit_status = 1};
  char text[512];
  p2p_exit_reason_of_end(&reason, &end, &(struct p2p_limits){0});
  CHECK(reason.kind == P2P_LOST_NOT_BEGUN);
  p2p_exit_reason_sentence(&reason, "carol@desk:4711", "one", text, sizeof text);
  CHECK_STR(text,
            "the evaluator of worker 'carol@desk:4711' ended with exit status 1 before it was "
            "ready; it had not begun future 'one'. The fault is the worker's, and its log may "
            "say more");
  end.term_signal = SIGSEGV;
  p2p_exit_reason_of_end(&reason, &end, &(struct p2p_limits){0});
  CHECK_STR(reason.hint, "The fault is the worker's, and its log may say more");
  end.term_signal = SIGKILL;
  p2p_exit_reason_of_end(&reason, &end, &(struct p2p_limits){0});
  CHECK(strstr(reason.hint, "was killed by a user") != NULL && reason.kind == P2P_LOST_NOT_BEGUN);
}

TEST(a_control_group_that_was_full_names_the_memory_limit) {
  struct p2p_exit_reason reason;
  struct p2p_evaluator_end end = {
      .term_signal = SIGKILL, .was_ready = true, .had_begun = true, .was_full = true};
  char text[512];
  p2p_exit_reason_of_end(&reason, &end, &(struct p2p_limits){.memory_bytes = 2 * GIB});
  p2p_exit_reason_sentence(&reason, "carol@desk:4711", "one", text, sizeof text);
  CHECK_STR(text,
            "the evaluator of worker 'carol@desk:4711' was killed at the memory limit of 2 GiB per "
            "future while evaluating future 'one'. It holds for all processes of a future "
            "together; the owner of the worker can raise it (--memory)");
  CHECK(reason.kind == P2P_LOST_FINAL);
  p2p_exit_reason_of_end(&reason, &end, &(struct p2p_limits){0}); /* it was another limit */
  CHECK_STR(reason.how, "ended with signal 9 (SIGKILL)");
  CHECK(reason.kind == P2P_LOST_KILLED);
}

TEST(exit_reason_has_a_hint) {
  struct p2p_exit_reason reason = of_end(0, SIGKILL, 2 * GIB);
  CHECK_STR(reason.how, "ended with signal 9 (SIGKILL)");
  CHECK_STR(of_end(3, 0, 0).how, "ended with exit status 3");
  CHECK_STR(of_end(-1, 0, 0).how, "ended with an unknown exit status");
  CHECK_STR(of_end(0, 60, 0).how, "ended with signal 60");
  CHECK_STR(reason.hint,
            "It was killed by a user or, when memory ran out, by the operating system");
  CHECK(strstr(of_end(-1, 0, 0).hint, "It crashed, was killed or ended itself") != NULL);
  p2p_exit_reason_of_time_limit(&reason, &(struct p2p_limits){.time_ms = 2000});
  CHECK_STR(reason.how, "was stopped at the time limit of 2 s per future");
  CHECK(reason.had_begun && reason.kind == P2P_LOST_FINAL);
  p2p_exit_reason_of_kill(&reason, "was not ready within 60 s", false);
  CHECK_STR(reason.how, "was not ready within 60 s");
  CHECK_STR(reason.hint, "");
}

UNIT_MAIN("exit_reason", UNIT(limits_are_in_the_largest_unit),
          UNIT(description_that_does_not_fit_is_cut), UNIT(memory_limit_is_named_if_it_was_near),
          UNIT(a_process_that_somebody_else_killed_may_run_its_future_again),
          UNIT(code_that_has_not_begun_is_not_blamed),
          UNIT(a_control_group_that_was_full_names_the_memory_limit), UNIT(exit_reason_has_a_hint))
