/* The worker program with all that is under it: a real board, mailbox and relay, real links, real clients, and this
 * program again as its evaluators. */
#include "unit.h"

#include <dirent.h>

#include "base/clock.h"
#include "base/encode.h"
#include "board/host.h"
#include "board/member.h"
#include "client/client.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "proc/evaluator_pipe.h"
#include "server/server.h"
#include "site.h"
#include "worker/worker.h"
#include "wormhole/link.h"

#define MODE "P2P_TEST_EVALUATOR"
#define CAP (32 * 1024 * 1024)
#define BIG (20 * 1024 * 1024)

/* ---- in an evaluator: what the future's bytes say ---- */

static volatile sig_atomic_t interrupts;
static void on_interrupt(int number) {
  (void)number;
  interrupts++;
}

static void answer(struct p2p_evaluator_pipe *pipe, uint8_t type, uint32_t task, const char *text, size_t size) {
  static const char zeros[65536];
  struct p2p_object *object = p2p_object_new(size + strlen(text));
  if (p2p_object_append(object, text, strlen(text)) != P2P_OK) _exit(80);
  for (size_t done = 0; done < size; done += sizeof zeros)
    if (p2p_object_append(object, zeros, size - done < sizeof zeros ? size - done : sizeof zeros) != P2P_OK) _exit(81);
  if (p2p_evaluator_pipe_send_object(pipe, type, task, object) != P2P_OK) _exit(82);
  p2p_object_free(object);
}

static void evaluate(struct p2p_evaluator_pipe *pipe, uint32_t task, const char *text) {
  char pid[32] = "";
  interrupts = 0;
  if (strcmp(text, "crash") == 0) raise(SIGKILL);
  if (strcmp(text, "exit") == 0) exit(3);
  if (strcmp(text, "rubbish") == 0) p2p_evaluator_pipe_send(pipe, P2P_FRAME_PING, 0, NULL, 0);
  if (strcmp(text, "hang") == 0 || strcmp(text, "sleep") == 0) answer(pipe, P2P_FRAME_CONDITION, task, "begun", 0);
  if (strcmp(text, "hang") == 0)
    for (;;) pause();
  while (strcmp(text, "sleep") == 0 && interrupts == 0) pause();
  if (strcmp(text, "condition") == 0) answer(pipe, P2P_FRAME_CONDITION, task, "halfway", 0);
  if (strcmp(text, "pid") == 0) snprintf(pid, sizeof pid, "%d", (int)getpid());
  answer(pipe, P2P_FRAME_RESULT, task, pid[0] != '\0' ? pid : text, strcmp(text, "big") == 0 ? BIG : 0);
}

static int run_evaluator(const char *mode) {
  struct p2p_evaluator_pipe *pipe;
  struct p2p_object *object;
  struct p2p_err err;
  uint32_t task;
  sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
  if (strcmp(mode, "die") == 0) return 7;
  if (p2p_evaluator_pipe_open(&pipe, &err) != P2P_OK) return 90;
  const char *hello = strcmp(mode, "error") == 0 ? "error=there is no package called 'future'\n" : "r=4.2.2\n";
  p2p_evaluator_pipe_send(pipe, P2P_FRAME_HELLO, 0, hello, strlen(hello));
  while (p2p_evaluator_pipe_next(pipe, &task, &object, &err) == P2P_OK) {
    const uint8_t *bytes;
    char text[32];
    size_t length = p2p_object_span(object, 0, &bytes);
    snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : (int)sizeof text - 1, (const char *)bytes);
    evaluate(pipe, task, text);
    p2p_object_free(object);
  }
  p2p_evaluator_pipe_free(pipe);
  return 0;
}

static char program[1024]; /* by its name: under valgrind, /proc/self/exe is valgrind */
__attribute__((constructor)) static void become_evaluator(void) {
  const char *mode = getenv(MODE);
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) program[0] = '\0';
  if (mode != NULL) exit(run_evaluator(mode));
}

/* ---- the test's side ---- */

static struct site site;
static struct p2p_loop *server_loop, *loop;
static struct p2p_events *server_events, *host_events, *events, *client_events;
static struct p2p_server *server;
static struct p2p_worker *worker;
static struct p2p_host *cluster_host;
static char host[64];
#define CLUSTER "alice/friends"
#define ARGS 6
/* One process, so that only the user tells members apart. */
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

/* The next line on `queue` that contains `text`. */
static bool says_on(struct p2p_events *queue, const char *text) {
  struct p2p_event event;
  while (p2p_events_next(queue, SITE_WAIT_MS, &event)) {
    if (getenv("P2P_TEST_SHOW") != NULL) fprintf(stderr, "[%d] %s\n", event.level, event.text);
    if (strstr(event.text, text) != NULL) return true;
  }
  fprintf(stderr, "nobody said: %s\n", text);
  return false;
}
static bool says(const char *text) { return says_on(events, text); }

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
  static const char *const guests[] = {"bob", "carol", "dave", "eve"};
  char users[1024];
  struct p2p_err err = {0};
  site_open(&site);
  make_users(users, sizeof users);
  CHECK(p2p_crypto_init() == P2P_OK);
  CHECK(p2p_loop_start(&server_loop, &err) == P2P_OK && p2p_loop_start(&loop, &err) == P2P_OK);
  server_events = p2p_events_new(100);
  host_events = p2p_events_new(100);
  events = p2p_events_new(1000);
  client_events = p2p_events_new(1000);
  struct p2p_server_config config = {
      .loop = server_loop, .address = "127.0.0.1", .host_key = site_path(&site, "host_key"), .users = users};
  CHECK(p2p_server_new(&config, server_events, &server, &err) == P2P_OK);
  snprintf(host, sizeof host, "127.0.0.1:%u", (unsigned)p2p_server_board_port(server));
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", (unsigned)p2p_server_board_port(server), p2p_server_host_key(server));
  snprintf(known_hosts, sizeof known_hosts, "UserKnownHostsFile=%s", site_path(&site, "known_hosts"));
  struct p2p_member_config hosting = {.loop = server_loop, .host = host, .ssh_args = ssh_args[ALICE], .n_ssh_args = ARGS,
                                      .cluster = CLUSTER, .role = P2P_ROLE_HOST, .users = guests, .n_users = 4};
  CHECK(p2p_host_new(&hosting, host_events, &cluster_host, &err) == P2P_OK);
  CHECK(says_on(host_events, "Hosting"));
}

static int start_worker(uint32_t slots, const char *mode, struct p2p_err *err) {
  char entry[64];
  snprintf(entry, sizeof entry, MODE "=%s", mode);
  const char *const argv[] = {mode[0] == '/' ? mode : program, NULL}, *const env[] = {entry, NULL};
  struct p2p_worker_config config = {
      .loop = loop, .host = host, .ssh_args = ssh_args[CAROL], .n_ssh_args = ARGS, .cluster = CLUSTER,
      .r_version = "4.2.2", .future_version = "1.70.0",
      .slots = slots, .evaluator_argv = argv, .evaluator_env = env, .object_cap_bytes = CAP};
  return p2p_worker_new(&config, events, &worker, err);
}

static void begin(uint32_t slots) {
  struct p2p_err err = {0};
  CHECK(start_worker(slots, "work", &err) == P2P_OK);
  CHECK(says("Joined alice/friends as carol@"));
}

static struct p2p_client *start_client(enum user user) {
  struct p2p_client *client = NULL;
  struct p2p_err err = {0};
  struct p2p_client_config config = {
      .loop = loop, .host = host, .ssh_args = ssh_args[user], .n_ssh_args = ARGS, .cluster = CLUSTER,
      .r_version = "4.2.2", .future_version = "1.70.0",
      .object_cap_bytes = CAP};
  CHECK(p2p_client_new(&config, client_events, &client, &err) == P2P_OK);
  return client;
}

static struct p2p_task *submit(struct p2p_client *client, const char *text, size_t more) {
  static const char zeros[65536];
  struct p2p_object *object = p2p_object_new(strlen(text) + more);
  struct p2p_err err = {0};
  CHECK(p2p_object_append(object, text, strlen(text)) == P2P_OK);
  for (size_t done = 0; done < more; done += sizeof zeros)
    CHECK(p2p_object_append(object, zeros, more - done < sizeof zeros ? more - done : sizeof zeros) == P2P_OK);
  struct p2p_task *task = p2p_task_new(object, text);
  CHECK(p2p_client_submit(client, task, &err) == P2P_OK);
  return task;
}

static bool ends(struct p2p_client *client, const struct p2p_task *task) {
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  for (uint64_t seen = 0, now_ms; p2p_task_state(task) < P2P_TASK_DONE;) {
    if ((now_ms = p2p_clock_ms()) >= until_ms) return false;
    seen = p2p_client_wait(client, seen, (int)(until_ms - now_ms));
  }
  return true;
}

/* The beginning of the result; "" when there is none. */
static const char *result(struct p2p_client *client, struct p2p_task *task) {
  static char text[64];
  const uint8_t *bytes;
  text[0] = '\0';
  if (!ends(client, task) || p2p_task_result(task) == NULL) return text;
  size_t length = p2p_object_span(p2p_task_result(task), 0, &bytes);
  snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : (int)sizeof text - 1, (const char *)bytes);
  return text;
}

static const char *resolve(struct p2p_client *client, const char *text) {
  struct p2p_task *task = submit(client, text, 0);
  const char *got = result(client, task);
  p2p_task_free(task);
  return got;
}

/* A future that sleeps or hangs has said that it is being evaluated. */
static bool begins(struct p2p_client *client, struct p2p_task *task) {
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS, seen = 0, now_ms;
  struct p2p_object *condition;
  while ((condition = p2p_task_condition(task)) == NULL) {
    if ((now_ms = p2p_clock_ms()) >= until_ms || p2p_task_state(task) >= P2P_TASK_DONE) return false;
    seen = p2p_client_wait(client, seen, (int)(until_ms - now_ms));
  }
  p2p_object_free(condition);
  return true;
}

static void check_error(struct p2p_client *client, struct p2p_task *task, const char *text) {
  struct p2p_err err = {0};
  CHECK(ends(client, task) && p2p_task_state(task) == P2P_TASK_FAILED);
  p2p_task_error(task, &err);
  CHECK(strstr(err.message, text) != NULL);
  if (strstr(err.message, text) == NULL) fprintf(stderr, "instead of \"%s\": %s\n", text, err.message);
  p2p_task_free(task);
}

static void end(struct p2p_client *client) {
  struct p2p_event event;
  p2p_client_free(client);
  p2p_worker_free(worker);
  worker = NULL;
  while (p2p_events_next(events, 0, &event)) continue;
}

TEST(futures_are_resolved) {
  begin(2);
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "one"), "one");
  CHECK(says("Linked with bob@") && says("Future 'one' of bob@") && says(" resolved in "));
  struct p2p_task *tasks[100];
  for (int i = 0; i < 100; i++) tasks[i] = submit(client, i % 2 ? "even" : "odd", (size_t)i * 1000);
  for (int i = 0; i < 100; i++) {
    CHECK_STR(result(client, tasks[i]), i % 2 ? "even" : "odd");
    p2p_task_free(tasks[i]);
  }
  end(client);
}

TEST(large_ones_too) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *up = submit(client, "long", BIG), *down = submit(client, "big", 0);
  CHECK(ends(client, up) && p2p_task_state(up) == P2P_TASK_DONE);
  CHECK(ends(client, down) && p2p_task_result(down) != NULL && p2p_object_size(p2p_task_result(down)) == BIG + 3);
  p2p_task_free(up);
  p2p_task_free(down);
  check_error(client, submit(client, "huge", CAP), "The future is too large: 33554436 bytes, and carol@");
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

TEST(conditions_come_at_once) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "condition", 0);
  CHECK_STR(result(client, task), "condition");
  struct p2p_object *condition = p2p_task_condition(task);
  CHECK(condition != NULL && p2p_object_size(condition) == 7);
  p2p_object_free(condition);
  p2p_task_free(task);
  end(client);
}

TEST(evaluator_that_dies_is_reported_and_replaced) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  check_error(client, submit(client, "crash", 0), "ended with signal 9 (SIGKILL) while it resolved future 'crash'");
  CHECK(says("An evaluator ended with signal 9 (SIGKILL); it is replaced") && says("Future 'crash' of bob@"));
  check_error(client, submit(client, "exit", 0), "ended with exit status 3 while it resolved future 'exit'");
  check_error(client, submit(client, "rubbish", 0), "was ended because it wrote to its supervisor what is no answer");
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

TEST(cancelled_future_leaves_its_evaluator_warm) {
  char pid[64];
  begin(1);
  struct p2p_client *client = start_client(BOB);
  snprintf(pid, sizeof pid, "%s", resolve(client, "pid"));
  struct p2p_task *task = submit(client, "sleep", 0);
  CHECK(begins(client, task));
  p2p_client_cancel(client, task);
  CHECK(says("cancelled after") && ends(client, task));
  p2p_task_free(task);
  CHECK_STR(resolve(client, "pid"), pid);
  end(client);
}

TEST(evaluator_that_does_not_stop_is_killed) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "hang", 0);
  CHECK(begins(client, task));
  p2p_client_cancel(client, task);
  CHECK(says("did not stop within 5 s after it was interrupted, and was killed"));
  p2p_task_free(task);
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

TEST(two_clients_share_one_slot) {
  begin(1);
  struct p2p_client *one = start_client(BOB), *two = start_client(DAVE);
  struct p2p_task *ones[50], *twos[50];
  CHECK_STR(resolve(one, "warm"), "warm");
  CHECK_STR(resolve(two, "warm"), "warm");
  for (int i = 0; i < 50; i++) ones[i] = submit(one, "one", 0);
  for (int i = 0; i < 50; i++) twos[i] = submit(two, "two", 0);
  CHECK(ends(two, twos[10]) && p2p_task_state(ones[49]) < P2P_TASK_DONE); /* nobody waits for all of the other's */
  for (int i = 0; i < 50; i++) {
    CHECK_STR(result(one, ones[i]), "one");
    CHECK_STR(result(two, twos[i]), "two");
    p2p_task_free(ones[i]);
    p2p_task_free(twos[i]);
  }
  p2p_client_free(one);
  end(two);
}

TEST(client_that_goes_frees_its_slot) {
  begin(1);
  struct p2p_client *one = start_client(BOB), *two = start_client(DAVE);
  struct p2p_task *task = submit(one, "sleep", 0);
  CHECK(begins(one, task));
  p2p_client_free(one);
  p2p_task_free(task);
  CHECK(says(" left"));
  CHECK_STR(resolve(two, "next"), "next");
  end(two);
}

TEST(drained_worker_finishes_what_runs) {
  struct p2p_event event;
  begin(1);
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "warm"), "warm");
  struct p2p_task *running = submit(client, "sleep", 0);
  CHECK(begins(client, running));
  p2p_worker_drain(worker);
  CHECK(!p2p_worker_is_idle(worker));
  p2p_client_cancel(client, running);
  CHECK(says("cancelled after"));
  /* Idle as soon as the client has returned the slot that was asked back. */
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  while (!p2p_worker_is_idle(worker) && p2p_clock_ms() < until_ms) p2p_events_next(events, 10, &event);
  CHECK(p2p_worker_is_idle(worker));
  p2p_task_free(running);
  end(client);
}

TEST(freed_worker_says_what_is_lost) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "sleep", 0);
  CHECK(begins(client, task));
  p2p_worker_free(worker);
  worker = NULL;
  check_error(client, task, "The worker has ended, before it had resolved this future");
  end(client);
}

TEST(evaluators_that_cannot_start_end_the_worker) {
  struct p2p_err err = {0};
  CHECK(start_worker(1, "/no/such/R", &err) == P2P_ERR_SYSTEM);
  CHECK_STR(err.message, "Cannot start '/no/such/R': no such file or directory");
  CHECK(start_worker(2, "die", &err) == P2P_OK);
  CHECK(says("No evaluator can be started") && p2p_worker_is_idle(worker));
  end(NULL);
  CHECK(start_worker(1, "error", &err) == P2P_OK);
  CHECK(says("cannot work: there is no package called 'future', 3 times in a row; does it work when started by hand?"));
  end(NULL);
}

TEST(bad_configurations_are_refused) {
  struct p2p_err err = {0};
  CHECK(start_worker(0, "work", &err) == P2P_ERR_INVALID);
  CHECK(start_worker(1025, "work", &err) == P2P_ERR_INVALID);
}

/* ---- a client that does what it likes ---- */

static struct site_gate gate = SITE_GATE;
static struct {
  struct p2p_member *member;
  struct p2p_link *link;
  char worker[192], lost[256];
  struct p2p_seal_public key;
  int joined, seen, opened, granted, recalled, losts, closed, codes;
  const char *via; /* instead of the true code */
  int accepts;     /* so many of the same */
} rogue;

static void rogue_line(void *arg, const struct p2p_line *line) {
  const char *type = p2p_line_get(line, "type"), *key = p2p_line_get(line, "key"), *from = p2p_line_get(line, "from");
  size_t length;
  (void)arg;
  if (type == NULL || strcmp(type, "worker") != 0 || rogue.worker[0] != '\0') return;
  CHECK(p2p_base64url_decode(key, strlen(key), rogue.key.bytes, sizeof rogue.key.bytes, &length) == P2P_OK);
  snprintf(rogue.worker, sizeof rogue.worker, "%s", from);
  site_count(&gate, &rogue.seen);
}
static void rogue_joined(void *arg) { (void)arg, site_count(&gate, &rogue.joined); }
static void rogue_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) { (void)arg, (void)err, (void)retry_ms; }
static void rogue_failed(void *arg, const struct p2p_err *err) {
  (void)arg;
  fprintf(stderr, "the rogue cannot join: %s\n", err->message);
}

static void rogue_accept(const char *via) {
  struct p2p_line line;
  CHECK(p2p_member_line(rogue.member, &line, "accept", 15) == P2P_OK);
  CHECK(p2p_line_put(&line, "to", rogue.worker) == P2P_OK && p2p_line_put(&line, "via", via) == P2P_OK);
  CHECK(p2p_member_say(rogue.member, &line) == P2P_OK);
}

static void rogue_code(void *arg, const char *code) {
  uint8_t sealed[256];
  char via[400] = "link://";
  (void)arg;
  CHECK(p2p_seal(&rogue.key, code, strlen(code), sealed) == P2P_OK);
  p2p_base64url_encode(sealed, strlen(code) + P2P_SEAL_OVERHEAD, via + 7);
  rogue_accept(via);
  site_count(&gate, &rogue.codes);
}
static void rogue_open(void *arg, const char *path) { (void)arg, (void)path, site_count(&gate, &rogue.opened); }
static void rogue_frame(void *arg, const struct p2p_frame *frame) {
  (void)arg;
  if (frame->type == P2P_FRAME_LOST) {
    snprintf(rogue.lost, sizeof rogue.lost, "%.*s", (int)frame->length, (const char *)frame->payload);
    site_count(&gate, &rogue.losts);
  }
  if (frame->type == P2P_FRAME_SLOT) site_count(&gate, frame->payload[0] == P2P_SLOT_GRANT ? &rogue.granted : &rogue.recalled);
}
static void rogue_close(void *arg, const struct p2p_err *err) {
  (void)arg, (void)err;
  p2p_link_free(rogue.link);
  rogue.link = NULL;
  site_count(&gate, &rogue.closed);
}

static void rogue_link(void *arg) {
  static const struct p2p_link_events link_events = {rogue_code, rogue_open, rogue_frame, NULL, rogue_close};
  struct p2p_link_config config = {.loop = loop, .mailbox = p2p_member_mailbox(rogue.member), .relay = p2p_member_relay(rogue.member)};
  (void)arg;
  CHECK(p2p_link_open(&config, &link_events, NULL, &rogue.link, NULL) == P2P_OK);
}
static void rogue_join(void *arg) {
  static const struct p2p_member_events member_events = {NULL, rogue_joined, rogue_line, rogue_away, rogue_failed};
  struct p2p_member_config config = {.loop = loop, .host = host, .ssh_args = ssh_args[EVE], .n_ssh_args = ARGS, .cluster = CLUSTER, .role = P2P_ROLE_CLIENT};
  (void)arg;
  CHECK(p2p_member_new(&config, &member_events, NULL, &rogue.member, NULL) == P2P_OK);
}
static void rogue_end(void *arg) {
  (void)arg;
  p2p_link_free(rogue.link);
  p2p_member_free(rogue.member);
}

static void rogue_begin(bool with_link) {
  memset(&rogue, 0, sizeof rogue);
  p2p_loop_call(loop, rogue_join, NULL);
  CHECK(site_wait(&gate, &rogue.joined, 1) && site_wait(&gate, &rogue.seen, 1));
  if (!with_link) return;
  p2p_loop_call(loop, rogue_link, NULL);
  CHECK(site_wait(&gate, &rogue.opened, 1));
}

struct rogue_message {
  uint8_t type;
  uint32_t task;
  const void *payload;
  size_t length;
};
static void rogue_send_here(void *arg) {
  struct rogue_message *message = arg;
  if (rogue.link != NULL) (void)!p2p_link_send(rogue.link, message->type, message->task, message->payload, message->length);
}
static void rogue_send(uint8_t type, uint32_t task, const void *payload, size_t length) {
  p2p_loop_call(loop, rogue_send_here, &(struct rogue_message){type, task, payload, length});
}
static void rogue_slot(uint8_t op, uint32_t count) {
  uint8_t payload[5] = {op};
  p2p_set_u32(payload + 1, count);
  rogue_send(P2P_FRAME_SLOT, 0, payload, sizeof payload);
}
static void rogue_task(uint32_t task, uint64_t size) {
  uint8_t payload[14];
  p2p_set_u64(payload, size);
  memcpy(payload + 8, "\033[2J\r\n", 6);
  rogue_send(P2P_FRAME_TASK, task, payload, sizeof payload);
}

/* The link is closed on whoever breaks the protocol, and the worker goes on. */
static void check_breach(const char *what) {
  CHECK(says(what) && site_wait(&gate, &rogue.closed, 1));
  p2p_loop_call(loop, rogue_end, NULL);
}

TEST(rogue_clients_are_shown_the_door) {
  begin(1);
  rogue_begin(true);
  rogue_send(P2P_FRAME_TASK, 1, NULL, 0);
  check_breach("it did not say hello first");
  rogue_begin(true);
  rogue_send(P2P_FRAME_HELLO, 0, "from=x", 6);
  rogue_task(1, 100);
  CHECK(site_wait(&gate, &rogue.losts, 1) && strstr(rogue.lost, "There is no slot for it at carol@") != NULL);
  rogue_send(P2P_FRAME_DATA, 1, "abc", 3); /* was under way */
  rogue_send(P2P_FRAME_CANCEL, 77, NULL, 0);
  rogue_slot(P2P_SLOT_RETURN, 1);
  check_breach("it returned slots that it does not hold");
  rogue_begin(true);
  rogue_send(P2P_FRAME_HELLO, 0, "from=x", 6);
  rogue_slot(P2P_SLOT_WANT, UINT32_MAX);
  CHECK(site_wait(&gate, &rogue.granted, 1));
  rogue_task(1, UINT64_MAX);
  CHECK(site_wait(&gate, &rogue.losts, 1) && strstr(rogue.lost, "The future is too large") != NULL);
  rogue_task(1, 3);
  CHECK(says("Future '?[2J"));
  rogue_send(P2P_FRAME_DATA, 1, "abcd", 4);
  check_breach("more data than it announced");
  rogue_begin(true);
  rogue_send(P2P_FRAME_HELLO, 0, "from=x", 6);
  rogue_slot(P2P_SLOT_WANT, 1);
  CHECK(site_wait(&gate, &rogue.granted, 1)); /* the evaluator that was left in the middle is warm again */
  rogue_send(P2P_FRAME_RESULT, 1, NULL, 0);
  check_breach("a frame that is not for a worker");
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

static void say_many(void *arg) {
  (void)arg;
  for (int i = 0; i < rogue.accepts; i++) {
    if (rogue.via != NULL) {
      rogue_accept(rogue.via);
    } else {
      char code[64], via[400] = "link://";
      uint8_t sealed[256];
      snprintf(code, sizeof code, "%d-0123456789abcdef0123456789abcdef", 900 + i);
      CHECK(p2p_seal(&rogue.key, code, strlen(code), sealed) == P2P_OK);
      p2p_base64url_encode(sealed, strlen(code) + P2P_SEAL_OVERHEAD, via + 7);
      rogue_accept(via);
    }
  }
}

TEST(false_accepts_do_no_harm) {
  begin(1);
  rogue_begin(false);
  rogue.via = "link://AAAA";
  rogue.accepts = 3;
  p2p_loop_call(loop, say_many, NULL);
  CHECK(says("does not open with our key (3 so far)"));
  rogue.via = NULL;
  rogue.accepts = 17;
  p2p_loop_call(loop, say_many, NULL);
  CHECK(says("Too many links: the call of eve@"));
  p2p_loop_call(loop, rogue_end, NULL);
  end(NULL);
}

TEST(nothing_is_left) {
  p2p_loop_stop(loop);
  p2p_host_free(cluster_host);
  p2p_server_free(server);
  p2p_loop_stop(server_loop);
  p2p_events_free(server_events);
  p2p_events_free(host_events);
  p2p_events_free(events);
  p2p_events_free(client_events);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  site_close(&site);
  /* libuv keeps a pipe for signals, once and for all; libraries may keep /dev/urandom. */
  CHECK(open_fds() - fds_before <= 3);
}

__attribute__((constructor)) static void count_before(void) { fds_before = open_fds(); }

UNIT_MAIN("worker", UNIT(prepare), UNIT(futures_are_resolved), UNIT(large_ones_too), UNIT(conditions_come_at_once),
          UNIT(evaluator_that_dies_is_reported_and_replaced), UNIT(cancelled_future_leaves_its_evaluator_warm),
          UNIT(evaluator_that_does_not_stop_is_killed), UNIT(two_clients_share_one_slot),
          UNIT(client_that_goes_frees_its_slot), UNIT(drained_worker_finishes_what_runs),
          UNIT(freed_worker_says_what_is_lost), UNIT(evaluators_that_cannot_start_end_the_worker),
          UNIT(bad_configurations_are_refused), UNIT(rogue_clients_are_shown_the_door), UNIT(false_accepts_do_no_harm),
          UNIT(nothing_is_left))
