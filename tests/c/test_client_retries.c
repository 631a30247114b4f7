/* Workers that are lost, over real links: tasks with retries run again, and no task ends twice. */
#include "base/clock.h"
#include "client_fixture.h"

#define FUTURES 1000

static void open_all(uint32_t retries) {
  open_board();
  open_client((struct p2p_client_config){.retries = retries, .object_cap_bytes = 1 << 20});
}

static void close_all(void) {
  p2p_client_free(client);
  lab_close(&lab);
}

/* A future whose bytes no other one has. */
static struct p2p_task *submit(uint32_t number) {
  struct p2p_blob *object = p2p_blob_new(sizeof number);
  CHECK(p2p_blob_append(object, &number, sizeof number) == P2P_OK);
  struct p2p_task *task = p2p_task_new(object, "echo");
  struct p2p_err err = {0};
  CHECK(p2p_client_submit(client, task, &err) == P2P_OK);
  return task;
}

static bool is_echo(struct p2p_task *task, uint32_t number) {
  const struct p2p_result *object = p2p_task_result(task);
  const uint8_t *bytes;
  return object != NULL && p2p_result_span(object, 0, &bytes) == sizeof number &&
         memcmp(bytes, &number, sizeof number) == 0;
}

static bool wait_for_end(struct p2p_task *task) {
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS;
  for (uint64_t seen = 0;;) {
    seen = p2p_client_wait(client, seen, 0);
    if (p2p_task_state(task) >= P2P_TASK_DONE) return true;
    if (p2p_clock_ms() >= until_ms) return false;
    p2p_client_wait(client, seen, 1000);
  }
}

TEST(a_thousand_futures_with_one_in_ten_executions_killed_all_succeed) {
  enum { WORKERS = 4 };
  static struct p2p_task *tasks[FUTURES];
  static struct fake_worker workers[WORKERS];
  int crash_countdown[WORKERS];
  open_all(3);
  for (int i = 0; i < WORKERS; i++) {
    crash_countdown[i] = 10;
    workers[i].crash_countdown = &crash_countdown[i];
    workers[i].restart = fake_restart;
    fake_start(&workers[i], &lab, &member);
  }
  for (uint32_t i = 0; i < FUTURES; i++) tasks[i] = submit(i);
  uint32_t lost = 0, killed = 0, executed = 0;
  for (uint32_t i = 0; i < FUTURES; i++) {
    struct p2p_err last;
    CHECK(wait_for_end(tasks[i]) && is_echo(tasks[i], i));
    if (unit_bad) break;
    lost += p2p_task_losses(tasks[i], &last);
    p2p_task_free(tasks[i]);
  }
  for (int i = 0; i < WORKERS; i++) {
    fake_stop(&workers[i]);
    killed += (uint32_t)workers[i].n_crash;
    executed += (uint32_t)workers[i].n_result;
  }
  CHECK(killed >= FUTURES / 10 && lost == killed);
  CHECK(executed == FUTURES); /* so each was answered once */
  close_all();
}

TEST(without_retries_a_lost_future_fails_and_never_runs_twice) {
  int crash_countdown = 1;
  struct fake_worker carol = {.crash_countdown = &crash_countdown}, dave = {0};
  open_all(0);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit(1);
  CHECK(lab_wait(&lab, &carol.n_crash, 1, PATIENCE_MS));
  fake_start(&dave, &lab, &member);
  struct p2p_err err;
  CHECK(wait_for_end(task) && p2p_task_state(task) == P2P_TASK_FAILED &&
        p2p_task_losses(task, &err) == 0);
  p2p_task_error(task, &err);
  CHECK(err.code == P2P_ERR_LOST && strstr(err.message, "carol@box:2") != NULL);
  CHECK_STR(err.reason, "worker_lost"); /* for which R advises retries */
  p2p_task_free(task);
  fake_stop(&carol);
  fake_stop(&dave);
  CHECK(carol.n_task + dave.n_task == 1);
  close_all();
}

TEST(a_cancel_between_two_runs_ends_the_future) {
  int crash_countdown = 1;
  struct fake_worker carol = {.crash_countdown = &crash_countdown};
  struct p2p_err err;
  open_all(1);
  fake_start(&carol, &lab, &member);
  struct p2p_task *task = submit(1);
  CHECK(lab_wait(&lab, &carol.n_crash, 1, PATIENCE_MS));
  while (p2p_task_losses(task, &err) == 0)
    p2p_client_wait(client, p2p_client_wait(client, 0, 0), 10);
  CHECK(p2p_task_state(task) == P2P_TASK_WAITING);
  struct p2p_client_status status;
  do p2p_client_status(client, &status);
  while (status.slots > 0);
  p2p_client_cancel(client, task);
  p2p_task_error(task, &err);
  CHECK(p2p_task_state(task) == P2P_TASK_FAILED && err.code == P2P_ERR_CANCELED);
  p2p_task_free(task);
  fake_stop(&carol);
  CHECK(carol.n_task == 1);
  close_all();
}

UNIT_MAIN("client_retries", UNIT(a_thousand_futures_with_one_in_ten_executions_killed_all_succeed),
          UNIT(without_retries_a_lost_future_fails_and_never_runs_twice),
          UNIT(a_cancel_between_two_runs_ends_the_future))
