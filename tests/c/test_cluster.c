/* A whole cluster without R: a server, a host, two workers with evaluator processes, and clients,
 * over the real protocols. The evaluator is this program again; the first byte of a
 * future says what it does. */

#include "base/clock.h"
#include "board/cluster_host.h"
#include "client/client.h"
#include "descriptors.h"
#include "evaluator_fixture.h"
#include "server/server.h"
#include "sshd_fixture.h"
#include "worker/worker.h"

#define MODE "P2P_TEST_EVALUATOR"
#define CAP (64 * 1024 * 1024)
#define WAIT_MS 60000

/* ---- the evaluator ---- */

static volatile sig_atomic_t interrupts;
static void on_interrupt(int number) {
  (void)number;
  interrupts++;
}

static int evaluate(void) {
  struct p2p_evaluator_channel *pipe;
  struct p2p_blob *object;
  struct p2p_err err;
  uint32_t task;
  sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
  if (p2p_evaluator_channel_open(&pipe, &err) != P2P_OK) return 90;
  if (p2p_evaluator_channel_send(pipe, P2P_FRAME_HELLO, 0, "", 0) != P2P_OK) return 91;
  while (next_task(pipe, &task, &object, &err) == P2P_OK) {
    const uint8_t *bytes;
    size_t length = p2p_blob_span(object, 0, &bytes);
    char what = length > 0 ? (char)bytes[0] : 'e';
    if (what == 'd') raise(SIGKILL);
    while (what == 's' && interrupts == 0) pause();
    interrupts = 0;
    if (what == 'c' && send_object(pipe, P2P_FRAME_CONDITION, task, object) != P2P_OK) return 92;
    if (send_object(pipe, P2P_FRAME_RESULT, task, object) != P2P_OK) return 93;
    p2p_blob_free(object);
  }
  p2p_evaluator_channel_free(pipe);
  return 0;
}

/* ---- the cluster ---- */

static struct site site;
static struct p2p_loop *loop;
static struct p2p_log_queue *log;
static struct p2p_server *server;
static struct p2p_cluster_host *host;
static struct p2p_worker *carol, *dave;
static struct p2p_client *bob;
static char board[64], known_hosts[200], program[1024];
static int descriptors_before;

/* Arguments for a user; borrowed until the next call. */
static const char *const *ssh_args_of(const char *user) {
  static const char *args[6];
  args[0] = "-i", args[1] = site_path(&site, user), args[2] = "-o", args[3] = "IdentitiesOnly=yes",
  args[4] = "-o", args[5] = known_hosts;
  return args;
}

static bool await_event(const char *text) {
  struct p2p_log_line event;
  while (p2p_log_queue_next(log, WAIT_MS, &event)) {
    if (strstr(event.text, text) != NULL) return true;
    if (event.level == P2P_LOG_FATAL) break;
  }
  fprintf(stderr, "no event \"%s\": %s\n", text, event.text);
  return false;
}

static void start_server(void) {
  static const char *const names[] = {"alice", "bob", "carol", "dave", "mallory"};
  char users[4096] = "", key[512];
  for (size_t i = 0; i < 5; i++) {
    site_key(&site, names[i], "");
    site_public_key(&site, names[i], key, sizeof key);
    size_t used = strlen(users);
    snprintf(users + used, sizeof users - used, "%s %s\n", names[i], key);
  }
  struct p2p_server_config config = {.loop = loop,
                                     .address = "127.0.0.1",
                                     .host_key = site_path(&site, "host_key"),
                                     .users = users};
  struct p2p_err err = {0};
  CHECK(p2p_server_new(&config, log, &server, &err) == P2P_OK);
  snprintf(board, sizeof board, "127.0.0.1:%u", p2p_server_board_port(server));
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", p2p_server_board_port(server),
             p2p_server_host_key(server));
  snprintf(known_hosts, sizeof known_hosts, "UserKnownHostsFile=%s",
           site_path(&site, "known_hosts"));
}

static void start_host(void) {
  static const char *const users[] = {"bob", "carol", "dave"};
  struct p2p_member_config config = {.loop = loop,
                                     .board.host = board,
                                     .board.ssh_args = ssh_args_of("alice"),
                                     .board.n_ssh_args = 6,
                                     .board.cluster = "alice/friends",
                                     .role = P2P_ROLE_HOST,
                                     .users = users,
                                     .n_users = 3};
  struct p2p_err err = {0};
  CHECK(p2p_cluster_host_new(&config, log, &host, &err) == P2P_OK);
  CHECK(await_event("osting"));
}

static struct p2p_worker *start_worker(const char *user, uint32_t slots) {
  const char *const argv[] = {program, NULL}, *const env[] = {MODE "=1", NULL};
  static int started;
  char scratch[200];
  snprintf(scratch, sizeof scratch, "%s/Rtmp%d/evaluators", site.dir, ++started);
  struct p2p_worker_config config = {.loop = loop,
                                     .board.host = board,
                                     .board.ssh_args = ssh_args_of(user),
                                     .board.n_ssh_args = 6,
                                     .board.cluster = "alice/friends",
                                     .r_version = "4.2.2",
                                     .future_version = "1.70.0",
                                     .slots = slots,
                                     .evaluator_argv = argv,
                                     .evaluator_env = env,
                                     .scratch = scratch,
                                     .object_cap_bytes = CAP};
  struct p2p_worker *worker = NULL;
  struct p2p_err err = {0};
  CHECK(p2p_worker_new(&config, log, &worker, &err) == P2P_OK);
  return worker;
}

static struct p2p_client *start_client(const char *user) {
  struct p2p_client_config config = {.loop = loop,
                                     .board.host = board,
                                     .board.ssh_args = ssh_args_of(user),
                                     .board.n_ssh_args = 6,
                                     .board.cluster = "alice/friends",
                                     .r_version = "4.2.2",
                                     .future_version = "1.70.0",
                                     .object_cap_bytes = CAP};
  struct p2p_client *client = NULL;
  struct p2p_err err = {0};
  CHECK(p2p_client_new(&config, log, &client, &err) == P2P_OK);
  return client;
}

/* ---- futures ---- */

static struct p2p_task *submit(struct p2p_client *client, char what, size_t size) {
  struct p2p_blob *object = p2p_blob_new(size);
  char *bytes = malloc(size + 1);
  for (size_t i = 0; i < size; i++) bytes[i] = (char)(i * 31 + size);
  bytes[0] = what;
  CHECK(p2p_blob_append(object, bytes, size) == P2P_OK);
  free(bytes);
  struct p2p_task *task = p2p_task_new(object, "a future");
  struct p2p_err err = {0};
  CHECK(p2p_client_submit(client, task, &err) == P2P_OK);
  return task;
}

static bool is_echo(struct p2p_task *task, char what, size_t size) {
  const struct p2p_result *object = p2p_task_result(task);
  if (object == NULL || p2p_result_size(object) != size) return false;
  const uint8_t *bytes;
  size_t part;
  for (uint64_t at = 0; (part = p2p_result_span(object, at, &bytes)) > 0; at += part) {
    for (size_t i = 0; i < part; i++) {
      if (bytes[i] != (at + i == 0 ? (uint8_t)what : (uint8_t)((at + i) * 31 + size))) return false;
    }
  }
  return true;
}

static bool wait_for(struct p2p_client *client, bool (*is_so)(void *arg), void *arg) {
  uint64_t until_ms = p2p_clock_ms() + WAIT_MS;
  for (uint64_t seen = 0;;) {
    seen = p2p_client_wait(client, seen, 0);
    if (is_so(arg)) return true;
    uint64_t now_ms = p2p_clock_ms();
    if (now_ms >= until_ms) return false;
    p2p_client_wait(client, seen, (int)(until_ms - now_ms));
  }
}

static bool has_ended(void *task) { return p2p_task_state(task) >= P2P_TASK_DONE; }
static bool is_running(void *task) { return p2p_task_state(task) == P2P_TASK_RUNNING; }
static uint32_t count_workers(void) {
  struct p2p_client_status status;
  p2p_client_status(bob, &status);
  return status.workers;
}
static bool has_one_worker(void *arg) { return (void)arg, count_workers() == 1; }
static bool has_two_workers(void *arg) { return (void)arg, count_workers() == 2; }
static bool has_failed(void *client) {
  struct p2p_client_status status;
  p2p_client_status(client, &status);
  return status.failed.code != P2P_OK;
}

TEST(a_cluster_starts) {
  struct p2p_err err = {0};
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK); /* libuv keeps a pipe from its first loop on */
  p2p_loop_stop(loop);
  descriptors_before = count_descriptors();
  site_open(&site);
  log = p2p_log_queue_new(10000);
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  start_server();
  start_host();
  carol = start_worker("carol", 2);
  dave = start_worker("dave", 1);
  bob = start_client("bob");
  CHECK(wait_for(bob, has_two_workers, NULL));
}

TEST(a_hundred_futures_of_all_sizes_are_evaluated_by_two_workers) {
  static const size_t sizes[] = {1, 3400, 65536, 65537, 300000, 5000000};
  struct p2p_task *tasks[100];
  char worker[P2P_IDENTITY_LABEL_MAX];
  bool by_carol = false, by_dave = false;
  for (int i = 0; i < 100; i++) tasks[i] = submit(bob, 'e', sizes[i % 6]);
  for (int i = 0; i < 100; i++) {
    CHECK(wait_for(bob, has_ended, tasks[i]) && is_echo(tasks[i], 'e', sizes[i % 6]));
    p2p_task_worker(tasks[i], worker, sizeof worker);
    by_carol = by_carol || strncmp(worker, "carol@", 6) == 0;
    by_dave = by_dave || strncmp(worker, "dave@", 5) == 0;
    p2p_task_free(tasks[i]);
  }
  CHECK(by_carol && by_dave);
}

TEST(a_condition_arrives_before_the_result) {
  struct p2p_task *task = submit(bob, 'c', 100);
  CHECK(wait_for(bob, has_ended, task) && is_echo(task, 'c', 100));
  struct p2p_blob *condition = p2p_task_next_condition(task);
  CHECK(condition != NULL && p2p_blob_size(condition) == 100);
  p2p_blob_free(condition);
  p2p_task_free(task);
}

TEST(a_killed_evaluator_loses_one_future) {
  struct p2p_err err;
  struct p2p_task *task = submit(bob, 'd', 10);
  CHECK(wait_for(bob, has_ended, task));
  p2p_task_error(task, &err);
  CHECK(err.code == P2P_ERR_LOST && strstr(err.message, "SIGKILL") != NULL);
  p2p_task_free(task);
  struct p2p_task *tasks[6];
  for (int i = 0; i < 6; i++) tasks[i] = submit(bob, 'e', 10);
  for (int i = 0; i < 6; i++) {
    CHECK(wait_for(bob, has_ended, tasks[i]) && is_echo(tasks[i], 'e', 10));
    p2p_task_free(tasks[i]);
  }
}

TEST(cancelled_futures_free_their_slots) {
  struct p2p_task *tasks[6], *next;
  struct p2p_err err;
  for (int i = 0; i < 6; i++) tasks[i] = submit(bob, 's', 10);
  for (int i = 0; i < 3; i++) CHECK(wait_for(bob, is_running, tasks[i]));
  for (int i = 0; i < 6; i++) {
    p2p_client_cancel(bob, tasks[i]);
    p2p_task_error(tasks[i], &err);
    CHECK(err.code == P2P_ERR_CANCELED);
    p2p_task_free(tasks[i]);
  }
  next = submit(bob, 'e', 10);
  CHECK(wait_for(bob, has_ended, next) && is_echo(next, 'e', 10));
  p2p_task_free(next);
}

TEST(two_clients_share_the_workers) {
  struct p2p_client *second = start_client("alice");
  struct p2p_task *ours[20], *theirs[20];
  for (int i = 0; i < 20; i++) ours[i] = submit(bob, 'e', 3400);
  for (int i = 0; i < 20; i++) theirs[i] = submit(second, 'e', 3400);
  for (int i = 0; i < 20; i++) {
    CHECK(wait_for(second, has_ended, theirs[i]) && is_echo(theirs[i], 'e', 3400));
    CHECK(wait_for(bob, has_ended, ours[i]) && is_echo(ours[i], 'e', 3400));
    p2p_task_free(ours[i]), p2p_task_free(theirs[i]);
  }
  p2p_client_free(second);
}

TEST(a_worker_that_leaves_loses_its_running_futures) {
  struct p2p_task *tasks[3];
  struct p2p_err err;
  for (int i = 0; i < 3; i++) tasks[i] = submit(bob, 's', 10);
  for (int i = 0; i < 3; i++) CHECK(wait_for(bob, is_running, tasks[i]));
  p2p_worker_free(dave);
  int lost = 0;
  for (int i = 0; i < 3; i++) {
    char worker[P2P_IDENTITY_LABEL_MAX];
    p2p_task_worker(tasks[i], worker, sizeof worker);
    if (strncmp(worker, "dave@", 5) == 0) {
      CHECK(wait_for(bob, has_ended, tasks[i]));
      p2p_task_error(tasks[i], &err);
      CHECK(err.code == P2P_ERR_LOST);
      lost++;
    } else {
      p2p_client_cancel(bob, tasks[i]);
    }
    p2p_task_free(tasks[i]);
  }
  CHECK(lost == 1);
  CHECK(wait_for(bob, has_one_worker, NULL));
}

TEST(an_unlisted_user_is_rejected) {
  struct p2p_client *mallory = start_client("mallory");
  struct p2p_client_status status;
  CHECK(wait_for(mallory, has_failed, mallory));
  p2p_client_status(mallory, &status);
  CHECK(status.failed.code == P2P_ERR_ACCESS && !status.joined && status.workers == 0);
  p2p_client_free(mallory);
}

TEST(nothing_is_left_behind) {
  struct p2p_task *open = submit(bob, 's', 10);
  struct p2p_err err;
  p2p_client_free(bob);
  p2p_task_error(open, &err);
  CHECK(err.code == P2P_ERR_CANCELED);
  p2p_task_free(open);
  p2p_worker_free(carol);
  p2p_cluster_host_free(host);
  p2p_server_free(server);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log);
  site_close(&site);
  CHECK(count_descriptors() == descriptors_before);
  CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

#define main run_tests
UNIT_MAIN("cluster", UNIT(a_cluster_starts),
          UNIT(a_hundred_futures_of_all_sizes_are_evaluated_by_two_workers),
          UNIT(a_condition_arrives_before_the_result), UNIT(a_killed_evaluator_loses_one_future),
          UNIT(cancelled_futures_free_their_slots), UNIT(two_clients_share_the_workers),
          UNIT(a_worker_that_leaves_loses_its_running_futures), UNIT(an_unlisted_user_is_rejected),
          UNIT(nothing_is_left_behind))
#undef main

int main(void) {
  if (getenv(MODE) != NULL) return evaluate();
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length <= 0) {
    printf("units cluster: 0 passed, 0 failed, 1 skipped (no /proc)\n");
    return 0;
  }
  return run_tests();
}
