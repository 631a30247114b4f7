/* A member of the board that writes lines in the names of workers: of some that do not exist, and
 * of one that does. The client's futures are evaluated nevertheless. */
#include "base/clock.h"
#include "client/roster.h"
#include "client_fixture.h"
#include "protocol/leave.h"

#define GHOSTS 4200

static struct {
  struct p2p_member *member;
  struct p2p_identity victim; /* the worker whose hello came first */
  int n_client, n_worker, n_accept, n_forged;
} eve;

static void forge_leave(void *arg) {
  struct p2p_line line;
  (void)arg;
  CHECK(p2p_leave_write(&line, &eve.victim, time(NULL)) == P2P_OK);
  CHECK(p2p_member_send(eve.member, &line) == P2P_OK);
  eve.n_forged++;
}

static void eve_line(void *arg, const struct p2p_line *line) {
  const char *type = p2p_line_get(line, "type");
  struct p2p_hello_line hello;
  (void)arg;
  if (strcmp(type, "worker") == 0 && p2p_hello_line_read(line, &hello) == P2P_OK) {
    if (eve.n_worker == 0) eve.victim = hello.from;
    lab_tell(&lab, &eve.n_worker);
  }
  if (strcmp(type, "client") == 0) lab_tell(&lab, &eve.n_client);
  if (strcmp(type, "accept") != 0) return;
  if (eve.n_accept == 0) forge_leave(NULL);
  lab_tell(&lab, &eve.n_accept);
}
static void eve_hello(void *arg, struct p2p_hello_line *hello) { (void)arg, (void)hello; }
static void eve_joined(void *arg) { (void)arg; }
static void eve_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  (void)arg, (void)err, (void)retry_ms;
}
static void eve_failed(void *arg, const struct p2p_err *err) { (void)arg, (void)err; }

static void eve_start(void *arg) {
  static const struct p2p_member_callbacks callbacks = {eve_hello, eve_joined, eve_line,
                                                        eve_away,  eve_failed, NULL};
  struct p2p_member_config config = member;
  config.role = P2P_ROLE_HOST;
  (void)arg;
  CHECK(p2p_crypto_init() == P2P_OK);
  CHECK(p2p_member_new(&config, &callbacks, NULL, &eve.member, NULL) == P2P_OK);
}
static void eve_stop(void *arg) {
  (void)arg;
  p2p_member_free(eve.member);
}

static void open_all(void) {
  memset(&eve, 0, sizeof eve);
  open_board();
  CHECK(p2p_loop_call(lab.loop, eve_start, NULL) == P2P_OK);
  open_client((struct p2p_client_config){.retries = 1, .object_cap_bytes = 1 << 20});
}

static void close_all(void) {
  p2p_client_free(client);
  CHECK(p2p_loop_call(lab.loop, eve_stop, NULL) == P2P_OK);
  lab_close(&lab);
}

static bool is_evaluated(void) {
  struct p2p_blob *object = p2p_blob_new(4);
  CHECK(p2p_blob_append(object, "1234", 4) == P2P_OK);
  struct p2p_task *task = p2p_task_new(object, "echo");
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS, seen = 0;
  CHECK(p2p_client_submit(client, task, NULL) == P2P_OK);
  while (p2p_task_state(task) < P2P_TASK_DONE && p2p_clock_ms() < until_ms)
    seen = p2p_client_wait(client, seen, 1000);
  bool is_done = p2p_task_state(task) == P2P_TASK_DONE;
  p2p_task_free(task);
  return is_done;
}

/* The first leave comes while the link is opened, the second one while it is open, and the third
 * one when there is none. */
TEST(leaves_in_the_name_of_a_worker_do_not_keep_it_from_a_client) {
  struct fake_worker carol = {.slots = 1};
  open_all();
  fake_start(&carol, &lab, &member);
  CHECK(is_evaluated() && eve.n_accept == 1 && eve.n_forged == 1);
  CHECK(p2p_loop_call(lab.loop, forge_leave, NULL) == P2P_OK);
  CHECK(is_evaluated() && eve.n_accept == 1);
  fake_cut(&carol);
  CHECK(p2p_loop_call(lab.loop, forge_leave, NULL) == P2P_OK);
  CHECK(is_evaluated() && eve.n_accept == 2);
  fake_stop(&carol);
  close_all();
}

static void send_ghosts(void *arg) {
  struct p2p_hello_line hello = {
      .role = P2P_ROLE_WORKER, .slots = 1024, .r_version = "4.2.2", .future_version = "1.70.0"};
  struct p2p_line line;
  struct p2p_seal_secret secret;
  int from = *(int *)arg;
  p2p_seal_keypair(&hello.key, &secret);
  snprintf(hello.from.name, sizeof hello.from.name, "mallory@box:1");
  for (int i = from; i < from + GHOSTS / 10; i++) {
    snprintf(hello.from.id, sizeof hello.from.id, "%032x", 1000000u + (unsigned)i);
    CHECK(p2p_hello_line_write(&line, &hello, time(NULL)) == P2P_OK);
    CHECK(p2p_member_send(eve.member, &line) == P2P_OK);
  }
}

TEST(ghosts_neither_displace_a_worker_nor_fill_the_memory) {
  struct fake_worker carol = {.slots = 1};
  struct p2p_client_status status;
  open_all();
  fake_start(&carol, &lab, &member);
  CHECK(is_evaluated());
  for (int from = 0; from < GHOSTS; from += GHOSTS / 10)
    CHECK(p2p_loop_call(lab.loop, send_ghosts, &from) == P2P_OK);
  CHECK(is_evaluated());
  p2p_client_status(client, &status);
  CHECK(status.workers <= P2P_ROSTER_MAX);
  fake_cut(&carol);
  CHECK(is_evaluated()); /* at the one worker that was linked before */
  fake_stop(&carol);
  close_all();
}

TEST(a_client_that_waits_for_a_first_worker_repeats_its_hello) {
  open_all();
  CHECK(lab_wait(&lab, &eve.n_client, 1, PATIENCE_MS));
  struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "echo");
  CHECK(p2p_client_submit(client, task, NULL) == P2P_OK);
  CHECK(lab_wait(&lab, &eve.n_client, 2, PATIENCE_MS));
  p2p_task_free(task);
  close_all();
}

UNIT_MAIN("client_ghosts", UNIT(leaves_in_the_name_of_a_worker_do_not_keep_it_from_a_client),
          UNIT(ghosts_neither_displace_a_worker_nor_fill_the_memory),
          UNIT(a_client_that_waits_for_a_first_worker_repeats_its_hello))
