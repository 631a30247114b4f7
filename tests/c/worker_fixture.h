/* A fixture for tests of the worker service: a real board, mailbox and relay, real links and
 * clients, and the test program itself as evaluators. */
#ifndef P2P_TESTS_WORKER_FIXTURE_H
#define P2P_TESTS_WORKER_FIXTURE_H

#include "unit.h"

#include <dirent.h>
#include <poll.h>

#include "base/clock.h"
#include "base/endian.h"
#include "board/cluster_host.h"
#include "client/client.h"
#include "crypto/random.h"
#include "evaluator_fixture.h"
#include "protocol/task_header.h"
#include "server/server.h"
#include "sshd_fixture.h"
#include "worker/worker.h"

#define MODE "P2P_TEST_EVALUATOR"
#define CAP (32 * 1024 * 1024)
#define BIG (20 * 1024 * 1024)

/* ---- in an evaluator: the future is the name of what to do ---- */

static volatile sig_atomic_t interrupts;
static void on_interrupt(int number) {
  (void)number;
  interrupts++;
}

static void send_text(struct p2p_evaluator_channel *channel, uint8_t type, uint32_t task,
                      const char *text, size_t size) {
  static const char zeros[65536];
  struct p2p_blob *object = p2p_blob_new(size + strlen(text));
  if (p2p_blob_append(object, text, strlen(text)) != P2P_OK) _exit(80);
  for (size_t done = 0; done < size; done += sizeof zeros)
    if (p2p_blob_append(object, zeros, size - done < sizeof zeros ? size - done : sizeof zeros) !=
        P2P_OK)
      _exit(81);
  if (send_object(channel, type, task, object) != P2P_OK) _exit(82);
  p2p_blob_free(object);
}

static void send_size(struct p2p_evaluator_channel *channel, uint8_t type, uint32_t task,
                      uint64_t size) {
  uint8_t payload[P2P_SIZE_HEADER_LEN];
  p2p_size_header_write(size, payload);
  if (p2p_evaluator_channel_send(channel, type, task, payload, sizeof payload) != P2P_OK) _exit(83);
}

/* Frames that would go on for a minute. "trickle": a result, byte by byte; "stall": only its
 * header; "chatter": conditions. */
static void send_slowly(struct p2p_evaluator_channel *channel, uint32_t task, const char *text) {
  bool chatters = strcmp(text, "chatter") == 0;
  if (!chatters) send_size(channel, P2P_FRAME_RESULT, task, 6000);
  for (int i = 0; i < 6000 && interrupts == 0; i++) {
    if (chatters) send_size(channel, P2P_FRAME_CONDITION, task, 1);
    if (strcmp(text, "stall") != 0)
      (void)!p2p_evaluator_channel_send(channel, P2P_FRAME_DATA, task, "x", 1);
    poll(NULL, 0, 10);
  }
  _exit(84);
}

static void evaluate(struct p2p_evaluator_channel *channel, uint32_t task, const char *text) {
  char pid[32] = "";
  interrupts = 0;
  if (strcmp(text, "crash") == 0) raise(SIGKILL);
  if (strcmp(text, "exit") == 0) _exit(3); /* at once: no check for leaks */
  if (strcmp(text, "abandon") == 0) {      /* in the middle of the result */
    send_size(channel, P2P_FRAME_RESULT, task, 1000000);
    (void)!p2p_evaluator_channel_send(channel, P2P_FRAME_DATA, task, text, 7);
  }
  if (strcmp(text, "lost") == 0 || strcmp(text, "abandon") == 0) {
    if (p2p_evaluator_channel_send(channel, P2P_FRAME_LOST, task, "needed more than it has", 23) !=
        P2P_OK)
      _exit(85);
    return;
  }
  if (strcmp(text, "malformed") == 0)
    (void)!p2p_evaluator_channel_send(channel, P2P_FRAME_PING, 0, NULL, 0);
  if (strcmp(text, "hang") == 0 || strcmp(text, "sleep") == 0)
    send_text(channel, P2P_FRAME_CONDITION, task, "begun", 0);
  if (strcmp(text, "trickle") == 0 || strcmp(text, "stall") == 0 || strcmp(text, "chatter") == 0)
    send_slowly(channel, task, text);
  if (strcmp(text, "hang") == 0)
    for (;;) pause();
  while (strcmp(text, "sleep") == 0 && interrupts == 0) pause();
  if (strcmp(text, "condition") == 0) send_text(channel, P2P_FRAME_CONDITION, task, "halfway", 0);
  if (strcmp(text, "pid") == 0) snprintf(pid, sizeof pid, "%d", (int)getpid());
  send_text(channel, P2P_FRAME_RESULT, task, pid[0] != '\0' ? pid : text,
            strcmp(text, "big") == 0 ? BIG : 0);
}

static int run_evaluator(const char *mode) {
  struct p2p_evaluator_channel *channel;
  struct p2p_blob *object;
  struct p2p_err err;
  uint32_t task;
  sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
  if (strncmp(mode, "once:", 5) == 0 && unlink(mode + 5) == 0) raise(SIGKILL);
  if (strcmp(mode, "die") == 0) {
    fprintf(stderr, "Error: no package\n");
    return 7;
  }
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 90;
  const char *hello =
      strcmp(mode, "error") == 0 ? "error=there is no package called 'future'\n" : "r=4.2.2\n";
  if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, hello, strlen(hello)) != P2P_OK)
    return 91;
  while (next_task(channel, &task, &object, &err) == P2P_OK) {
    const uint8_t *bytes;
    char text[32];
    size_t length = p2p_blob_span(object, 0, &bytes);
    snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : (int)sizeof text - 1,
             (const char *)bytes);
    evaluate(channel, task, text);
    p2p_blob_free(object);
  }
  p2p_evaluator_channel_free(channel);
  return 0;
}

static char program[1024]; /* its path: under valgrind, /proc/self/exe is valgrind */
__attribute__((constructor)) static void run_as_evaluator(void) {
  const char *mode = getenv(MODE);
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) program[0] = '\0';
  if (mode != NULL) exit(run_evaluator(mode));
}

/* ---- the test's side ---- */

static struct site site;
static struct p2p_loop *server_loop, *loop;
static struct p2p_log_queue *server_log, *host_log, *worker_log, *client_log;
static struct p2p_server *server;
static struct p2p_worker *worker;
static struct p2p_cluster_host *cluster_host;
static char host[64];
#define CLUSTER "alice/friends"
#define ARGS 6
/* All members are in one process, so that those of one user have the same name. */
enum user { ALICE, BOB, CAROL, DAVE, EVE, USERS };
static const char *const names[USERS] = {"alice", "bob", "carol", "dave", "eve"};
static char identities[USERS][160], known_hosts[160];
static const char *ssh_args[USERS][ARGS];
static int fds_before;

static int open_fds(void) {
  int count = 0;
  DIR *fds = opendir("/proc/self/fd");
  while (fds != NULL && readdir(fds) != NULL) count++;
  if (fds != NULL) closedir(fds);
  return count;
}

static bool logs(const char *text) { return logs_on(worker_log, text); }

static void make_users(char *text, size_t size) {
  char key[256];
  size_t used = 0;
  for (int i = 0; i < USERS; i++) {
    site_key(&site, names[i], "");
    site_public_key(&site, names[i], key, sizeof key);
    used += (size_t)snprintf(text + used, size - used, "%s %s\n", names[i], key);
    snprintf(identities[i], sizeof identities[i], "%s", site_path(&site, names[i]));
    const char *args[ARGS] = {"-i", identities[i], "-o", "IdentitiesOnly=yes", "-o", known_hosts};
    memcpy(ssh_args[i], args, sizeof args);
  }
}

TEST(prepare) {
  static const char *const sessions[] = {"bob", "carol", "dave", "eve"};
  char users[1024];
  struct p2p_err err = {0};
  site_open(&site);
  make_users(users, sizeof users);
  CHECK(p2p_crypto_init() == P2P_OK);
  CHECK(p2p_loop_start(&server_loop, &err) == P2P_OK && p2p_loop_start(&loop, &err) == P2P_OK);
  server_log = p2p_log_queue_new(100);
  host_log = p2p_log_queue_new(100);
  worker_log = p2p_log_queue_new(1000);
  client_log = p2p_log_queue_new(1000);
  struct p2p_server_config config = {.loop = server_loop,
                                     .address = "127.0.0.1",
                                     .host_key = site_path(&site, "host_key"),
                                     .users = users};
  CHECK(p2p_server_new(&config, server_log, &server, &err) == P2P_OK);
  snprintf(host, sizeof host, "127.0.0.1:%u", (unsigned)p2p_server_board_port(server));
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", (unsigned)p2p_server_board_port(server),
             p2p_server_host_key(server));
  snprintf(known_hosts, sizeof known_hosts, "UserKnownHostsFile=%s",
           site_path(&site, "known_hosts"));
  struct p2p_member_config hosting = {.loop = server_loop,
                                      .board.host = host,
                                      .board.ssh_args = ssh_args[ALICE],
                                      .board.n_ssh_args = ARGS,
                                      .board.cluster = CLUSTER,
                                      .role = P2P_ROLE_HOST,
                                      .users = sessions,
                                      .n_users = 4};
  CHECK(p2p_cluster_host_new(&hosting, host_log, &cluster_host, &err) == P2P_OK);
  CHECK(logs_on(host_log, "hosting cluster"));
}

static struct p2p_limits limits; /* of workers that start from now on */
/* Of members that start from now on. NULL: without a key. */
static const struct p2p_credentials *credentials[USERS];
static uint32_t retries; /* of clients that start from now on */

static int start_worker(uint32_t slots, const char *mode, struct p2p_err *err) {
  static int started;
  char entry[64], scratch[160];
  snprintf(scratch, sizeof scratch, "%s/Rtmp%d/evaluators", site.dir, ++started);
  snprintf(entry, sizeof entry, MODE "=%s", mode);
  const char *const argv[] = {mode[0] == '/' ? mode : program, NULL}, *const env[] = {entry, NULL};
  struct p2p_worker_config config = {.loop = loop,
                                     .board.host = host,
                                     .board.ssh_args = ssh_args[CAROL],
                                     .board.n_ssh_args = ARGS,
                                     .board.cluster = CLUSTER,
                                     .board.credentials = credentials[CAROL],
                                     .r_version = "4.2.2",
                                     .future_version = "1.70.0",
                                     .platform = "x86_64-pc-linux-gnu",
                                     .cores = 4,
                                     .memory_mib = 8000,
                                     .libraries = site.dir,
                                     .account = "somebody",
                                     .slots = slots,
                                     .evaluator_argv = argv,
                                     .evaluator_env = env,
                                     .scratch = scratch,
                                     .limits = limits,
                                     .object_cap_bytes = CAP};
  return p2p_worker_new(&config, worker_log, &worker, err);
}

static void begin(uint32_t slots) {
  struct p2p_err err = {0};
  CHECK(start_worker(slots, "work", &err) == P2P_OK);
  CHECK(logs("joined cluster 'alice/friends' as 'carol@"));
}

static inline struct p2p_client *start_client(enum user user) {
  struct p2p_client *client = NULL;
  struct p2p_err err = {0};
  struct p2p_client_config config = {.loop = loop,
                                     .board.host = host,
                                     .board.ssh_args = ssh_args[user],
                                     .board.n_ssh_args = ARGS,
                                     .board.cluster = CLUSTER,
                                     .board.credentials = credentials[user],
                                     .r_version = "4.2.2",
                                     .future_version = "1.70.0",
                                     .retries = retries,
                                     .object_cap_bytes = CAP};
  CHECK(p2p_client_new(&config, client_log, &client, &err) == P2P_OK);
  return client;
}

static inline struct p2p_task *submit(struct p2p_client *client, const char *text, size_t more) {
  static const char zeros[65536];
  struct p2p_blob *object = p2p_blob_new(strlen(text) + more);
  struct p2p_err err = {0};
  CHECK(p2p_blob_append(object, text, strlen(text)) == P2P_OK);
  for (size_t done = 0; done < more; done += sizeof zeros)
    CHECK(p2p_blob_append(object, zeros, more - done < sizeof zeros ? more - done : sizeof zeros) ==
          P2P_OK);
  struct p2p_task *task = p2p_task_new(object, text);
  CHECK(p2p_client_submit(client, task, &err) == P2P_OK);
  return task;
}

static inline bool has_ended(struct p2p_client *client, const struct p2p_task *task) {
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  for (uint64_t seen = 0, now_ms; p2p_task_state(task) < P2P_TASK_DONE;) {
    if ((now_ms = p2p_clock_ms()) >= until_ms) return false;
    seen = p2p_client_wait(client, seen, (int)(until_ms - now_ms));
  }
  return true;
}

/* Returns the start of the result, or "". */
static inline const char *result(struct p2p_client *client, struct p2p_task *task) {
  static char text[64];
  const uint8_t *bytes;
  text[0] = '\0';
  if (!has_ended(client, task) || p2p_task_result(task) == NULL) return text;
  size_t length = p2p_result_span(p2p_task_result(task), 0, &bytes);
  snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : (int)sizeof text - 1,
           (const char *)bytes);
  return text;
}

static inline const char *resolve(struct p2p_client *client, const char *text) {
  struct p2p_task *task = submit(client, text, 0);
  const char *got = result(client, task);
  p2p_task_free(task);
  return got;
}

/* Waits for the condition by which a future that sleeps or hangs reports its evaluation. */
static inline bool starts(struct p2p_client *client, struct p2p_task *task) {
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS, seen = 0, now_ms;
  struct p2p_blob *condition;
  while ((condition = p2p_task_next_condition(task)) == NULL) {
    if ((now_ms = p2p_clock_ms()) >= until_ms || p2p_task_state(task) >= P2P_TASK_DONE)
      return false;
    seen = p2p_client_wait(client, seen, (int)(until_ms - now_ms));
  }
  p2p_blob_free(condition);
  return true;
}

static inline void check_error(struct p2p_client *client, struct p2p_task *task, const char *text) {
  struct p2p_err err = {0};
  CHECK(has_ended(client, task) && p2p_task_state(task) == P2P_TASK_FAILED);
  p2p_task_error(task, &err);
  CHECK(strstr(err.message, text) != NULL);
  if (strstr(err.message, text) == NULL)
    fprintf(stderr, "instead of \"%s\": %s\n", text, err.message);
  p2p_task_free(task);
}

static void end(struct p2p_client *client) {
  struct p2p_log_line event;
  p2p_client_free(client);
  p2p_worker_free(worker);
  worker = NULL;
  while (p2p_log_queue_next(worker_log, 0, &event)) continue;
}

TEST(nothing_is_left) {
  p2p_loop_stop(loop);
  p2p_cluster_host_free(cluster_host);
  p2p_server_free(server);
  p2p_loop_stop(server_loop);
  p2p_log_queue_unref(server_log);
  p2p_log_queue_unref(host_log);
  p2p_log_queue_unref(worker_log);
  p2p_log_queue_unref(client_log);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  site_close(&site);
  /* libuv keeps a pipe for signals, and libraries may keep /dev/urandom. */
  CHECK(open_fds() - fds_before <= 3);
}

__attribute__((constructor)) static void count_fds_before(void) { fds_before = open_fds(); }

#endif
