/* The worker service: what its clients get, and what it logs. */
#include "worker_fixture.h"

#include <errno.h>

#include "protocol/cipher_list.h"

TEST(futures_are_resolved) {
  begin(2);
  CHECK(logs("lending 2 slots to cluster 'alice/friends'; its members can run any R code here as "
             "'somebody'"));
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "one"), "one");
  char cipher[64];
  snprintf(cipher, sizeof cipher, "; cipher: %s",
           p2p_cipher_list_name(p2p_cipher_ours()->kinds[0]));
  CHECK(logs("linked to client 'bob@") && logs(cipher) && logs("future 'one' of 'bob@") &&
        logs(" finished in "));
  struct p2p_task *tasks[100];
  for (int i = 0; i < 100; i++) tasks[i] = submit(client, i % 2 ? "even" : "odd", (size_t)i * 1000);
  for (int i = 0; i < 100; i++) {
    CHECK_STR(result(client, tasks[i]), i % 2 ? "even" : "odd");
    p2p_task_free(tasks[i]);
  }
  end(client);
}

TEST(large_futures_are_resolved) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *up = submit(client, "long", BIG), *down = submit(client, "big", 0);
  CHECK(has_ended(client, up) && p2p_task_state(up) == P2P_TASK_DONE);
  CHECK(has_ended(client, down) && p2p_task_result(down) != NULL &&
        p2p_result_size(p2p_task_result(down)) == BIG + 3);
  p2p_task_free(up);
  p2p_task_free(down);
  check_error(client, submit(client, "huge", CAP),
              "the future has 33554436 bytes, and worker 'carol@");
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

TEST(conditions_arrive_at_once) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "condition", 0);
  CHECK_STR(result(client, task), "condition");
  struct p2p_blob *condition = p2p_task_next_condition(task);
  CHECK(condition != NULL && p2p_blob_size(condition) == 7);
  p2p_blob_free(condition);
  p2p_task_free(task);
  end(client);
}

TEST(evaluator_that_dies_is_reported_and_replaced) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  check_error(
      client, submit(client, "crash", 0),
      "ended with signal 9 (SIGKILL) while evaluating future 'crash'. It was killed by a user");
  CHECK(logs("an evaluator ended with signal 9 (SIGKILL); starting another") &&
        logs("future 'crash' of 'bob@"));
  check_error(client, submit(client, "exit", 0),
              "ended with exit status 3 while evaluating future 'exit'. The code of the future "
              "ended the R");
  check_error(client, submit(client, "malformed", 0),
              "was killed because it sent an unexpected frame");
  check_error(client, submit(client, "lost", 0), "the evaluator of worker 'carol@");
  check_error(client, submit(client, "lost", 0),
              "needed more than it has; it had not begun future 'lost'");
  check_error(client, submit(client, "abandon", 0),
              "needed more than it has while evaluating future 'abandon'");
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

TEST(future_whose_evaluator_is_killed_from_outside_runs_again_as_often_as_it_may) {
  struct p2p_err loss = {0};
  char pid[64];
  begin(1);
  retries = 1;
  struct p2p_client *client = start_client(BOB);
  retries = 0;
  snprintf(pid, sizeof pid, "%s", resolve(client, "pid"));
  struct p2p_task *task = submit(client, "sleep", 0);
  CHECK(starts(client, task) && kill(atoi(pid), SIGKILL) == 0);
  CHECK(starts(client, task) && p2p_task_losses(task, &loss) == 1);
  CHECK(strstr(loss.message, "ended with signal 9 (SIGKILL) while evaluating future 'sleep'"));
  p2p_client_cancel(client, task);
  p2p_task_free(task);
  check_error(client, submit(client, "crash", 0), "ended with signal 9"); /* twice */
  task = submit(client, "exit", 0);
  CHECK(has_ended(client, task) && p2p_task_state(task) == P2P_TASK_FAILED);
  CHECK(p2p_task_losses(task, &loss) == 0);
  p2p_task_free(task);
  end(client);
}

/* The only unused evaluator is one that starts, and is killed before it is ready. */
TEST(future_of_an_evaluator_that_dies_before_it_is_ready_runs_on_another_one) {
  struct p2p_err err = {0};
  char mode[160];
  snprintf(mode, sizeof mode, "once:%s", site_path(&site, "once"));
  CHECK(start_worker(1, mode, &err) == P2P_OK && logs("joined cluster"));
  struct p2p_client *bob = start_client(BOB), *dave = start_client(DAVE), *eve = start_client(EVE);
  CHECK_STR(resolve(bob, "one"), "one");
  CHECK_STR(resolve(dave, "two"), "two");
  site_write(&site, "once", "%s", "");
  struct p2p_task *task = submit(eve, "three", 0);
  CHECK_STR(result(eve, task), "three");
  CHECK(logs("ended with signal 9 (SIGKILL) before it was ready; starting another"));
  CHECK(p2p_task_losses(task, &err) == 0 && p2p_task_starts(task) == 2);
  p2p_task_free(task);
  p2p_client_free(bob);
  p2p_client_free(dave);
  end(eve);
}

/* Futures of one client are evaluated by the same process, those of another client are not. */
TEST(each_client_has_evaluators_of_its_own) {
  char bobs[64], daves[64], eves[64];
  begin(1);
  struct p2p_client *bob = start_client(BOB), *dave = start_client(DAVE), *eve = start_client(EVE);
  snprintf(bobs, sizeof bobs, "%s", resolve(bob, "pid"));
  snprintf(daves, sizeof daves, "%s", resolve(dave, "pid"));
  CHECK(strcmp(bobs, "") != 0 && strcmp(bobs, daves) != 0);
  CHECK_STR(resolve(bob, "pid"), bobs);
  CHECK_STR(resolve(dave, "pid"), daves);
  snprintf(eves, sizeof eves, "%s",
           resolve(eve, "pid")); /* replaces bob's, which was used longest ago */
  CHECK(strcmp(eves, bobs) != 0 && strcmp(eves, daves) != 0 && strcmp(eves, "") != 0);
  CHECK(logs("replacing an evaluator that a client has used"));
  CHECK_STR(resolve(dave, "pid"), daves);
  p2p_client_free(bob);
  p2p_client_free(dave);
  end(eve);
}

static bool has_ended_soon(const char *pid) {
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  while (kill(atoi(pid), 0) == 0 && p2p_clock_ms() < until_ms) poll(NULL, 0, 10);
  return kill(atoi(pid), 0) != 0 && errno == ESRCH;
}

/* Also one that still evaluates a future of the client. */
TEST(evaluators_of_a_client_end_with_its_link) {
  char idle[64], busy[64];
  begin(2);
  struct p2p_client *client = start_client(BOB);
  snprintf(busy, sizeof busy, "%s", resolve(client, "pid"));
  struct p2p_task *task = submit(client, "sleep", 0);
  CHECK(starts(client, task));
  snprintf(idle, sizeof idle, "%s", resolve(client, "pid"));
  CHECK(strcmp(idle, busy) != 0);
  p2p_task_free(task);
  p2p_client_free(client);
  CHECK(has_ended_soon(idle) && has_ended_soon(busy));
  client = start_client(BOB);
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

TEST(evaluation_is_stopped_at_the_time_limit) {
  char pid[64];
  limits = (struct p2p_limits){.time_ms = 200, .memory_bytes = UINT64_C(2) << 30};
  begin(1);
  struct p2p_client *client = start_client(BOB);
  snprintf(pid, sizeof pid, "%s", resolve(client, "pid"));
  check_error(client, submit(client, "sleep", 0),
              "was stopped at the time limit of 0.2 s per future while evaluating future 'sleep'. "
              "Smaller futures may stay below it; the owner of the worker can raise it (--time)");
  CHECK_STR(resolve(client, "pid"), pid);
  CHECK_STR(resolve(client, "condition"), "condition");
  check_error(client, submit(client, "hang", 0),
              "was stopped at the time limit of 0.2 s per future"); /* killed */
  CHECK_STR(resolve(client, "next"), "next");
  limits = (struct p2p_limits){0};
  end(client);
}

/* They end at the limit, and not 5 s later by force: the evaluator heeds the interrupt. */
TEST(time_limit_holds_whatever_the_evaluator_sends) {
  static const char *const futures[] = {"trickle", "stall", "chatter"};
  limits = (struct p2p_limits){.time_ms = 200};
  begin(1);
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "warm"), "warm");
  for (size_t i = 0; i < sizeof futures / sizeof futures[0]; i++)
    check_error(client, submit(client, futures[i], 0),
                "was stopped at the time limit of 0.2 s per future");
  CHECK_STR(resolve(client, "next"), "next");
  limits = (struct p2p_limits){0};
  end(client);
}

TEST(idle_is_counted_from_the_last_future) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "sleep", 0);
  CHECK(starts(client, task) && p2p_worker_idle_ms(worker) == 0);
  p2p_client_cancel(client, task);
  CHECK(logs("canceled after"));
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  struct p2p_log_line event;
  while (p2p_worker_idle_ms(worker) < 20 && p2p_clock_ms() < until_ms)
    p2p_log_queue_next(worker_log, 5, &event);
  CHECK(p2p_worker_idle_ms(worker) >= 20);
  p2p_task_free(task);
  end(client);
}

TEST(cancelled_future_leaves_its_evaluator_warm) {
  char pid[64];
  begin(1);
  struct p2p_client *client = start_client(BOB);
  snprintf(pid, sizeof pid, "%s", resolve(client, "pid"));
  struct p2p_task *task = submit(client, "sleep", 0);
  CHECK(starts(client, task));
  p2p_client_cancel(client, task);
  CHECK(logs("canceled after") && has_ended(client, task));
  p2p_task_free(task);
  CHECK_STR(resolve(client, "pid"), pid);
  end(client);
}

TEST(evaluator_that_does_not_stop_is_killed) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "hang", 0);
  CHECK(starts(client, task));
  p2p_client_cancel(client, task);
  CHECK(logs("was killed because it did not stop within 5 s of an interrupt"));
  p2p_task_free(task);
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

/* The number of futures 'one' that finished between the first 'two' and the 20th, by the worker's
 * log. */
static int count_between(void) {
  struct p2p_log_line event;
  int ones = 0, twos = 0;
  while (twos < 20 && p2p_log_queue_next(worker_log, SITE_WAIT_MS, &event)) {
    if (strstr(event.text, " finished in ") == NULL) continue;
    if (strstr(event.text, "'two'") != NULL)
      twos++;
    else if (twos > 0)
      ones++;
  }
  return ones;
}

TEST(two_clients_share_one_slot) {
  begin(1);
  struct p2p_client *one = start_client(BOB), *two = start_client(DAVE);
  struct p2p_task *ones[50], *twos[50];
  CHECK_STR(resolve(one, "warm"), "warm");
  CHECK_STR(resolve(two, "warm"), "warm");
  for (int i = 0; i < 50; i++) ones[i] = submit(one, "one", 0);
  for (int i = 0; i < 50; i++) twos[i] = submit(two, "two", 0);
  for (int i = 0; i < 50; i++) {
    CHECK_STR(result(one, ones[i]), "one");
    CHECK_STR(result(two, twos[i]), "two");
    p2p_task_free(ones[i]);
    p2p_task_free(twos[i]);
  }
  int between = count_between();
  CHECK(between >= 18 && between <= 20);
  if (between < 18 || between > 20) fprintf(stderr, "%d of one's for 20 of two's\n", between);
  p2p_client_free(one);
  end(two);
}

TEST(client_that_leaves_frees_its_slot) {
  begin(1);
  struct p2p_client *one = start_client(BOB), *two = start_client(DAVE);
  struct p2p_task *task = submit(one, "sleep", 0);
  CHECK(starts(one, task));
  p2p_client_free(one);
  p2p_task_free(task);
  CHECK(logs(" left"));
  CHECK_STR(resolve(two, "next"), "next");
  end(two);
}

TEST(report_counts_futures_by_their_end_and_names_the_users_of_running_ones) {
  struct p2p_worker_report report;
  begin(3);
  struct p2p_client *bob = start_client(BOB), *dave = start_client(DAVE);
  p2p_worker_report(worker, &report);
  CHECK(report.n_running == 0 && report.ended.done == 0 && report.ended.lent_ms == 0);
  CHECK_STR(resolve(bob, "one"), "one");
  check_error(bob, submit(bob, "crash", 0), "ended with signal 9");
  struct p2p_task *canceled = submit(bob, "sleep", 0), *running = submit(bob, "sleep", 0),
                  *lost = submit(dave, "sleep", 0);
  CHECK(starts(bob, canceled) && starts(bob, running) && starts(dave, lost));
  p2p_client_cancel(bob, canceled);
  CHECK(logs("canceled after"));
  p2p_client_free(dave);
  CHECK(logs(" left"));
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  do {
    p2p_worker_report(worker, &report);
  } while (report.ended.lost < 2 && p2p_clock_ms() < until_ms);
  CHECK(report.ended.done == 1 && report.ended.lost == 2 && report.ended.canceled == 1);
  CHECK(report.n_running == 1 && report.running[0].count == 1);
  CHECK_STR(report.running[0].user, "bob");
  CHECK(report.ended.lent_ms > 0);
  p2p_task_free(canceled);
  p2p_task_free(running);
  p2p_task_free(lost);
  end(bob);
}

TEST(drained_worker_finishes_what_runs) {
  struct p2p_log_line event;
  begin(1);
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "warm"), "warm");
  struct p2p_task *running = submit(client, "sleep", 0);
  CHECK(starts(client, running));
  p2p_worker_drain(worker);
  CHECK(!p2p_worker_is_done(worker));
  p2p_client_cancel(client, running);
  CHECK(logs("canceled after"));
  /* Done as soon as the client has returned the recalled slot. */
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  while (!p2p_worker_is_done(worker) && p2p_clock_ms() < until_ms)
    p2p_log_queue_next(worker_log, 10, &event);
  CHECK(p2p_worker_is_done(worker));
  p2p_task_free(running);
  end(client);
}

/* Lost, not failed: a client with `retries` runs them again on another worker. */
TEST(tasks_of_a_freed_worker_are_lost) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "sleep", 0);
  CHECK(starts(client, task));
  p2p_worker_free(worker);
  worker = NULL;
  check_error(client, task,
              "closed the link while it was evaluating future 'sleep': the worker was stopped by "
              "its owner");
  end(client);
}

TEST(evaluators_that_cannot_start_end_the_worker) {
  struct p2p_err err = {0};
  CHECK(start_worker(1, "/no/such/R", &err) == P2P_ERR_SYSTEM);
  CHECK_STR(err.message, "cannot start '/no/such/R': no such file or directory");
  CHECK(start_worker(2, "die", &err) == P2P_OK);
  CHECK(logs("ended with exit status 7 before it was ready (Error: no package), 3 times in a row"));
  CHECK(p2p_worker_is_done(worker));
  end(NULL);
  CHECK(start_worker(1, "error", &err) == P2P_OK);
  CHECK(logs("failed to start: there is no package called 'future', 3 times in a row"));
  end(NULL);
}

TEST(bad_configurations_are_refused) {
  struct p2p_err err = {0};
  CHECK(start_worker(0, "work", &err) == P2P_ERR_INVALID);
  CHECK(start_worker(1025, "work", &err) == P2P_ERR_INVALID);
}

UNIT_MAIN("worker", UNIT(prepare), UNIT(futures_are_resolved), UNIT(large_futures_are_resolved),
          UNIT(conditions_arrive_at_once), UNIT(evaluator_that_dies_is_reported_and_replaced),
          UNIT(future_whose_evaluator_is_killed_from_outside_runs_again_as_often_as_it_may),
          UNIT(future_of_an_evaluator_that_dies_before_it_is_ready_runs_on_another_one),
          UNIT(each_client_has_evaluators_of_its_own),
          UNIT(evaluators_of_a_client_end_with_its_link),
          UNIT(evaluation_is_stopped_at_the_time_limit),
          UNIT(time_limit_holds_whatever_the_evaluator_sends),
          UNIT(idle_is_counted_from_the_last_future),
          UNIT(cancelled_future_leaves_its_evaluator_warm),
          UNIT(evaluator_that_does_not_stop_is_killed), UNIT(two_clients_share_one_slot),
          UNIT(client_that_leaves_frees_its_slot),
          UNIT(report_counts_futures_by_their_end_and_names_the_users_of_running_ones),
          UNIT(drained_worker_finishes_what_runs), UNIT(tasks_of_a_freed_worker_are_lost),
          UNIT(evaluators_that_cannot_start_end_the_worker), UNIT(bad_configurations_are_refused),
          UNIT(nothing_is_left))
