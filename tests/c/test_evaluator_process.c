/* Evaluator processes: all frames arrive before the exit is reported, and no descendant is left. */
#include "unit.h"

#include <sys/resource.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "worker/evaluator_process.h"

#define MODE "P2P_TEST_EVALUATOR"
#define BIG (10 * 1024 * 1024)

/* The path of this program: under valgrind, /proc/self/exe is valgrind. */
static char program[1024];
static void find_program(void) {
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) program[0] = '\0';
}

/* ---- in the evaluator process: this program, with MODE in its environment ---- */

static void put(uint8_t type, uint32_t task, const void *payload, size_t length) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX);
  if (p2p_frame_put(&buf, type, task, payload, length) != P2P_OK) _exit(99);
  for (size_t done = 0; done < p2p_buf_len(&buf);) {
    ssize_t n = write(3, p2p_buf_data(&buf) + done, p2p_buf_len(&buf) - done);
    if (n < 0) _exit(98);
    done += (size_t)n;
  }
  p2p_buf_clear(&buf);
}

static int echo(void) {
  char bytes[4096];
  ssize_t n;
  while ((n = read(3, bytes, sizeof bytes)) > 0)
    for (ssize_t done = 0, m; done < n; done += m)
      if ((m = write(3, bytes + done, (size_t)(n - done))) < 0) return 97;
  return 0;
}

static void on_interrupt(int number) {
  (void)number;
  put(P2P_FRAME_LOST, 7, "interrupted", 11);
  _exit(0);
}

/* Reports the number of descriptors besides 0 to 4, whether it leads a group and a session, a read
 * from stdin, whether SIGINT is blocked, and the environment. */
static int report(void) {
  char text[128];
  int extra = 0;
  DIR *fds = opendir("/proc/self/fd");
  for (struct dirent *e; fds != NULL && (e = readdir(fds)) != NULL;)
    if (atoi(e->d_name) > 4 && atoi(e->d_name) != dirfd(fds)) extra++;
  if (fds != NULL) closedir(fds);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  char byte;
  snprintf(text, sizeof text, "extra=%d leader=%d session=%d stdin=%d masked=%d env=%s", extra,
           getpgrp() == getpid(), getsid(0) == getpid(), (int)read(0, &byte, 1),
           sigismember(&mask, SIGINT), getenv("HOME") ? "more" : "mine");
  put(P2P_FRAME_HELLO, 0, text, strlen(text));
  return 0;
}

static int run_mode(const char *mode) {
  static uint8_t block[P2P_FRAME_PAYLOAD_MAX];
  if (strcmp(mode, "echo") == 0) return echo();
  if (strcmp(mode, "report") == 0) return report();
  if (strcmp(mode, "malformed") == 0) return write(3, "\xff\xff", 2) == 2 ? (pause(), 0) : 96;
  if (strcmp(mode, "big") == 0) {
    for (size_t sent = 0; sent < BIG; sent += sizeof block)
      put(P2P_FRAME_DATA, 1, block, sizeof block);
    return 3;
  }
  if (strcmp(mode, "interrupt") == 0) {
    signal(SIGINT, on_interrupt);
    put(P2P_FRAME_HELLO, 0, NULL, 0);
    for (;;) pause();
  }
  if (strcmp(mode, "family") == 0 || strcmp(mode, "orphan") == 0) {
    if (fork() == 0)
      for (;;) pause(); /* keeps every descriptor */
    put(P2P_FRAME_HELLO, 0, NULL, 0);
    if (strcmp(mode, "orphan") == 0) return 5;
    for (;;) pause();
  }
  return 95;
}

__attribute__((constructor)) static void run_as_evaluator(void) {
  find_program();
  const char *mode = getenv(MODE);
  if (mode != NULL) _exit(run_mode(mode));
}

/* ---- the test's side ---- */

struct seen {
  struct p2p_evaluator_process *process;
  int frames, hellos, drains, exits, exit_status, term_signal;
  char errors[P2P_EVALUATOR_PROCESS_ERRORS_MAX];
  size_t data;
  char text[256];
  bool free_on_frame, free_on_drain, stop_on_frame, pause_first, timed_out;
  uv_loop_t *loop;
};

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct seen *seen = arg;
  seen->frames++;
  if (frame->type == P2P_FRAME_HELLO) seen->hellos++;
  if (frame->type == P2P_FRAME_DATA) seen->data += frame->length;
  if (frame->type != P2P_FRAME_DATA && frame->length < sizeof seen->text) {
    memcpy(seen->text, frame->payload, frame->length);
    seen->text[frame->length] = '\0';
  }
  if (seen->free_on_frame) {
    p2p_evaluator_process_free(seen->process);
    seen->process = NULL;
    seen->free_on_frame = false;
  }
  if (seen->stop_on_frame) uv_stop(seen->loop);
}
static void on_drain(void *arg) {
  struct seen *seen = arg;
  seen->drains++;
  if (!seen->free_on_drain) return;
  p2p_evaluator_process_free(seen->process);
  seen->process = NULL;
}
static void on_exit_(void *arg, int exit_status, int term_signal) {
  struct seen *seen = arg;
  seen->exits++;
  seen->exit_status = exit_status;
  seen->term_signal = term_signal;
  p2p_evaluator_process_errors(seen->process, seen->errors);
  p2p_evaluator_process_free(seen->process);
  seen->process = NULL;
}
static const struct p2p_evaluator_process_callbacks callbacks = {on_frame, on_drain, on_exit_};

static int open_fds(void) {
  int count = 0;
  DIR *fds = opendir("/proc/self/fd");
  while (fds != NULL && readdir(fds) != NULL) count++;
  if (fds != NULL) closedir(fds);
  return count;
}

/* Descriptors that the starter of this test lets every program inherit. */
static int inheritable_fds(void) {
  int count = 0;
  for (int fd = 5; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) count++;
  }
  return count;
}

static void on_timeout(uv_timer_t *timer) {
  ((struct seen *)timer->data)->timed_out = true;
  uv_stop(timer->loop);
}

/* Runs until stopped or until no handle is left, 20 s at most. */
static void run(uv_loop_t *loop, struct seen *seen) {
  uv_timer_t timer;
  uv_timer_init(loop, &timer);
  timer.data = seen;
  uv_timer_start(&timer, on_timeout, 20000, 0);
  uv_unref((uv_handle_t *)&timer);
  uv_run(loop, UV_RUN_DEFAULT);
  CHECK(!seen->timed_out);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
}

static int spawn_mode(uv_loop_t *loop, const char *mode, struct seen *seen) {
  char entry[64];
  snprintf(entry, sizeof entry, MODE "=%s", mode);
  const char *const argv[] = {program, NULL}, *const env[] = {entry, NULL};
  struct p2p_err err = {0};
  seen->loop = loop;
  return p2p_evaluator_process_spawn(
      &(struct p2p_evaluator_process_config){loop, argv, env, NULL, false, NULL}, &callbacks, seen,
      &seen->process, &err);
}

static int spawn_shell(uv_loop_t *loop, const char *script, struct seen *seen) {
  const char *const argv[] = {"/bin/sh", "-c", script, NULL};
  struct p2p_err err = {0};
  seen->loop = loop;
  return p2p_evaluator_process_spawn(
      &(struct p2p_evaluator_process_config){loop, argv, NULL, NULL, false, NULL}, &callbacks, seen,
      &seen->process, &err);
}

static int fds_before;
static void open_loop(uv_loop_t *loop) {
  signal(SIGPIPE, SIG_IGN);
  fds_before = open_fds();
  CHECK(uv_loop_init(loop) == 0);
}
static void close_loop(uv_loop_t *loop) {
  CHECK(uv_loop_close(loop) == 0);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  /* libuv keeps a pipe and an eventfd or two for signals, once and for all. */
  int more = open_fds() - fds_before;
  CHECK(more == 0 || more == 2);
}

TEST(exit_status_is_reported) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_shell(&loop, "exit 3", &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.exits == 1 && seen.exit_status == 3 && seen.term_signal == 0);
  close_loop(&loop);
}

TEST(output_is_dropped_and_errors_are_kept) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_shell(&loop,
                    "head -c 1000000 /dev/zero; printf 'no\\tpackage\\nHalted\\n\\n' >&2; exit 1",
                    &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.exits == 1 && seen.exit_status == 1);
  CHECK_STR(seen.errors, "no?package Halted");
  CHECK(spawn_shell(&loop, "yes 1234567 | head -c 5000 >&2", &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.exits == 2 && strlen(seen.errors) == sizeof seen.errors - 1);
  close_loop(&loop);
}

TEST(signal_is_reported) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_shell(&loop, "kill -SEGV $$", &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.exits == 1 && seen.term_signal == SIGSEGV);
  close_loop(&loop);
}

TEST(failed_exec_is_an_error_at_once) {
  uv_loop_t loop;
  struct seen seen = {0};
  struct p2p_err err = {0};
  const char *const argv[] = {"/no/such/program", NULL};
  open_loop(&loop);
  CHECK(p2p_evaluator_process_spawn(
            &(struct p2p_evaluator_process_config){&loop, argv, NULL, NULL, false, NULL},
            &callbacks, &seen, &seen.process, &err) == P2P_ERR_SYSTEM);
  CHECK_STR(err.message, "cannot start '/no/such/program': no such file or directory");
  const char *const shell[] = {"/bin/sh", "-c", "exit 1", NULL};
  CHECK(p2p_evaluator_process_spawn(&(struct p2p_evaluator_process_config){&loop, shell, NULL,
                                                                           "/no/such/folder", false,
                                                                           NULL},
                                    &callbacks, &seen, &seen.process, &err) == P2P_ERR_SYSTEM);
  CHECK_STR(err.message,
            "cannot start '/bin/sh' in folder '/no/such/folder': no such file or directory");
  run(&loop, &seen);
  CHECK(seen.exits == 0);
  close_loop(&loop);
}

TEST(process_has_its_own_session_and_few_descriptors) {
  uv_loop_t loop;
  struct seen seen = {0};
  sigset_t interrupt;
  open_loop(&loop);
  int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  sigprocmask(SIG_BLOCK, &interrupt, NULL); /* as the io thread does */
  struct seen sibling = {0};
  CHECK(spawn_mode(&loop, "echo", &sibling) == P2P_OK);
  CHECK(spawn_mode(&loop, "report", &seen) == P2P_OK);
  seen.stop_on_frame = true;
  run(&loop, &seen);
  p2p_evaluator_process_free(sibling.process);
  run(&loop, &seen);
  sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
  char expected[128];
  snprintf(expected, sizeof expected, "extra=%d leader=1 session=1 stdin=0 masked=0 env=mine",
           inheritable_fds());
  CHECK_STR(seen.text, expected);
  close(other);
  close_loop(&loop);
}

TEST(ten_megabytes_arrive_before_the_end) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_mode(&loop, "big", &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.data == BIG && seen.exits == 1 && seen.exit_status == 3);
  close_loop(&loop);
}

static void sleep_once(uv_check_t *check) {
  struct seen *seen = check->data;
  if (p2p_evaluator_process_is_open(seen->process)) return;
  uv_check_stop(check);
  usleep(700 * 1000);
}

TEST(frames_that_wait_while_we_are_stopped_are_read) {
  uv_loop_t loop;
  uv_check_t check;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_mode(&loop, "report", &seen) == P2P_OK);
  p2p_evaluator_process_pause(seen.process);
  uv_check_init(&loop, &check);
  check.data = &seen;
  uv_check_start(&check, sleep_once); /* right after the end was noticed */
  run(&loop, &seen);
  CHECK(seen.hellos == 1 && seen.exits == 1);
  uv_close((uv_handle_t *)&check, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
  close_loop(&loop);
}

TEST(ten_megabytes_are_echoed) {
  static uint8_t block[P2P_FRAME_PAYLOAD_MAX];
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_mode(&loop, "echo", &seen) == P2P_OK);
  int slow = 0, full = 0;
  for (size_t sent = 0; sent < BIG; sent += sizeof block) {
    CHECK(p2p_evaluator_process_send(seen.process, P2P_FRAME_DATA, 1, block, sizeof block) ==
          P2P_OK);
    enum p2p_evaluator_pace pace = p2p_evaluator_process_pace(seen.process);
    size_t queued = p2p_evaluator_process_queued(seen.process);
    slow += pace == P2P_EVALUATOR_IS_SLOW;
    full += pace == P2P_EVALUATOR_IS_FULL;
    CHECK((pace == P2P_EVALUATOR_IS_FULL) == (queued > P2P_EVALUATOR_PROCESS_QUEUE_HIGH));
    CHECK(slow == (queued > P2P_EVALUATOR_PROCESS_QUEUE_SLOW));
  }
  CHECK(slow == 1 && full > 0);
  CHECK(p2p_evaluator_process_send(seen.process, P2P_FRAME_DATA, 1, block, sizeof block + 1) ==
        P2P_ERR_TOO_LARGE);
  CHECK(p2p_evaluator_process_send(seen.process, P2P_FRAME_HELLO, 1, "last", 4) == P2P_OK);
  seen.stop_on_frame = true;
  while (seen.hellos == 0 && !seen.timed_out) run(&loop, &seen);
  CHECK(seen.data == BIG && seen.drains > 0);
  CHECK_STR(seen.text, "last");
  CHECK(p2p_evaluator_process_queued(seen.process) == 0);
  CHECK(p2p_evaluator_process_pace(seen.process) == P2P_EVALUATOR_KEEPS_UP);
  p2p_evaluator_process_free(seen.process);
  run(&loop, &seen);
  CHECK(seen.exits == 0);
  close_loop(&loop);
}

TEST(paused_process_is_read_when_it_ends) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_mode(&loop, "report", &seen) == P2P_OK);
  p2p_evaluator_process_pause(seen.process);
  run(&loop, &seen);
  CHECK(seen.hellos == 1 && seen.exits == 1);
  close_loop(&loop);
}

TEST(interrupt_reaches_the_process) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_mode(&loop, "interrupt", &seen) == P2P_OK);
  seen.stop_on_frame = true;
  run(&loop, &seen);
  p2p_evaluator_process_interrupt(seen.process);
  seen.stop_on_frame = false;
  run(&loop, &seen);
  CHECK_STR(seen.text, "interrupted");
  CHECK(seen.exits == 1 && seen.exit_status == 0 && seen.term_signal == 0);
  close_loop(&loop);
}

/* Returns a pipe that only the process and its descendants hold open: it ends when all have ended.
 */
static int spawn_watched(uv_loop_t *loop, const char *mode, struct seen *seen) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  CHECK(spawn_mode(loop, mode, seen) == P2P_OK);
  close(ends[1]);
  return ends[0];
}
static void check_tree_has_ended(int watched) {
  struct pollfd end = {.fd = watched, .events = POLLIN};
  CHECK(poll(&end, 1, 10000) == 1);
  close(watched);
}

TEST(kill_ends_the_whole_tree) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  int watched = spawn_watched(&loop, "family", &seen);
  seen.stop_on_frame = true;
  run(&loop, &seen);
  p2p_evaluator_process_kill(seen.process);
  run(&loop, &seen);
  CHECK(seen.exits == 1 && seen.term_signal == SIGKILL);
  check_tree_has_ended(watched);
  close_loop(&loop);
}

TEST(descendant_does_not_outlive_a_normal_exit) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  int watched = spawn_watched(&loop, "orphan", &seen);
  run(&loop, &seen);
  CHECK(seen.hellos == 1 && seen.exits == 1 && seen.exit_status == 5);
  check_tree_has_ended(watched);
  close_loop(&loop);
}

TEST(descendant_in_another_group_does_not_delay_the_exit) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_shell(&loop, "setsid sh -c 'sleep 5 >/dev/null 2>&1' & exit 4", &seen) == P2P_OK);
  uint64_t start = uv_hrtime();
  run(&loop, &seen);
  CHECK(seen.exits == 1 && seen.exit_status == 4);
  CHECK(uv_hrtime() - start < (uint64_t)4e9);
  close_loop(&loop);
}

TEST(malformed_frame_ends_the_process) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_mode(&loop, "malformed", &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.frames == 0 && seen.exits == 1 && seen.term_signal == SIGKILL);
  close_loop(&loop);
}

TEST(closed_frames_end_the_process) {
  uv_loop_t loop;
  struct seen seen = {0};
  open_loop(&loop);
  CHECK(spawn_shell(&loop, "exec 3>&-; exec sleep 60", &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.exits == 1 && seen.term_signal == SIGKILL);
  close_loop(&loop);
}

/* Within on_exit, every test frees. */
TEST(free_within_a_callback_ends_callbacks) {
  static uint8_t block[P2P_FRAME_PAYLOAD_MAX];
  uv_loop_t loop;
  struct seen seen = {.free_on_frame = true};
  open_loop(&loop);
  CHECK(spawn_mode(&loop, "big", &seen) == P2P_OK);
  run(&loop, &seen);
  CHECK(seen.frames == 1 && seen.exits == 0);
  close_loop(&loop);
  seen = (struct seen){.free_on_drain = true};
  open_loop(&loop);
  CHECK(spawn_shell(&loop, "exec cat <&3 > /dev/null", &seen) == P2P_OK);
  while (p2p_evaluator_process_queued(seen.process) == 0)
    CHECK(p2p_evaluator_process_send(seen.process, P2P_FRAME_DATA, 1, block, sizeof block) ==
          P2P_OK);
  run(&loop, &seen);
  CHECK(seen.drains == 1 && seen.exits == 0);
  close_loop(&loop);
}

/* With room for fewer files than the pipes of a process need. */
TEST(a_process_that_needs_more_files_than_allowed_says_so) {
  static const char *const argv[] = {"/bin/true", NULL};
  struct rlimit before, limit;
  uv_loop_t loop;
  open_loop(&loop);
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  int next = dup(0);
  close(next);
  for (rlim_t room = 0; room < 5; room++) {
    const struct p2p_evaluator_process_config config = {.loop = &loop, .argv = argv};
    struct p2p_evaluator_process *process;
    struct p2p_err err = {0};
    limit = (struct rlimit){(rlim_t)next + room, before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(p2p_evaluator_process_spawn(&config, &callbacks, NULL, &process, &err) == P2P_ERR_SYSTEM);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(strstr(err.message, "cannot start '/bin/true': ") != NULL);
    CHECK_STR(err.reason, "too_many_files");
    uv_run(&loop, UV_RUN_DEFAULT); /* closes its handles */
  }
  close_loop(&loop);
}

UNIT_MAIN("evaluator_process", UNIT(a_process_that_needs_more_files_than_allowed_says_so),
          UNIT(exit_status_is_reported), UNIT(output_is_dropped_and_errors_are_kept),
          UNIT(signal_is_reported), UNIT(failed_exec_is_an_error_at_once),
          UNIT(process_has_its_own_session_and_few_descriptors),
          UNIT(ten_megabytes_arrive_before_the_end),
          UNIT(frames_that_wait_while_we_are_stopped_are_read), UNIT(ten_megabytes_are_echoed),
          UNIT(paused_process_is_read_when_it_ends), UNIT(interrupt_reaches_the_process),
          UNIT(kill_ends_the_whole_tree), UNIT(descendant_does_not_outlive_a_normal_exit),
          UNIT(descendant_in_another_group_does_not_delay_the_exit),
          UNIT(malformed_frame_ends_the_process), UNIT(closed_frames_end_the_process),
          UNIT(free_within_a_callback_ends_callbacks))
