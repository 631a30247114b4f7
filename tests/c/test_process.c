/* proc/process: signals, and the end of a child process, also if another handler takes SIGCHLD. */
#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "unit.h"

struct seen {
  uv_loop_t loop;
  struct p2p_process *process;
  int gate; /* the process ends when this is closed */
  int ends, exit_status, term_signal;
  uint64_t peak_bytes;
  bool timed_out;
};

static void on_end(void *arg, int exit_status, int term_signal) {
  struct seen *seen = arg;
  seen->ends++;
  seen->exit_status = exit_status;
  seen->term_signal = term_signal;
  seen->peak_bytes = p2p_process_peak_bytes(seen->process);
  p2p_process_free(seen->process);
  seen->process = NULL;
}

static void on_timeout(uv_timer_t *timer) {
  ((struct seen *)timer->data)->timed_out = true;
  uv_stop(timer->loop);
}

/* Runs until nothing is left, 20 s at most. */
static void run(struct seen *seen) {
  uv_timer_t timer;
  uv_timer_init(&seen->loop, &timer);
  timer.data = seen;
  uv_timer_start(&timer, on_timeout, 20000, 0);
  uv_unref((uv_handle_t *)&timer);
  uv_run(&seen->loop, UV_RUN_DEFAULT);
  CHECK(!seen->timed_out);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&seen->loop, UV_RUN_NOWAIT);
}

static int spawn(struct seen *seen, const char *program, const char *script) {
  int gate[2];
  CHECK(pipe(gate) == 0 && fcntl(gate[1], F_SETFD, FD_CLOEXEC) == 0);
  uv_stdio_container_t stdio[1] = {{.flags = UV_INHERIT_FD, .data.fd = gate[0]}};
  char *argv[] = {(char *)program, "-c", (char *)script, NULL};
  uv_process_options_t options = {.file = program, .args = argv, .stdio = stdio, .stdio_count = 1};
  int status = p2p_process_spawn(&seen->loop, &options, on_end, seen, &seen->process);
  close(gate[0]);
  seen->gate = gate[1];
  return status;
}

static void begin(struct seen *seen, const char *script) {
  memset(seen, 0, sizeof *seen);
  CHECK(uv_loop_init(&seen->loop) == 0);
  CHECK(spawn(seen, "/bin/sh", script) == 0);
}

static void finish(struct seen *seen) {
  CHECK(uv_loop_close(&seen->loop) == 0);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

TEST(its_end_is_told_once) {
  struct seen seen;
  begin(&seen, "read line; exit 3");
  close(seen.gate);
  run(&seen);
  CHECK(seen.ends == 1 && seen.exit_status == 3 && seen.term_signal == 0);
  finish(&seen);
  begin(&seen, "read line");
  p2p_process_signal(seen.process, SIGTERM);
  run(&seen);
  CHECK(seen.ends == 1 && seen.term_signal == SIGTERM);
  close(seen.gate);
  finish(&seen);
}

TEST(peak_of_its_memory_is_known) {
#ifdef __linux__
  struct seen seen;
  for (int i = 0; i < 10; i++) {
    begin(&seen, "x=$(head -c 30000000 /dev/zero | tr '\\0' x)");
    close(seen.gate);
    run(&seen);
    CHECK(seen.ends == 1 && seen.peak_bytes > 30000000 && p2p_process_own_peak_bytes() > 0);
    finish(&seen);
  }
#endif
}

TEST(a_program_that_is_not_there_is_an_error) {
  struct seen seen = {0};
  CHECK(uv_loop_init(&seen.loop) == 0);
  CHECK(spawn(&seen, "/no/such/program", "") == UV_ENOENT);
  close(seen.gate);
  run(&seen);
  CHECK(seen.ends == 0);
  finish(&seen);
}

TEST(one_that_is_given_back_is_killed_and_reaped) {
  struct seen seen;
  begin(&seen, "read line");
  p2p_process_free(seen.process);
  run(&seen);
  CHECK(seen.ends == 0);
  close(seen.gate);
  finish(&seen);
}

static void reap_all(int number) {
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

/* `taken` is installed after libuv's own. */
static void check_taken(void (*taken)(int), int exit_status) {
  struct seen seen;
  begin(&seen, "read line; exit 3");
  signal(SIGCHLD, taken);
  close(seen.gate);
  p2p_process_expect_end(seen.process);
  run(&seen);
  CHECK(seen.ends == 1 && seen.exit_status == exit_status && seen.term_signal == 0);
  signal(SIGCHLD, SIG_DFL);
  finish(&seen);
  begin(&seen, "read line");
  signal(SIGCHLD, taken);
  p2p_process_free(seen.process);
  run(&seen);
  close(seen.gate);
  signal(SIGCHLD, SIG_DFL);
  finish(&seen);
}

TEST(its_end_is_told_when_sigchld_is_taken) {
  check_taken(SIG_DFL, 3);
  check_taken(SIG_IGN, P2P_PROCESS_UNKNOWN);
  check_taken(reap_all, P2P_PROCESS_UNKNOWN);
}

/* As before Linux 5.3. False where that cannot be forbidden. */
static bool forbid_descriptors(void) {
#ifdef SYS_pidfd_open
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
         syscall(SYS_pidfd_open, getpid(), 0) == -1;
#else
  return false;
#endif
}

/* The last one: there is no way back. */
TEST(without_a_descriptor_it_is_looked_for) {
  if (!forbid_descriptors()) return;
  its_end_is_told_once();
  its_end_is_told_when_sigchld_is_taken();
  one_that_is_given_back_is_killed_and_reaped();
}

UNIT_MAIN("process", UNIT(its_end_is_told_once), UNIT(peak_of_its_memory_is_known),
          UNIT(a_program_that_is_not_there_is_an_error),
          UNIT(one_that_is_given_back_is_killed_and_reaped),
          UNIT(its_end_is_told_when_sigchld_is_taken), UNIT(without_a_descriptor_it_is_looked_for))
