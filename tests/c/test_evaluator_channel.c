/* The evaluator's end of the channel, against the supervisor's end (worker/evaluator_process). */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/endian.h"
#include "evaluator_fixture.h"
#include "worker/evaluator_process.h"

#define MODE "P2P_TEST_EVALUATOR"
#define BIG (10 * 1024 * 1024)

/* The path of this program: under valgrind, /proc/self/exe is valgrind. */
static char program[1024];
static void find_program(void) {
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) program[0] = '\0';
}

/* ---- in the evaluator: this program, with MODE in its environment ---- */

static volatile sig_atomic_t interrupts;
static void on_interrupt(int number) {
  (void)number;
  interrupts++;
}

/* Echoes each task, after a CONDITION with the number of interrupts so far. */
static int evaluate(bool slowly) {
  struct p2p_evaluator_channel *channel;
  struct p2p_blob *object;
  struct p2p_err err;
  uint32_t task;
  int code;
  sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 90;
  if ((fcntl(3, F_GETFD) & fcntl(4, F_GETFD) & FD_CLOEXEC) == 0) return 91;
  if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, "r=4.2.2\n", 8) != P2P_OK) return 92;
  while ((code = next_task(channel, &task, &object, &err)) == P2P_OK) {
    if (slowly) {
      if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, task, "begun", 5) != P2P_OK)
        return 96;
      while (interrupts == 0) pause();
    }
    struct p2p_blob *condition = p2p_blob_new(1);
    uint8_t count = (uint8_t)interrupts;
    if (p2p_blob_append(condition, &count, 1) != P2P_OK) return 93;
    if (send_object(channel, P2P_FRAME_CONDITION, task, condition) != P2P_OK) return 94;
    if (send_object(channel, P2P_FRAME_RESULT, task, object) != P2P_OK) return 95;
    p2p_blob_free(condition);
    p2p_blob_free(object);
  }
  p2p_evaluator_channel_free(channel);
  return code == P2P_ERR_CLOSED ? 0 : 1;
}

/* A supervisor that will be killed: its evaluator must not outlive it, although it never reads. */
static void ignore_frame(void *arg, const struct p2p_frame *frame) {
  (void)arg;
  (void)frame;
  if (write(1, "u", 1) != 1) _exit(97); /* the evaluator has started */
}
static void ignore_exit(void *arg, int exit_status, int term_signal) {
  (void)arg;
  (void)exit_status;
  (void)term_signal;
}
static int supervise(void) {
  const char *const argv[] = {program, NULL}, *const env[] = {MODE "=busy", NULL};
  const struct p2p_evaluator_process_callbacks callbacks = {ignore_frame, NULL, ignore_exit};
  const struct p2p_evaluator_process_config config = {
      uv_default_loop(), argv, env, NULL, false, NULL};
  struct p2p_evaluator_process *process;
  struct p2p_err err;
  if (p2p_evaluator_process_spawn(&config, &callbacks, NULL, &process, &err) != P2P_OK) return 96;
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static int busy(void) {
  struct p2p_evaluator_channel *channel;
  struct p2p_err err;
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 90;
  if (fork() == 0)
    for (;;) pause();
  if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, NULL, 0) != P2P_OK) return 91;
  for (;;) pause();
}

/* Closes its channel while a fork of it lives on, as parallel::mcparallel() leaves one. */
static int quit_with_fork(void) {
  struct p2p_evaluator_channel *channel;
  struct p2p_err err;
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 90;
  if (fork() == 0)
    for (;;) pause();
  if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, NULL, 0) != P2P_OK) return 91;
  p2p_evaluator_channel_free(channel);
  return 7;
}

__attribute__((constructor)) static void run_as_evaluator(void) {
  find_program();
  const char *mode = getenv(MODE);
  if (mode == NULL) return;
  int status = strcmp(mode, "evaluate") == 0 ? evaluate(false)
               : strcmp(mode, "slowly") == 0 ? evaluate(true)
               : strcmp(mode, "busy") == 0   ? busy()
               : strcmp(mode, "quit") == 0   ? quit_with_fork()
                                             : supervise();
  exit(status); /* not _exit: checks for leaks */
}

/* ---- the supervisor's side ---- */

struct seen {
  struct p2p_evaluator_process *process;
  uv_loop_t loop;
  int exits, exit_status, hellos, losts, results;
  uint32_t task;
  uint64_t size, data;
  uint8_t type, last_byte, interrupts;
  char text[128];
  bool timed_out;
};

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct seen *seen = arg;
  seen->task = frame->task;
  if (frame->type == P2P_FRAME_HELLO) seen->hellos++;
  if (frame->type == P2P_FRAME_LOST) {
    seen->losts++;
    snprintf(seen->text, sizeof seen->text, "%.*s", (int)frame->length,
             (const char *)frame->payload);
  }
  if (frame->type == P2P_FRAME_CONDITION || frame->type == P2P_FRAME_RESULT) {
    seen->type = frame->type;
    seen->size = p2p_get_u64(frame->payload);
    seen->data = 0;
  }
  if (frame->type == P2P_FRAME_DATA) {
    seen->data += frame->length;
    seen->last_byte = frame->payload[frame->length - 1];
  }
  if (seen->type == P2P_FRAME_CONDITION) seen->interrupts = seen->last_byte;
  if (seen->type == P2P_FRAME_RESULT && seen->data == seen->size && frame->type != P2P_FRAME_HELLO)
    seen->results++;
  uv_stop(&seen->loop);
}
static void on_exit_(void *arg, int exit_status, int term_signal) {
  struct seen *seen = arg;
  seen->exits++;
  seen->exit_status = term_signal > 0 ? -term_signal : exit_status;
  p2p_evaluator_process_free(seen->process);
  seen->process = NULL;
}
static void on_timeout(uv_timer_t *timer) {
  ((struct seen *)timer->data)->timed_out = true;
  uv_stop(timer->loop);
}

/* Runs until a counter reaches `enough`, 20 s at most. */
static void run_until(struct seen *seen, const int *counter, int enough) {
  uv_timer_t timer;
  uv_timer_init(&seen->loop, &timer);
  timer.data = seen;
  uv_timer_start(&timer, on_timeout, 20000, 0);
  while (*counter < enough && !seen->timed_out) uv_run(&seen->loop, UV_RUN_ONCE);
  CHECK(!seen->timed_out);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&seen->loop, UV_RUN_NOWAIT);
}

static void begin(struct seen *seen, const char *entry) {
  const char *const argv[] = {program, NULL}, *const env[] = {entry, NULL};
  const struct p2p_evaluator_process_callbacks callbacks = {on_frame, NULL, on_exit_};
  const struct p2p_evaluator_process_config config = {&seen->loop, argv, env, NULL, false, NULL};
  struct p2p_err err;
  signal(SIGPIPE, SIG_IGN);
  *seen = (struct seen){0};
  CHECK(uv_loop_init(&seen->loop) == 0);
  CHECK(p2p_evaluator_process_spawn(&config, &callbacks, seen, &seen->process, &err) == P2P_OK);
  run_until(seen, &seen->hellos, 1);
}

static void end(struct seen *seen) {
  p2p_evaluator_process_free(seen->process);
  while (uv_run(&seen->loop, UV_RUN_DEFAULT) != 0) continue;
  CHECK(uv_loop_close(&seen->loop) == 0);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void send_task(struct seen *seen, uint32_t task, uint64_t size) {
  uint8_t head[13];
  p2p_set_u64(head, size);
  memcpy(head + 8, "label", 5);
  CHECK(p2p_evaluator_process_send(seen->process, P2P_FRAME_TASK, task, head, sizeof head) ==
        P2P_OK);
}

static void send_data(struct seen *seen, uint32_t task, uint64_t size) {
  static uint8_t block[50000];
  block[(size - 1) % sizeof block] = 77;
  for (uint64_t sent = 0; sent < size; sent += sizeof block) {
    size_t length = size - sent < sizeof block ? (size_t)(size - sent) : sizeof block;
    CHECK(p2p_evaluator_process_send(seen->process, P2P_FRAME_DATA, task, block, length) == P2P_OK);
  }
}

TEST(channel_needs_a_supervisor) {
  struct p2p_evaluator_channel *channel = NULL;
  struct p2p_err err;
  CHECK(p2p_evaluator_channel_open(&channel, &err) == P2P_ERR_SYSTEM);
  CHECK_STR(err.message, "this process was not started by a worker");
  p2p_evaluator_channel_free(NULL);
}

TEST(task_is_returned) {
  struct seen seen;
  begin(&seen, MODE "=evaluate");
  send_task(&seen, 5, 3);
  send_data(&seen, 5, 3);
  run_until(&seen, &seen.results, 1);
  CHECK(seen.task == 5 && seen.size == 3 && seen.last_byte == 77);
  send_task(&seen, 6, 0);
  run_until(&seen, &seen.results, 2);
  CHECK(seen.task == 6 && seen.size == 0);
  end(&seen);
}

TEST(ten_megabytes_are_returned) {
  struct seen seen;
  begin(&seen, MODE "=evaluate");
  send_task(&seen, 1, BIG);
  send_data(&seen, 1, BIG);
  run_until(&seen, &seen.results, 1);
  CHECK(seen.data == BIG && seen.last_byte == 77);
  end(&seen);
}

TEST(second_task_before_the_first_is_answered_is_refused) {
  struct seen seen;
  begin(&seen, MODE "=evaluate");
  send_task(&seen, 1, 1);
  send_task(&seen, 2, 1);
  run_until(&seen, &seen.exits, 1);
  CHECK(seen.exit_status == 1);
  end(&seen);
}

TEST(more_data_than_announced_is_refused) {
  struct seen seen;
  begin(&seen, MODE "=evaluate");
  send_task(&seen, 1, 10);
  send_data(&seen, 1, 11);
  run_until(&seen, &seen.exits, 1);
  CHECK(seen.exit_status == 1);
  end(&seen);
}

TEST(cancel_drops_a_task_that_is_arriving) {
  struct seen seen;
  begin(&seen, MODE "=evaluate");
  send_task(&seen, 1, 1000);
  send_data(&seen, 1, 500);
  CHECK(p2p_evaluator_process_send(seen.process, P2P_FRAME_CANCEL, 1, NULL, 0) == P2P_OK);
  p2p_evaluator_process_interrupt(seen.process);
  run_until(&seen, &seen.losts, 1);
  CHECK_STR(seen.text, "was interrupted before the evaluation started");
  send_data(&seen, 1, 500); /* was on its way */
  send_task(&seen, 2, 4);
  send_data(&seen, 2, 4);
  run_until(&seen, &seen.results, 1);
  CHECK(seen.task == 2 && seen.size == 4);
  CHECK(seen.interrupts == 0); /* the interrupt was for the first task */
  end(&seen);
}

TEST(interrupt_reaches_the_evaluation) {
  struct seen seen;
  begin(&seen, MODE "=slowly");
  send_task(&seen, 1, 1);
  send_data(&seen, 1, 1);
  run_until(&seen, &seen.hellos, 2);
  p2p_evaluator_process_interrupt(seen.process);
  run_until(&seen, &seen.results, 1);
  CHECK(seen.interrupts == 1);
  end(&seen);
}

TEST(early_interrupt_waits_for_the_evaluation) {
  struct seen seen;
  begin(&seen, MODE "=slowly");
  send_task(&seen, 1, BIG);
  send_data(&seen, 1, BIG / 2);
  /* Once half of it has been written, the evaluator has read the TASK. */
  while (p2p_evaluator_process_queued(seen.process) > BIG / 4 && !seen.timed_out)
    uv_run(&seen.loop, UV_RUN_ONCE);
  p2p_evaluator_process_interrupt(seen.process);
  send_data(&seen, 1, BIG - BIG / 2);
  run_until(&seen, &seen.results, 1);
  CHECK(seen.interrupts == 1 && seen.data == BIG);
  end(&seen);
}

TEST(evaluator_does_not_outlive_a_killed_supervisor) {
  int ends[2];
  char byte;
  CHECK(pipe(ends) == 0);
  pid_t middle = fork();
  if (middle == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    setenv(MODE, "supervise", 1);
    execl(program, "supervisor", (char *)NULL);
    _exit(1);
  }
  close(ends[1]); /* now only the supervisor and its descendants hold it, as stdout */
  struct pollfd tree = {.fd = ends[0], .events = POLLIN};
  CHECK(poll(&tree, 1, 10000) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'u');
  CHECK(poll(&tree, 1, 0) == 0);
  kill(middle, SIGKILL);
  CHECK(waitpid(middle, NULL, 0) == middle);
  CHECK(poll(&tree, 1, 10000) == 1 && read(ends[0], &byte, 1) == 0);
  close(ends[0]);
}

TEST(channel_closes_while_a_fork_of_the_evaluator_runs) {
  struct seen seen;
  begin(&seen, MODE "=quit");
  run_until(&seen, &seen.exits, 1);
  CHECK(seen.exit_status == 7);
  end(&seen);
}

UNIT_MAIN("evaluator_channel", UNIT(channel_needs_a_supervisor), UNIT(task_is_returned),
          UNIT(ten_megabytes_are_returned),
          UNIT(second_task_before_the_first_is_answered_is_refused),
          UNIT(more_data_than_announced_is_refused), UNIT(cancel_drops_a_task_that_is_arriving),
          UNIT(interrupt_reaches_the_evaluation), UNIT(early_interrupt_waits_for_the_evaluation),
          UNIT(evaluator_does_not_outlive_a_killed_supervisor),
          UNIT(channel_closes_while_a_fork_of_the_evaluator_runs))
