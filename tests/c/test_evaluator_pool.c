/* Which evaluator gets a task, and how long a task may keep it. */
#include "net/timer.h"
#include "worker/evaluator_pool.h"

#include <poll.h>
#include <sys/resource.h>

#include "base/endian.h"
#include "evaluator_fixture.h"
#include "sshd_fixture.h"
#include "worker/file_tree.h"

#define LARGE (4 * 1024 * 1024)
#define GPU "GPU-000000a0-d72c-4106-c12f-20bd9faed9f6"
#define MODE "P2P_TEST_EVALUATOR"

/* ---- in an evaluator: this program ---- */

/* Returns futures of one byte. After 'c' it closes its frames and hangs; for 'l' the result is
 * large; for 'g' it says which process it is and which GPUs it sees. */
static int run_evaluator(void) {
  struct p2p_evaluator_channel *channel;
  struct p2p_blob *object;
  struct p2p_err err;
  uint32_t task;
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 90;
  if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, "r=4.2.2\n", 8) != P2P_OK) return 91;
  while (next_task(channel, &task, &object, &err) == P2P_OK) {
    const uint8_t *byte;
    char kind = p2p_blob_span(object, 0, &byte) == 1 ? (char)*byte : '\0';
    if (kind == 'g') {
      const char *gpus = getenv("CUDA_VISIBLE_DEVICES");
      char text[128];
      int length = snprintf(text, sizeof text, "%d %s", (int)getpid(), gpus != NULL ? gpus : "-");
      p2p_blob_free(object);
      object = p2p_blob_new((uint64_t)length);
      if (p2p_blob_append(object, text, (size_t)length) != P2P_OK) return 94;
    }
    if (kind == 'l') {
      static const char zeros[LARGE];
      p2p_blob_free(object);
      object = p2p_blob_new(sizeof zeros);
      if (p2p_blob_append(object, zeros, sizeof zeros) != P2P_OK) return 93;
    }
    if (send_object(channel, P2P_FRAME_RESULT, task, object) != P2P_OK) return 92;
    p2p_blob_free(object);
    if (kind != 'c') continue;
    close(3);
    for (;;) pause();
  }
  p2p_evaluator_channel_free(channel);
  return 0;
}

static char program[1024]; /* its path: under valgrind, /proc/self/exe is valgrind */
__attribute__((constructor)) static void run_as_evaluator(void) {
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) program[0] = '\0';
  if (getenv(MODE) != NULL) exit(run_evaluator());
}

/* ---- the test's side ---- */

static struct site site;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;
static struct p2p_log_queue *log_;
static struct p2p_evaluator_pool *pool;
static struct p2p_timer *poll_timer;
static uint32_t expected;
static int reached, ended, lost, failed;
static bool is_broken; /* the evaluators of the next pool end before they are ready */
static struct p2p_evaluator_pool_config limits; /* the limits of the next pool */
static struct p2p_evaluator *evaluator;
static bool pauses;                   /* at each frame of a result */
static char result[128];              /* the start of the last one */
static const struct p2p_given *given; /* to the next task */
static char reason_text[P2P_EXIT_REASON_TEXT_MAX];

static void on_poll(void *arg) {
  (void)arg;
  if (p2p_evaluator_pool_usable(pool) != expected) return;
  p2p_timer_stop(poll_timer);
  site_count(&gate, &reached);
}

static const char *failed_reason;

static void on_change(void *arg) { (void)arg; }
static void on_failed(void *arg, const struct p2p_err *err) {
  (void)arg;
  CHECK(err->code == P2P_ERR_SYSTEM && failed == 0);
  failed_reason = err->reason;
  p2p_evaluator_pool_free(pool);
  pool = NULL;
  site_count(&gate, &failed);
}

static void start_here(void *arg) {
  static const struct p2p_evaluator_pool_callbacks callbacks = {on_change, on_failed};
  const char *const broken[] = {"/bin/sh", "-c", "exit 1", NULL};
  const char *const argv[] = {program, NULL}, *const env[] = {MODE "=1", NULL};
  const struct p2p_evaluator_pool_config config = {.loop = loop,
                                                   .log = log_,
                                                   .argv = is_broken ? broken : argv,
                                                   .env = env,
                                                   .scratch = site_path(&site, "evaluators"),
                                                   .slots = 1,
                                                   .gpus = "nvidia " GPU " 0 1 x\n",
                                                   .limits = limits.limits,
                                                   .receive_ms = limits.receive_ms,
                                                   .pause_ms = limits.pause_ms};
  (void)arg;
  poll_timer = p2p_timer_new(loop, on_poll, NULL);
  CHECK(p2p_evaluator_pool_new(&config, &callbacks, NULL, &pool, NULL) == P2P_OK);
}

static void end_here(void *arg) {
  (void)arg;
  p2p_timer_free(poll_timer);
  p2p_evaluator_pool_free(pool);
}

static void on_drain(void *arg) { (void)arg; }
static void on_frame(void *arg, const struct p2p_frame *frame) {
  (void)arg;
  if (frame->type == P2P_FRAME_DATA)
    snprintf(result, sizeof result, "%.*s", (int)frame->length, (const char *)frame->payload);
  if (pauses) p2p_evaluator_pause(evaluator);
}
static void on_end(void *arg, const struct p2p_exit_reason *reason) {
  (void)arg;
  if (reason != NULL) {
    lost++;
    snprintf(reason_text, sizeof reason_text, "%s", reason->how);
  }
  site_count(&gate, &ended);
}

static void submit_here(void *arg) {
  static const struct p2p_evaluator_callbacks callbacks = {on_drain, on_frame, on_end};
  static const char client;
  static uint32_t task;
  uint8_t size[8];
  p2p_set_u64(size, 1);
  struct p2p_frame frame = {P2P_FRAME_TASK, ++task, sizeof size, size},
                   data = {P2P_FRAME_DATA, task, 1, arg};
  evaluator = p2p_evaluator_pool_submit(pool, &client, given, &frame, &callbacks, NULL);
  CHECK(evaluator != NULL);
  if (evaluator != NULL && arg != NULL) p2p_evaluator_data(evaluator, &data);
}

static void poll_here(void *arg) {
  (void)arg;
  p2p_timer_start(poll_timer, 0, 2);
}

static void wait_for_usable(uint32_t count) {
  reached = 0;
  expected = count;
  CHECK(p2p_loop_call(loop, poll_here, NULL) == P2P_OK);
  CHECK(site_wait(&gate, &reached, 1));
}

static void begin(void) {
  site_open(&site);
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  log_ = p2p_log_queue_new(100);
  ended = lost = 0;
  CHECK(p2p_loop_call(loop, start_here, NULL) == P2P_OK);
  if (!is_broken) wait_for_usable(1);
}

static void end(void) {
  CHECK(p2p_loop_call(loop, end_here, NULL) == P2P_OK);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log_);
  CHECK(p2p_file_tree_remove(site_path(&site, "evaluators")) == P2P_OK);
  site_close(&site);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

TEST(task_avoids_evaluators_with_closed_frames) {
  begin();
  for (int round = 1; round <= 3; round++) {
    ended = 0;
    CHECK(p2p_loop_call(loop, submit_here, "c") == P2P_OK); /* to each of the two */
    CHECK(p2p_loop_call(loop, submit_here, "c") == P2P_OK);
    CHECK(site_wait(&gate, &ended, 2));
    wait_for_usable(0); /* their exits are reported later */
    CHECK(p2p_loop_call(loop, submit_here, "n") == P2P_OK);
    CHECK(site_wait(&gate, &ended, 3) && lost == 0);
  }
  end();
}

/* Within one callback of the loop, so that the exits are reported after the task was submitted. */
static void kill_and_submit_here(void *arg) {
  FILE *children = fopen("/proc/thread-self/children", "r");
  int pid, killed = 0;
  siginfo_t dead;
  for (; children != NULL && fscanf(children, "%d", &pid) == 1; killed++)
    CHECK(kill(pid, SIGKILL) == 0 && waitid(P_PID, (id_t)pid, &dead, WEXITED | WNOWAIT) == 0);
  CHECK(killed == 2);
  if (children != NULL) fclose(children);
  submit_here(arg);
}

TEST(task_avoids_evaluators_that_have_just_died) {
  begin();
  CHECK(p2p_loop_call(loop, kill_and_submit_here, "n") == P2P_OK);
  CHECK(site_wait(&gate, &ended, 1) && lost == 0);
  end();
}

/* Returns its process, and sets *gpus to what it sees. */
static int ask_for_gpus(const struct p2p_given *amount, const char **gpus) {
  int pid = 0;
  ended = 0;
  given = amount;
  CHECK(p2p_loop_call(loop, submit_here, "g") == P2P_OK);
  CHECK(site_wait(&gate, &ended, 1) && lost == 0);
  given = NULL;
  CHECK(sscanf(result, "%d ", &pid) == 1);
  *gpus = strchr(result, ' ') + 1;
  return pid;
}

TEST(task_with_gpus_has_a_process_of_its_own) {
  const struct p2p_given one = {.amounts = {.gpus = 1}, .gpus = 1};
  const char *gpus;
  begin();
  int before = ask_for_gpus(NULL, &gpus);
  CHECK_STR(gpus, "-");
  int with = ask_for_gpus(&one, &gpus);
  CHECK_STR(gpus, GPU);
  int again = ask_for_gpus(&one, &gpus);
  CHECK_STR(gpus, GPU);
  int after = ask_for_gpus(NULL, &gpus);
  CHECK_STR(gpus, "-");
  CHECK(with != before && again != with && again != before && after != with && after != again);
  end();
}

TEST(task_must_arrive_in_time) {
  limits = (struct p2p_evaluator_pool_config){.limits = {.time_ms = 60000}, .receive_ms = 100};
  begin();
  CHECK(p2p_loop_call(loop, submit_here, NULL) == P2P_OK); /* without its data */
  CHECK(site_wait(&gate, &ended, 1) && lost == 1);
  CHECK_STR(reason_text, "was stopped because the future took too long to arrive");
  end();
}

static void resume_here(void *arg) {
  (void)arg;
  pauses = false;
  p2p_evaluator_resume(evaluator);
}

TEST(result_that_waits_for_the_client_costs_no_time) {
  limits = (struct p2p_evaluator_pool_config){.limits = {.time_ms = 2000}};
  begin();
  pauses = true;
  CHECK(p2p_loop_call(loop, submit_here, "l") == P2P_OK);
  poll(NULL, 0, 3000);
  CHECK(ended == 0);
  CHECK(p2p_loop_call(loop, resume_here, NULL) == P2P_OK);
  CHECK(site_wait(&gate, &ended, 1) && lost == 0);
  end();
}

TEST(result_does_not_wait_for_the_client_for_ever) {
  limits = (struct p2p_evaluator_pool_config){.limits = {.time_ms = 60000}, .pause_ms = 100};
  begin();
  pauses = true;
  CHECK(p2p_loop_call(loop, submit_here, "l") == P2P_OK);
  CHECK(site_wait(&gate, &ended, 1) && lost == 1);
  CHECK_STR(reason_text, "was stopped at the time limit of 1 min per future");
  pauses = false;
  end();
}

TEST(pool_can_be_freed_when_it_fails) {
  is_broken = true;
  failed = 0;
  begin();
  CHECK(site_wait(&gate, &failed, 1));
  CHECK_STR(failed_reason, "evaluators_fail");
  end();
  is_broken = false;
}

/* From here on no file can be opened. */
static void limit_and_kill_here(void *before) {
  const struct rlimit none = {3, ((struct rlimit *)before)->rlim_max};
  FILE *children = fopen("/proc/thread-self/children", "r");
  int pid;
  while (children != NULL && fscanf(children, "%d", &pid) == 1) CHECK(kill(pid, SIGKILL) == 0);
  if (children != NULL) fclose(children);
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
}

TEST(a_limit_that_keeps_evaluators_from_starting_is_the_reason) {
  struct rlimit before;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  failed = 0;
  begin();
  CHECK(p2p_loop_call(loop, limit_and_kill_here, &before) == P2P_OK);
  CHECK(site_wait(&gate, &failed, 1));
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_STR(failed_reason, "too_many_files");
  end();
}

UNIT_MAIN("evaluator_pool", UNIT(a_limit_that_keeps_evaluators_from_starting_is_the_reason),
          UNIT(task_avoids_evaluators_with_closed_frames),
          UNIT(task_avoids_evaluators_that_have_just_died),
          UNIT(task_with_gpus_has_a_process_of_its_own), UNIT(task_must_arrive_in_time),
          UNIT(result_that_waits_for_the_client_costs_no_time),
          UNIT(result_does_not_wait_for_the_client_for_ever), UNIT(pool_can_be_freed_when_it_fails))
