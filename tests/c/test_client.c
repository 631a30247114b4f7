/* The client over real links, mailbox and relay, on a fake board: every task ends, and none twice.
 */
#include "base/clock.h"
#include "client_fixture.h"
#include "descriptors.h"

#define CAP (64 * 1024 * 1024)

static void open_all(uint32_t slots_max) {
  open_board();
  open_client((struct p2p_client_config){.slots_max = slots_max, .object_cap_bytes = CAP});
}

static void close_all(void) {
  p2p_client_free(client);
  lab_close(&lab);
}

static struct p2p_task *submit(const char *label, size_t size) {
  struct p2p_blob *object = p2p_blob_new(size);
  char *bytes = malloc(size + 1);
  for (size_t i = 0; i < size; i++) bytes[i] = (char)(i * 31 + size);
  CHECK(p2p_blob_append(object, bytes, size) == P2P_OK);
  free(bytes);
  struct p2p_task *task = p2p_task_new(object, label);
  struct p2p_err err = {0};
  CHECK(p2p_client_submit(client, task, &err) == P2P_OK);
  return task;
}

/* The result of an echo. */
static bool is_echo(struct p2p_task *task, size_t size) {
  const struct p2p_result *object = p2p_task_result(task);
  if (object == NULL || p2p_result_size(object) != size) return false;
  const uint8_t *bytes;
  size_t part;
  for (uint64_t at = 0; (part = p2p_result_span(object, at, &bytes)) > 0; at += part) {
    for (size_t i = 0; i < part; i++) {
      if (bytes[i] != (uint8_t)((at + i) * 31 + size)) return false;
    }
  }
  return true;
}

static bool wait_for(bool (*is_so)(void *arg), void *arg) {
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS;
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
static bool has_two_workers(void *arg) {
  struct p2p_client_status status;
  (void)arg;
  p2p_client_status(client, &status);
  return status.workers + status.incompatible == 2;
}
static bool is_quiet(void *arg) {
  struct p2p_client_status status;
  (void)arg;
  p2p_client_status(client, &status);
  return status.waiting == 0 && status.running == 0;
}
static bool has_failed(void *arg) {
  struct p2p_client_status status;
  (void)arg;
  p2p_client_status(client, &status);
  return status.failed.code != P2P_OK;
}

static int error_of(struct p2p_task *task, struct p2p_err *err) {
  p2p_task_error(task, err);
  return err->code;
}

TEST(futures_are_evaluated_over_one_link) {
  struct fake_worker carol = {.slots = 2};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *tasks[20];
  for (int i = 0; i < 20; i++) tasks[i] = submit("echo", 3400);
  for (int i = 0; i < 20; i++) {
    CHECK(wait_for(has_ended, tasks[i]) && is_echo(tasks[i], 3400));
    char worker[P2P_IDENTITY_LABEL_MAX];
    p2p_task_worker(tasks[i], worker, sizeof worker);
    CHECK_STR(worker, "carol@box:2");
    p2p_task_free(tasks[i]);
  }
  CHECK(wait_for(is_quiet, NULL));
  struct p2p_client_status status;
  p2p_client_status(client, &status);
  CHECK(status.joined && status.failed.code == P2P_OK && status.workers == 1 && status.slots == 2);
  CHECK_STR(status.user, "bob");
  CHECK_STR(status.cluster, "alice/friends");
  struct p2p_worker_info info;
  CHECK(p2p_client_workers(client, &info, 1) == 1);
  CHECK_STR(info.name, "carol@box:2");
  CHECK_STR(info.state, "linked");
  CHECK(info.path[0] != '\0' && info.slots == 2 && info.running == 0);
  CHECK(carol.n_open == 1 && carol.max_busy <= 2);
  fake_stop(&carol);
  close_all();
}

TEST(the_cipher_is_one_that_the_worker_names) {
  static const char *const RECORDS[] = {"aes256gcm", "chacha20poly1305;aes256gcm", "new1;aes256gcm",
                                        "new1", NULL};
  for (size_t i = 0; i < sizeof RECORDS / sizeof RECORDS[0]; i++) {
    struct fake_worker carol = {.slots = 2, .records = RECORDS[i]};
    open_all(0);
    fake_start(&carol, &lab, &member);
    struct p2p_task *tasks[4];
    for (int t = 0; t < 4; t++) tasks[t] = submit("condition", 300000);
    for (int t = 0; t < 4; t++) {
      CHECK(wait_for(has_ended, tasks[t]) && is_echo(tasks[t], 300000));
      p2p_task_free(tasks[t]);
    }
    CHECK(carol.n_open == 1 && carol.n_close == 0);
    fake_stop(&carol);
    close_all();
  }
}

TEST(a_hundred_futures_end_once_while_some_are_cancelled_and_a_link_breaks) {
  static const size_t sizes[] = {0, 1, 3400, 65536, 65537, 300000, 5000000};
  struct fake_worker carol = {.slots = 3}, dave = {.slots = 2};
  open_all(0);
  fake_start(&carol, &lab, &member);
  fake_start(&dave, &lab, &member);
  struct p2p_task *tasks[100];
  for (int i = 0; i < 100; i++) tasks[i] = submit("echo", sizes[i % 7]);
  CHECK(lab_wait(&lab, &dave.n_task, 3, PATIENCE_MS));
  for (int i = 0; i < 100; i += 10) p2p_client_cancel(client, tasks[i]);
  CHECK(lab_wait(&lab, &dave.n_task, 6, PATIENCE_MS));
  fake_cut(&dave);
  int done = 0, lost = 0, canceled = 0;
  for (int i = 0; i < 100; i++) {
    struct p2p_err err;
    CHECK(wait_for(has_ended, tasks[i]));
    if (p2p_task_state(tasks[i]) == P2P_TASK_DONE) {
      done++;
      CHECK(is_echo(tasks[i], sizes[i % 7]));
    } else if (error_of(tasks[i], &err) == P2P_ERR_CANCELED) {
      canceled++;
      CHECK(i % 10 == 0);
    } else {
      lost++;
      CHECK(err.code == P2P_ERR_LOST &&
            strstr(err.message, "the link to worker 'carol@box:3' was lost") != NULL);
    }
  }
  CHECK(done + lost + canceled == 100 && canceled <= 10 && lost <= 2);
  CHECK(wait_for(is_quiet, NULL));
  CHECK(carol.max_busy <= 3 && dave.max_busy <= 2);
  for (int i = 0; i < 100; i++) p2p_task_free(tasks[i]);
  fake_stop(&carol);
  fake_stop(&dave);
  close_all();
}

TEST(a_cancelled_future_fails_at_once_and_its_slot_is_reused) {
  struct fake_worker carol = {.slots = 1};
  struct p2p_err err;
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *running = submit("hold", 10), *waiting = submit("hold", 10),
                  *next = submit("echo", 10);
  CHECK(wait_for(is_running, running));
  p2p_client_cancel(client, waiting);
  CHECK(p2p_task_state(waiting) == P2P_TASK_FAILED && error_of(waiting, &err) == P2P_ERR_CANCELED);
  p2p_client_cancel(client, running);
  CHECK(p2p_task_state(running) == P2P_TASK_FAILED && error_of(running, &err) == P2P_ERR_CANCELED);
  CHECK_STR(err.message, "this session canceled it");
  CHECK(wait_for(has_ended, next) && is_echo(next, 10));
  p2p_client_cancel(client, next); /* too late: nothing happens */
  CHECK(p2p_task_state(next) == P2P_TASK_DONE);
  CHECK(carol.n_cancel == 1 && carol.n_task == 2);
  p2p_task_free(running), p2p_task_free(waiting), p2p_task_free(next);
  fake_stop(&carol);
  close_all();
}

TEST(conditions_lost_futures_and_oversized_results_arrive) {
  struct fake_worker carol = {.slots = 3};
  struct p2p_err err;
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *condition = submit("condition", 70000), *lost = submit("lost", 5),
                  *large = submit("large", 5);
  CHECK(wait_for(has_ended, condition) && is_echo(condition, 70000));
  struct p2p_blob *object = p2p_task_next_condition(condition);
  CHECK(object != NULL && p2p_blob_size(object) == 70000);
  p2p_blob_free(object);
  CHECK(wait_for(has_ended, lost) && error_of(lost, &err) == P2P_ERR_LOST);
  CHECK_STR(err.message, "the evaluator ended with signal 9 (SIGKILL)");
  CHECK(wait_for(has_ended, large) && error_of(large, &err) == P2P_ERR_TOO_LARGE);
  CHECK(lab_wait(&lab, &carol.n_cancel, 1, PATIENCE_MS));
  p2p_task_free(condition), p2p_task_free(lost), p2p_task_free(large);
  fake_stop(&carol);
  close_all();
}

TEST(no_more_slots_are_used_than_allowed) {
  struct fake_worker carol = {.slots = 4};
  open_all(2);
  fake_start(&carol, &lab, &member);
  struct p2p_task *tasks[10];
  for (int i = 0; i < 10; i++) tasks[i] = submit("hold", 100000);
  for (int i = 2; i <= 10; i += 2) {
    CHECK(lab_wait(&lab, &carol.n_hold, i, PATIENCE_MS));
    CHECK(carol.busy == 2);
    fake_release(&carol);
  }
  for (int i = 0; i < 10; i++) {
    CHECK(wait_for(has_ended, tasks[i]) && is_echo(tasks[i], 100000));
    p2p_task_free(tasks[i]);
  }
  CHECK(carol.max_busy == 2);
  fake_stop(&carol);
  close_all();
}

TEST(an_incompatible_worker_is_reported_and_not_used) {
  struct fake_worker old = {.slots = 1, .future_version = "1.33.0"}, carol = {.slots = 1};
  open_all(0);
  fake_start(&old, &lab, &member);
  struct p2p_task *task = submit("echo", 10);
  fake_start(&carol, &lab, &member);
  CHECK(wait_for(has_ended, task) && is_echo(task, 10) && wait_for(has_two_workers, NULL));
  struct p2p_client_status status;
  p2p_client_status(client, &status);
  CHECK(status.workers == 1 && status.incompatible == 1);
  CHECK_STR(status.incompatible_why,
            "worker 'carol@box:2' has future 1.33.0, but future >= 1.69.0 is needed");
  CHECK(old.n_open == 0);
  p2p_task_free(task);
  fake_stop(&old);
  fake_stop(&carol);
  close_all();
}

static void send_malformed_hello(void *arg) {
  struct fake_worker *worker = arg;
  struct p2p_line line;
  CHECK(p2p_line_begin(&line, "worker", p2p_member_identity(worker->member), time(NULL), 60) ==
            P2P_OK &&
        p2p_line_put(&line, "protocols", "link") == P2P_OK);
  CHECK(p2p_member_send(worker->member, &line) == P2P_OK);
}

/* Waits for a line that begins with `begin`, and returns it. */
static const char *wait_for_log(const char *begin) {
  static struct p2p_log_line line;
  while (p2p_log_queue_next(lab.log, PATIENCE_MS, &line))
    if (strncmp(line.text, begin, strlen(begin)) == 0) return line.text;
  return "";
}

TEST(a_worker_that_identifies_itself_as_another_member_is_not_used) {
  struct fake_worker mallory = {.id = "fedcba98765432100123456789abcdef"}, dave = {.slots = 1};
  open_all(0);
  fake_start(&mallory, &lab, &member);
  struct p2p_task *task = submit("echo", 100);
  const char *text = wait_for_log("cannot link to worker 'carol@box:2'");
  CHECK(strstr(text, ": it identified itself as another member") != NULL);
  CHECK(p2p_task_state(task) == P2P_TASK_WAITING && mallory.n_task == 0);
  fake_start(&dave, &lab, &member);
  CHECK(wait_for(has_ended, task) && is_echo(task, 100));
  p2p_task_free(task);
  fake_stop(&mallory);
  fake_stop(&dave);
  close_all();
}

TEST(a_worker_with_a_malformed_hello_is_logged) {
  struct fake_worker carol = {.slots = 1};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit("echo", 1); /* all have joined when it has ended */
  CHECK(wait_for(has_ended, task));
  p2p_task_free(task);
  CHECK(p2p_loop_call(lab.loop, send_malformed_hello, &carol) == P2P_OK);
  CHECK_STR(wait_for_log("ignoring"),
            "ignoring worker 'carol@box:2': its hello is malformed (1 so far)");
  fake_stop(&carol);
  close_all();
}

TEST(an_unresponsive_worker_does_not_block_others) {
  struct fake_worker mute = {.slots = 8, .ignores_accept = true}, carol = {.slots = 1};
  open_all(0);
  fake_start(&mute, &lab, &member);
  fake_start(&carol, &lab, &member);
  CHECK(wait_for(has_two_workers, NULL));
  uint64_t began_ms = p2p_clock_ms();
  struct p2p_task *task = submit("echo", 10);
  CHECK(wait_for(has_ended, task) && is_echo(task, 10));
  CHECK(p2p_clock_ms() - began_ms < 12000);
  p2p_task_free(task);
  fake_stop(&mute);
  fake_stop(&carol);
  close_all();
}

TEST(a_recalled_slot_is_returned_when_its_future_has_ended) {
  struct fake_worker carol = {.slots = 2};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *first = submit("hold", 10), *second = submit("hold", 10),
                  *third = submit("hold", 10);
  CHECK(lab_wait(&lab, &carol.n_hold, 2, PATIENCE_MS));
  fake_recall(&carol);
  fake_release(&carol);
  CHECK(lab_wait(&lab, &carol.n_return, 1, PATIENCE_MS));
  CHECK(lab_wait(&lab, &carol.n_hold, 3, PATIENCE_MS));
  fake_release(&carol);
  CHECK(wait_for(has_ended, first) && wait_for(has_ended, second) && wait_for(has_ended, third));
  CHECK(carol.held == 1);
  p2p_task_free(first), p2p_task_free(second), p2p_task_free(third);
  fake_stop(&carol);
  close_all();
}

static void disconnect(void *arg) {
  (void)arg;
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_NETWORK, "the board has restarted");
  for (struct p2p_member *m = fake_board.members; m != NULL; m = m->next) {
    m->joined = false;
    m->callbacks.on_disconnected(m->arg, &err, 100);
  }
}

static void fail_clients(void *arg) {
  (void)arg;
  fake_board.refusal = "no access to cluster 'alice/friends'";
  for (struct p2p_member *m = fake_board.members; m != NULL; m = m->next) m->joined = false;
  fake_join(NULL);
}

TEST(links_survive_without_the_board) {
  struct fake_worker carol = {.slots = 1};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit("echo", 10);
  CHECK(wait_for(has_ended, task));
  p2p_task_free(task);
  CHECK(p2p_loop_call(lab.loop, disconnect, NULL) == P2P_OK);
  task = submit("echo", 10);
  CHECK(wait_for(has_ended, task) && is_echo(task, 10));
  p2p_task_free(task);
  fake_stop(&carol);
  close_all();
}

TEST(without_access_every_future_fails_with_the_reason) {
  struct fake_worker carol = {.slots = 1};
  struct p2p_err err;
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *running = submit("hold", 10), *waiting = submit("hold", 10);
  CHECK(wait_for(is_running, running));
  CHECK(p2p_loop_call(lab.loop, fail_clients, NULL) == P2P_OK);
  CHECK(wait_for(has_failed, NULL));
  CHECK(p2p_task_state(waiting) == P2P_TASK_FAILED && error_of(waiting, &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.message, "no access to cluster 'alice/friends'");
  struct p2p_task *late = p2p_task_new(p2p_blob_new(1), "late");
  CHECK(p2p_client_submit(client, late, &err) == P2P_ERR_ACCESS &&
        p2p_task_state(late) == P2P_TASK_NEW);
  CHECK(lab_wait(&lab, &carol.n_hold, 1, PATIENCE_MS));
  fake_release(&carol);
  CHECK(wait_for(has_ended, running) && is_echo(running, 10));
  p2p_task_free(running), p2p_task_free(waiting), p2p_task_free(late);
  fake_stop(&carol);
  close_all();
}

TEST(unfinished_futures_are_cancelled_when_the_client_is_freed) {
  struct fake_worker carol = {.slots = 1};
  struct p2p_err err;
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *running = submit("hold", 10), *waiting = submit("hold", 10);
  CHECK(lab_wait(&lab, &carol.n_task, 1, PATIENCE_MS));
  p2p_client_free(client);
  CHECK(error_of(running, &err) == P2P_ERR_CANCELED && error_of(waiting, &err) == P2P_ERR_CANCELED);
  CHECK(p2p_task_state(running) == P2P_TASK_FAILED && p2p_task_state(waiting) == P2P_TASK_FAILED);
  CHECK(lab_wait(&lab, &carol.n_close, 1, PATIENCE_MS) &&
        lab_wait(&lab, &carol.n_leave, 1, PATIENCE_MS));
  CHECK(carol.n_cancel == 1);
  p2p_task_free(running), p2p_task_free(waiting);
  fake_stop(&carol);
  lab_close(&lab);
}

TEST(invalid_arguments_are_rejected) {
  open_board();
  struct p2p_err err = {0};
  struct p2p_client_config config = {.loop = lab.loop,
                                     .board.cluster = "friends",
                                     .r_version = "4.2.2",
                                     .future_version = "1.70.0"};
  CHECK(p2p_client_new(&config, lab.log, &client, &err) == P2P_ERR_INVALID);
  config.board.cluster = "alice/friends";
  config.r_version = "four";
  CHECK(p2p_client_new(&config, lab.log, &client, &err) == P2P_ERR_INVALID);
  p2p_client_free(NULL);
  lab_close(&lab);
}

static int descriptors_before;

TEST(descriptors_are_counted) { descriptors_before = count_descriptors(); }
TEST(no_descriptor_is_left) { CHECK(count_descriptors() == descriptors_before); }

UNIT_MAIN("client", UNIT(invalid_arguments_are_rejected), UNIT(descriptors_are_counted),
          UNIT(futures_are_evaluated_over_one_link), UNIT(the_cipher_is_one_that_the_worker_names),
          UNIT(a_hundred_futures_end_once_while_some_are_cancelled_and_a_link_breaks),
          UNIT(a_cancelled_future_fails_at_once_and_its_slot_is_reused),
          UNIT(conditions_lost_futures_and_oversized_results_arrive),
          UNIT(no_more_slots_are_used_than_allowed),
          UNIT(an_incompatible_worker_is_reported_and_not_used),
          UNIT(a_worker_that_identifies_itself_as_another_member_is_not_used),
          UNIT(a_worker_with_a_malformed_hello_is_logged),
          UNIT(an_unresponsive_worker_does_not_block_others),
          UNIT(a_recalled_slot_is_returned_when_its_future_has_ended),
          UNIT(links_survive_without_the_board),
          UNIT(without_access_every_future_fails_with_the_reason),
          UNIT(unfinished_futures_are_cancelled_when_the_client_is_freed),
          UNIT(no_descriptor_is_left))
