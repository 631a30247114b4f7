/* Why a task waits, as the client says it: each reason, with what the workers report. Over real
 * links, on a fake board. */
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "client_fixture.h"

static struct p2p_waiting waiting; /* the latest answer */

static void open_all(uint32_t slots_max) {
  open_board();
  open_client((struct p2p_client_config){.slots_max = slots_max, .object_cap_bytes = 1 << 20});
}

static void close_all(void) {
  p2p_client_free(client);
  lab_close(&lab);
}

static struct p2p_task *submit(const char *packages) {
  struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "hold");
  struct p2p_err err = {0};
  if (packages != NULL) CHECK(p2p_task_set_packages(task, packages, &err) == P2P_OK);
  CHECK(p2p_client_submit(client, task, &err) == P2P_OK);
  return task;
}

static bool waits_because(enum p2p_waiting_reason reason, const char *packages) {
  char copy[64];
  struct p2p_requirements needs = {.packages = packages[0] != '\0' ? copy : NULL};
  snprintf(copy, sizeof copy, "%s", packages);
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS;
  for (uint64_t seen = 0;;) {
    seen = p2p_client_wait(client, seen, 0);
    CHECK(p2p_client_explain(client, &needs, &waiting) == P2P_OK);
    if (waiting.reason == reason) return true;
    if (p2p_clock_ms() >= until_ms) break;
    p2p_client_wait(client, seen, 100);
  }
  fprintf(stderr, "it waits for another reason: %d\n", waiting.reason);
  return false;
}

static bool has_state(const char *state) {
  struct p2p_worker_info info = {.state = ""};
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS;
  for (uint64_t seen = 0; p2p_clock_ms() < until_ms;) {
    seen = p2p_client_wait(client, seen, 100);
    if (p2p_client_workers(client, &info, 1) == 1 && strcmp(info.state, state) == 0) return true;
  }
  fprintf(stderr, "its state is '%s'\n", info.state);
  return false;
}

static bool has_busy_slots(uint32_t count) {
  struct p2p_client_status status = {.busy = 0};
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS;
  for (uint64_t seen = 0; status.busy != count && p2p_clock_ms() < until_ms;) {
    seen = p2p_client_wait(client, seen, 100);
    p2p_client_status(client, &status);
  }
  return status.busy == count;
}

/* As when the network of this machine is down. */
static void disconnect_client(void *arg) {
  struct p2p_err err;
  (void)arg;
  p2p_err_set(&err, P2P_ERR_CLOSED, "the board closed the connection");
  for (struct p2p_member *at = fake_board.members; at != NULL; at = at->next) {
    if (at->role != P2P_ROLE_CLIENT) continue;
    at->joined = false;
    at->callbacks.on_disconnected(at->arg, &err, 60000);
  }
}

TEST(nobody_is_there_or_nobody_who_can_run_it) {
  struct fake_worker carol = {.slots = 1, .r_version = "3.6.3"};
  open_all(0);
  struct p2p_task *task = submit(NULL);
  CHECK(waits_because(P2P_WAITING_NO_WORKER, ""));
  fake_start(&carol, &lab, &member);
  CHECK(waits_because(P2P_WAITING_INCOMPATIBLE, ""));
  CHECK(has_state("incompatible"));
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(a_worker_is_being_linked_or_the_board_is_disconnected) {
  struct fake_worker carol = {.slots = 3, .taken = 2, .ignores_accept = true};
  struct p2p_client_status status;
  open_all(0);
  fake_start(&carol, &lab, &member);
  CHECK(has_state("no link") && has_busy_slots(2)); /* by its hello */
  p2p_client_status(client, &status);
  CHECK(status.slots == 3);
  struct p2p_task *task = submit(NULL);
  CHECK(waits_because(P2P_WAITING_CONNECTING, ""));
  CHECK_STR(waiting.worker, "carol@box:2");
  CHECK(has_state("connecting"));
  CHECK(p2p_loop_call(lab.loop, disconnect_client, NULL) == P2P_OK);
  CHECK(waits_because(P2P_WAITING_DISCONNECTED, ""));
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(no_link_to_a_worker_can_be_opened) {
  struct fake_worker carol = {.slots = 3};
  struct p2p_client_status status;
  open_all(0);
  fake_board.mailbox = "ws://127.0.0.1:1/v1";
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit(NULL);
  CHECK(waits_because(P2P_WAITING_UNREACHABLE, ""));
  CHECK_STR(waiting.worker, "carol@box:2");
  CHECK(has_state("unreachable"));
  p2p_client_status(client, &status);
  CHECK(status.slots == 1 && status.unreachable == 1 && status.busy == 0); /* of 3 as it claims */
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(all_slots_are_busy_and_the_worker_says_for_whom) {
  struct fake_worker carol = {.slots = 3, .load = "busy=3\nwaiting=2\nusers=dave;eve\n"};
  struct p2p_client_status status;
  struct p2p_worker_info info;
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit(NULL);
  CHECK(has_busy_slots(3));
  CHECK(waits_because(P2P_WAITING_BUSY, ""));
  CHECK(waiting.slots == 3 && waiting.running == 0 && waiting.others.busy == 3);
  CHECK_STR(waiting.others.users, "dave;eve");
  p2p_client_status(client, &status);
  CHECK(status.slots == 3 && status.waiting == 1);
  CHECK(p2p_client_workers(client, &info, 1) == 1);
  CHECK(info.others.busy == 3 && info.others.waiting == 2 && info.running == 0);
  CHECK_STR(info.others.users, "dave;eve");
  CHECK_STR(info.state, "linked");
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(a_worker_that_rests_says_why_and_its_slots_are_not_free) {
  struct fake_worker carol = {.slots = 2, .load = "state=resting until 22:00\n"};
  struct p2p_client_status status;
  struct p2p_worker_info info;
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit(NULL);
  CHECK(waits_because(P2P_WAITING_RESTING, ""));
  CHECK_STR(waiting.worker, "carol@box:2");
  CHECK_STR(waiting.state, "resting until 22:00");
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS, seen = 0;
  do {
    seen = p2p_client_wait(client, seen, 100);
    p2p_client_status(client, &status);
  } while (status.resting == 0 && p2p_clock_ms() < until_ms);
  CHECK(status.slots == 2 && status.resting == 2 && status.busy == 0);
  CHECK(p2p_client_workers(client, &info, 1) == 1);
  CHECK_STR(info.others.state, "resting until 22:00");
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(a_worker_has_not_replied_about_packages) {
  struct fake_worker carol = {.slots = 1};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit("dplyr");
  CHECK(lab_wait(&lab, &carol.n_request, 1, PATIENCE_MS));
  CHECK(waits_because(P2P_WAITING_REPLY, "dplyr"));
  CHECK_STR(waiting.worker, "carol@box:2");
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(a_worker_lacks_some_of_the_packages) {
  struct fake_worker carol = {.slots = 1, .packages = ";readr;"};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit("dplyr;readr");
  CHECK(waits_because(P2P_WAITING_PACKAGES, "dplyr;readr"));
  CHECK_STR(waiting.worker, "carol@box:2");
  CHECK_STR(waiting.missing, "'dplyr'");
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(a_client_reaches_its_own_limit) {
  struct fake_worker carol = {.slots = 2};
  open_all(1);
  fake_start(&carol, &lab, &member);
  struct p2p_task *running = submit(NULL), *late = submit(NULL);
  CHECK(lab_wait(&lab, &carol.n_hold, 1, PATIENCE_MS));
  CHECK(waits_because(P2P_WAITING_LIMIT, ""));
  CHECK(waiting.slots == 2 && waiting.running == 1);
  p2p_task_free(running), p2p_task_free(late);
  fake_stop(&carol);
  close_all();
}

TEST(a_malformed_load_ends_the_link) {
  struct fake_worker carol = {.slots = 1, .load = "busy=0\n"};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit(NULL);
  CHECK(lab_wait(&lab, &carol.n_close, 1, PATIENCE_MS));
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(a_watch_sees_what_a_wait_has_seen_and_the_end_of_the_client) {
  open_all(0);
  struct pollfd watch = {.fd = dup(p2p_client_watch_fd(client)), .events = POLLIN};
  struct p2p_task *task = submit(NULL);
  CHECK(waits_because(P2P_WAITING_NO_WORKER, ""));
  CHECK(poll(&watch, 1, PATIENCE_MS) == 1 && watch.revents == POLLIN);
  int looks = 0;
  for (; poll(&watch, 1, 200) == 1 && looks < 50; looks++) p2p_client_watch_poll(client);
  CHECK(looks > 0 && looks < 50);
  p2p_client_cancel(client, task);
  p2p_client_wait(client, p2p_client_wait(client, 0, 0), 0);
  CHECK(poll(&watch, 1, PATIENCE_MS) == 1 && watch.revents == POLLIN);
  p2p_task_free(task);
  close_all();
  CHECK(poll(&watch, 1, PATIENCE_MS) == 1 && (watch.revents & POLLHUP) != 0);
  close(watch.fd);
}

UNIT_MAIN("client_waiting", UNIT(nobody_is_there_or_nobody_who_can_run_it),
          UNIT(a_worker_is_being_linked_or_the_board_is_disconnected),
          UNIT(no_link_to_a_worker_can_be_opened),
          UNIT(all_slots_are_busy_and_the_worker_says_for_whom),
          UNIT(a_worker_that_rests_says_why_and_its_slots_are_not_free),
          UNIT(a_worker_has_not_replied_about_packages), UNIT(a_worker_lacks_some_of_the_packages),
          UNIT(a_client_reaches_its_own_limit), UNIT(a_malformed_load_ends_the_link),
          UNIT(a_watch_sees_what_a_wait_has_seen_and_the_end_of_the_client))
