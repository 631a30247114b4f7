/* Evaluators in control groups of their own. */
#include "proc/cgroup.h"
#include "worker/evaluator_pool.h"

#include <sys/mman.h>

#include "base/endian.h"
#include "evaluator_fixture.h"
#include "group_fixture.h"
#include "sshd_fixture.h"
#include "worker/file_tree.h"

#define MODE "P2P_TEST_EVALUATOR"
#define MIB (1024 * 1024)
#define HELLO "data=67108864\n" /* so much for itself */

/* ---- in an evaluator: this program ---- */

static void take(size_t bytes) {
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) memset(memory, 1, bytes);
}

/* Joins its group as the program of shell/sandbox does. A future "m" takes much memory in two
 * processes, and "k" kills its process. */
static int run_evaluator(int argc, char **argv) {
  struct p2p_evaluator_channel *channel;
  struct p2p_blob *object;
  struct p2p_err err;
  uint32_t task;
  if (argc != 3 || strcmp(argv[1], "--cgroup") != 0 || strcmp(argv[2], "argument") != 0) return 89;
  if (write(P2P_EVALUATOR_PROCESS_FD_GROUP, "0", 1) != 1) return 90;
  close(P2P_EVALUATOR_PROCESS_FD_GROUP);
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 91;
  if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, HELLO, strlen(HELLO)) != P2P_OK)
    return 92;
  while (next_task(channel, &task, &object, &err) == P2P_OK) {
    const uint8_t *byte;
    if (p2p_blob_span(object, 0, &byte) != 1) return 93;
    if (*byte == 'k') raise(SIGKILL);
    fork();
    take(150 * MIB);
    for (;;) pause();
  }
  p2p_evaluator_channel_free(channel);
  return 0;
}

static char program[1024]; /* its path: under valgrind, /proc/self/exe is valgrind */

/* ---- the test's side: in `place` ---- */

static struct site site;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;
static struct p2p_log_queue *log_;
static struct p2p_cgroups *groups;
static struct p2p_evaluator_pool *pool;
static int usable, ended;
static char reason_text[P2P_EXIT_REASON_TEXT_MAX];

static void on_change(void *arg) {
  (void)arg;
  if (p2p_evaluator_pool_usable(pool) == 1) site_count(&gate, &usable);
}
static void on_failed(void *arg, const struct p2p_err *err) {
  (void)arg;
  fprintf(stderr, "%s\n", err->message);
  exit(1);
}

static void start_here(void *arg) {
  static const struct p2p_evaluator_pool_callbacks callbacks = {on_change, on_failed};
  const char *const argv[] = {program, "argument", NULL}, *const env[] = {MODE "=1", NULL};
  const struct p2p_evaluator_pool_config config = {.loop = loop,
                                                   .log = log_,
                                                   .argv = argv,
                                                   .env = env,
                                                   .groups = groups,
                                                   .scratch = site_path(&site, "evaluators"),
                                                   .slots = 1,
                                                   .limits.memory_bytes =
                                                       has_memory ? 100 * MIB : 0};
  (void)arg;
  CHECK(p2p_evaluator_pool_new(&config, &callbacks, NULL, &pool, NULL) == P2P_OK);
}

static void begin(void) {
  struct p2p_err err;
  CHECK(p2p_cgroups_new(NULL, has_memory, &groups, &err) == P2P_OK);
  site_open(&site);
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  log_ = p2p_log_queue_new(100);
  usable = ended = 0;
  CHECK(p2p_loop_call(loop, start_here, NULL) == P2P_OK);
  CHECK(site_wait(&gate, &usable, 2)); /* both are ready */
}

static void end_here(void *arg) {
  (void)arg;
  p2p_evaluator_pool_free(pool);
}

static void end(void) {
  CHECK(p2p_loop_call(loop, end_here, NULL) == P2P_OK);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log_);
  CHECK(p2p_file_tree_remove(site_path(&site, "evaluators")) == P2P_OK);
  p2p_cgroups_free(groups);
  site_close(&site);
}

static void on_drain(void *arg) { (void)arg; }
static void on_frame(void *arg, const struct p2p_frame *frame) { (void)arg, (void)frame; }
static void on_end(void *arg, const struct p2p_exit_reason *reason) {
  (void)arg;
  snprintf(reason_text, sizeof reason_text, "%s", reason != NULL ? reason->how : "");
  site_count(&gate, &ended);
}

static void submit_here(void *arg) {
  static const struct p2p_evaluator_callbacks callbacks = {on_drain, on_frame, on_end};
  static const char client;
  uint8_t size[8];
  p2p_set_u64(size, 1);
  const struct p2p_frame frame = {P2P_FRAME_TASK, 1, sizeof size, size},
                         data = {P2P_FRAME_DATA, 1, 1, arg};
  struct p2p_evaluator *evaluator =
      p2p_evaluator_pool_submit(pool, &client, NULL, &frame, &callbacks, NULL);
  CHECK(evaluator != NULL);
  if (evaluator != NULL) p2p_evaluator_data(evaluator, &data);
}

/* How the evaluator of this future ended. */
static const char *end_of(const char *future) {
  ended = 0;
  CHECK(p2p_loop_call(loop, submit_here, (void *)(uintptr_t)future) == P2P_OK);
  CHECK(site_wait(&gate, &ended, 1));
  return reason_text;
}

static bool has_process(const char *name) {
  char file[48];
  snprintf(file, sizeof file, "%s/cgroup.procs", name);
  return strtol(text_of(below_place(file)), NULL, 10) > 0;
}

TEST(each_evaluator_has_a_group_as_long_as_it_lives) {
  begin();
  CHECK(has_process("supervisor") && has_process("evaluator-1") && has_process("evaluator-2"));
  CHECK_STR(end_of("k"), "ended with signal 9 (SIGKILL)");
  CHECK(site_wait(&gate, &usable, 4)); /* at its end, and when the next one is ready */
  CHECK(has_process("evaluator-3"));
  end();
}

/* That of the evaluator itself, 100 MiB, and 16 MiB: see worker/evaluator_process.c. */
TEST(all_processes_of_an_evaluator_share_the_memory_limit) {
  begin();
  CHECK_STR(text_of(below_place("evaluator-1/memory.max")), "188743680\n");
  CHECK_STR(end_of("m"), "was killed at the memory limit of 100 MiB per future");
  CHECK_STR(end_of("k"), "ended with signal 9 (SIGKILL)");
  end();
}

int main(int argc, char **argv) {
  static const struct group_test tests[] = {
      GROUP_TEST(each_evaluator_has_a_group_as_long_as_it_lives, true, false),
      GROUP_TEST(all_processes_of_an_evaluator_share_the_memory_limit, true, true)};
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) program[0] = '\0';
  if (getenv(MODE) != NULL) return run_evaluator(argc, argv);
  return run_group_tests("evaluator_group", tests, sizeof tests / sizeof tests[0]);
}
