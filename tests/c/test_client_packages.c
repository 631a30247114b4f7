/* Futures that need packages, over real links: they go to workers that have them, do not block
 * others, and fail if no worker has them. */
#include "base/clock.h"
#include "client_fixture.h"

static void open_all(void) {
  open_board();
  open_client((struct p2p_client_config){.object_cap_bytes = 1000000, .retries = 1});
}

static void close_all(void) {
  p2p_client_free(client);
  lab_close(&lab);
}

static struct p2p_task *submit(const char *label, const char *packages) {
  struct p2p_blob *object = p2p_blob_new(3);
  struct p2p_err err = {0};
  CHECK(p2p_blob_append(object, "abc", 3) == P2P_OK);
  struct p2p_task *task = p2p_task_new(object, label);
  if (packages != NULL) CHECK(p2p_task_set_packages(task, packages, &err) == P2P_OK);
  CHECK(p2p_client_submit(client, task, &err) == P2P_OK);
  return task;
}

static bool has_ended(struct p2p_task *task) { return p2p_task_state(task) >= P2P_TASK_DONE; }

static bool is_idle_with_two_slots(struct p2p_task *task) {
  struct p2p_client_status status;
  (void)task;
  p2p_client_status(client, &status);
  return status.workers == 2 && status.slots == 2 && status.waiting == 0 && status.running == 0;
}

static bool wait_for(bool (*is_so)(struct p2p_task *task), struct p2p_task *task) {
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS;
  for (uint64_t seen = 0;;) {
    seen = p2p_client_wait(client, seen, 0);
    if (is_so(task)) return true;
    uint64_t now_ms = p2p_clock_ms();
    if (now_ms >= until_ms) return false;
    p2p_client_wait(client, seen, (int)(until_ms - now_ms));
  }
}

static bool ends(struct p2p_task *task) { return wait_for(has_ended, task); }

static bool ends_at(struct p2p_task *task, const char *worker) {
  char at[192];
  bool ended = ends(task) && p2p_task_state(task) == P2P_TASK_DONE;
  p2p_task_worker(task, at, sizeof at);
  p2p_task_free(task);
  return ended && strcmp(at, worker) == 0;
}

static bool fails_with(struct p2p_task *task, struct p2p_err *err) {
  bool failed = ends(task) && p2p_task_state(task) == P2P_TASK_FAILED;
  p2p_task_error(task, err);
  p2p_task_free(task);
  return failed;
}

TEST(futures_go_to_workers_with_their_packages_which_are_requested_only_if_needed) {
  struct fake_worker carol = {.slots = 2, .packages = ";zoo;"},
                     dave = {.slots = 2, .packages = ";mgcv;zoo;"};
  struct p2p_task *tasks[20];
  open_all();
  fake_start(&carol, &lab, &member);
  fake_start(&dave, &lab, &member);
  for (int i = 0; i < 4; i++) tasks[i] = submit("hold", NULL);
  CHECK(lab_wait(&lab, &carol.n_hold, 2, PATIENCE_MS) &&
        lab_wait(&lab, &dave.n_hold, 2, PATIENCE_MS));
  fake_release(&carol);
  fake_release(&dave);
  for (int i = 0; i < 4; i++) {
    CHECK(ends(tasks[i]));
    p2p_task_free(tasks[i]);
  }
  CHECK(carol.n_request == 0 && dave.n_request == 0);
  for (int i = 0; i < 20; i++) tasks[i] = submit("echo", "mgcv;zoo");
  for (int i = 0; i < 20; i++) CHECK(ends_at(tasks[i], "carol@box:3"));
  CHECK(carol.n_task == 2 && carol.n_request == 1 &&
        dave.n_request == 1); /* once for twenty futures */
  CHECK(ends_at(submit("echo", "mgcv"), "carol@box:3") && dave.n_request == 1);
  fake_stop(&carol);
  fake_stop(&dave);
  close_all();
}

TEST(a_future_that_waits_for_its_worker_does_not_block_others) {
  struct fake_worker carol = {.packages = ";mgcv;"}, dave = {.packages = ";;"};
  open_all();
  fake_start(&carol, &lab, &member);
  fake_start(&dave, &lab, &member);
  struct p2p_task *first = submit("hold", "mgcv");
  CHECK(lab_wait(&lab, &carol.n_hold, 1, PATIENCE_MS));
  struct p2p_task *second = submit("hold", "mgcv");
  for (int i = 0; i < 5; i++) CHECK(ends_at(submit("echo", NULL), "carol@box:3"));
  CHECK(p2p_task_state(second) == P2P_TASK_WAITING && carol.n_task == 1);
  fake_release(&carol);
  CHECK(lab_wait(&lab, &carol.n_hold, 2, PATIENCE_MS));
  fake_release(&carol);
  CHECK(ends_at(first, "carol@box:2") && ends_at(second, "carol@box:2"));
  fake_stop(&carol);
  fake_stop(&dave);
  close_all();
}

static struct p2p_task *two[2];

/* On the io thread, so that one decision covers both. */
static void submit_two(void *arg) {
  (void)arg;
  two[0] = submit("hold", NULL);
  two[1] = submit("hold", "mgcv");
}

TEST(a_worker_that_cannot_run_every_future_is_assigned_first) {
  struct fake_worker carol = {.packages = ";mgcv;"}, dave = {.packages = ";;"};
  struct p2p_task *warm[2];
  open_all();
  fake_start(&carol, &lab, &member);
  fake_start(&dave, &lab, &member);
  for (int i = 0; i < 2; i++) warm[i] = submit("hold", NULL);
  CHECK(lab_wait(&lab, &carol.n_hold, 1, PATIENCE_MS) &&
        lab_wait(&lab, &dave.n_hold, 1, PATIENCE_MS));
  struct p2p_task *known = submit("echo", "mgcv"); /* so that it is known which worker has it */
  CHECK(lab_wait(&lab, &carol.n_request, 1, PATIENCE_MS) &&
        lab_wait(&lab, &dave.n_request, 1, PATIENCE_MS));
  fake_release(&carol);
  CHECK(ends(known));
  fake_release(&dave);
  CHECK(ends(warm[0]) && ends(warm[1]) &&
        wait_for(is_idle_with_two_slots, NULL)); /* each holds an idle slot now */
  CHECK(p2p_loop_call(lab.loop, submit_two, NULL) == P2P_OK);
  CHECK(lab_wait(&lab, &carol.n_hold, 2, PATIENCE_MS) &&
        lab_wait(&lab, &dave.n_hold, 2, PATIENCE_MS));
  fake_release(&carol);
  fake_release(&dave);
  CHECK(ends_at(two[0], "carol@box:3") && ends_at(two[1], "carol@box:2"));
  p2p_task_free(known), p2p_task_free(warm[0]), p2p_task_free(warm[1]);
  fake_stop(&carol);
  fake_stop(&dave);
  close_all();
}

TEST(a_package_that_no_worker_has_is_an_error_and_nothing_is_sent) {
  struct fake_worker carol = {.packages = ";zoo;"}, dave = {.packages = ";mgcv;"};
  struct p2p_err err;
  open_all();
  fake_start(&carol, &lab, &member);
  fake_start(&dave, &lab, &member);
  struct p2p_task *both = submit("echo", "mgcv;zoo"), *plain = submit("echo", NULL),
                  *again = submit("echo", "mgcv;zoo");
  CHECK(fails_with(both, &err) && err.code == P2P_ERR_VERSION);
  CHECK_STR(err.message,
            "no worker of cluster 'alice/friends' has all packages that the future needs: "
            "'carol@box:2' lacks 'mgcv'; 'carol@box:3' lacks 'zoo'");
  CHECK_STR(err.reason, "missing_packages");
  CHECK(fails_with(again, &err) && err.code == P2P_ERR_VERSION && ends(plain));
  CHECK(p2p_task_state(plain) == P2P_TASK_DONE && carol.n_task + dave.n_task == 1);
  p2p_task_free(plain);
  CHECK(wait_for(is_idle_with_two_slots, NULL));
  fake_stop(&carol);
  fake_stop(&dave);
  close_all();
}

TEST(a_future_waits_for_the_first_worker) {
  struct fake_worker carol = {.packages = ";mgcv;"};
  open_all();
  struct p2p_task *task = submit("echo", "mgcv"); /* there is no worker */
  fake_start(&carol, &lab, &member);
  CHECK(ends_at(task, "carol@box:2"));
  fake_stop(&carol);
  close_all();
}

TEST(an_unreachable_worker_may_have_the_package) {
  struct fake_worker mute = {.ignores_accept = true}, dave = {.packages = ";;"};
  struct p2p_err err;
  open_all();
  fake_start(&mute, &lab, &member);
  fake_start(&dave, &lab, &member);
  struct p2p_task *task = submit("echo", "mgcv");
  CHECK(lab_wait(&lab, &dave.n_request, 1, PATIENCE_MS));
  CHECK(ends_at(submit("echo", NULL), "carol@box:3"));
  CHECK(p2p_task_state(task) == P2P_TASK_WAITING);
  p2p_client_cancel(client, task);
  CHECK(fails_with(task, &err) && err.code == P2P_ERR_CANCELED);
  fake_stop(&mute);
  fake_stop(&dave);
  close_all();
}

TEST(a_worker_that_does_not_reply_still_runs_other_futures) {
  struct fake_worker old = {.slots = 1}, dave = {.packages = ";mgcv;"};
  open_all();
  fake_start(&old, &lab, &member);
  struct p2p_task *task = submit("echo", "mgcv");
  CHECK(lab_wait(&lab, &old.n_request, 1, PATIENCE_MS));
  CHECK(ends_at(submit("echo", NULL), "carol@box:2"));
  fake_start(&dave, &lab, &member);
  CHECK(ends_at(task, "carol@box:3"));
  fake_stop(&old);
  fake_stop(&dave);
  close_all();
}

TEST(a_worker_with_an_invalid_reply_is_disconnected) {
  struct fake_worker mallory = {.sends_bad_reply = true}, dave = {.packages = ";mgcv;"};
  open_all();
  fake_start(&mallory, &lab, &member);
  struct p2p_task *task = submit("echo", "mgcv");
  CHECK(lab_wait(&lab, &mallory.n_close, 1, PATIENCE_MS));
  CHECK(p2p_task_state(task) == P2P_TASK_WAITING && mallory.n_task == 0);
  fake_start(&dave, &lab, &member);
  CHECK(ends_at(task, "carol@box:3"));
  fake_stop(&mallory);
  fake_stop(&dave);
  close_all();
}

UNIT_MAIN("client_packages",
          UNIT(futures_go_to_workers_with_their_packages_which_are_requested_only_if_needed),
          UNIT(a_future_that_waits_for_its_worker_does_not_block_others),
          UNIT(a_worker_that_cannot_run_every_future_is_assigned_first),
          UNIT(a_package_that_no_worker_has_is_an_error_and_nothing_is_sent),
          UNIT(a_future_waits_for_the_first_worker),
          UNIT(an_unreachable_worker_may_have_the_package),
          UNIT(a_worker_that_does_not_reply_still_runs_other_futures),
          UNIT(a_worker_with_an_invalid_reply_is_disconnected))
