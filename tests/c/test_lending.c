/* A worker with a policy: to which users it lends and when, and what its clients read. */
#include "worker_fixture.h"

/* Open for an hour in `in_minutes`. */
static struct p2p_policy open_in(int in_minutes) {
  time_t now = time(NULL);
  struct tm local;
  localtime_r(&now, &local);
  int from = (60 * local.tm_hour + local.tm_min + in_minutes) % P2P_POLICY_DAY;
  struct p2p_policy policy = {.n_hours = 1};
  policy.hours[0] =
      (struct p2p_policy_hours){(uint16_t)from, (uint16_t)((from + 60) % P2P_POLICY_DAY)};
  return policy;
}

static bool is_told(struct p2p_client *client, const char *state) {
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  struct p2p_waiting waiting = {.state = ""};
  const struct p2p_requirements none = {0};
  for (uint64_t seen = 0; p2p_clock_ms() < until_ms;) {
    seen = p2p_client_wait(client, seen, 100);
    if (p2p_client_explain(client, &none, &waiting) == P2P_OK &&
        waiting.reason == P2P_WAITING_RESTING && strncmp(waiting.state, state, strlen(state)) == 0)
      return strncmp(waiting.worker, "carol@", 6) == 0;
  }
  fprintf(stderr, "it waits for reason %d, '%s'\n", (int)waiting.reason, waiting.state);
  return false;
}

static void begin_with(uint32_t slots, const struct p2p_policy *policy) {
  begin(slots);
  p2p_worker_set_policy(worker, policy);
}

TEST(running_futures_finish_and_others_wait_until_it_lends_again) {
  struct p2p_client_status status;
  struct p2p_policy policy = open_in(120), always = {.n_hours = 0};
  begin(1);
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *running = submit(client, "sleep", 0);
  CHECK(starts(client, running));
  p2p_worker_set_policy(worker, &policy);
  CHECK(logs("resting until "));
  struct p2p_task *waiting = submit(client, "later", 0);
  CHECK(is_told(client, "resting until "));
  CHECK(p2p_task_state(running) == P2P_TASK_RUNNING);
  p2p_client_cancel(client, running);
  CHECK(has_ended(client, running));
  CHECK(is_told(client, "resting until "));
  p2p_client_status(client, &status);
  CHECK(status.slots == 1 && status.resting == 1 && status.busy == 0);
  p2p_worker_set_policy(worker, &always);
  CHECK(logs("lending again"));
  CHECK_STR(result(client, waiting), "later");
  p2p_task_free(running);
  p2p_task_free(waiting);
  end(client);
}

/* By its hello, before there is a link. */
TEST(a_client_that_comes_later_is_told_on_the_board) {
  struct p2p_policy policy = open_in(120);
  struct p2p_worker_info info = {.state = ""};
  begin_with(1, &policy);
  CHECK(logs("resting until "));
  struct p2p_client *client = start_client(BOB);
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  for (uint64_t seen = 0; info.others.state[0] == '\0' && p2p_clock_ms() < until_ms;) {
    seen = p2p_client_wait(client, seen, 100);
    (void)p2p_client_workers(client, &info, 1);
  }
  CHECK_STR(info.state, "no link");
  CHECK(strncmp(info.others.state, "resting until ", 14) == 0);
  end(client);
}

TEST(users_that_are_not_listed_get_nothing) {
  struct p2p_policy policy = {.users = "dave;eve"};
  begin_with(1, &policy);
  struct p2p_client *bob = start_client(BOB), *dave = start_client(DAVE);
  struct p2p_task *task = submit(bob, "never", 0);
  CHECK_STR(resolve(dave, "one"), "one");
  CHECK(is_told(bob, "lending to other users only"));
  CHECK(p2p_task_state(task) == P2P_TASK_WAITING);
  p2p_task_free(task);
  p2p_client_free(bob);
  end(dave);
}

TEST(a_user_holds_no_more_than_the_share) {
  struct p2p_policy policy = {.share = 1};
  begin_with(2, &policy);
  struct p2p_client *bob = start_client(BOB), *dave = start_client(DAVE);
  struct p2p_task *first = submit(bob, "sleep", 0), *second = submit(bob, "second", 0);
  CHECK(starts(bob, first));
  CHECK_STR(resolve(dave, "one"), "one");
  CHECK_STR(resolve(dave, "two"), "two");
  CHECK(p2p_task_state(second) == P2P_TASK_WAITING);
  p2p_client_cancel(bob, first);
  CHECK_STR(result(bob, second), "second");
  p2p_task_free(first);
  p2p_task_free(second);
  p2p_client_free(bob);
  end(dave);
}

static char state_of(const char *pid) {
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return '-';
  (void)!fread(text, 1, sizeof text - 1, file);
  fclose(file);
  const char *end = strrchr(text, ')');
  return end != NULL && end[1] == ' ' ? end[2] : '?';
}

static bool becomes(const char *pid, char state, bool is_state) {
  for (int i = 0; i < 1000; i++, poll(NULL, 0, 10))
    if ((state_of(pid) == state) == is_state) return true;
  return false;
}

TEST(futures_stand_still_and_so_does_their_time_limit) {
  struct p2p_policy closed = open_in(120), always = {.n_hours = 0};
  char pid[64];
  closed.pauses = true;
  limits.time_ms = 1000;
  begin(1);
  limits.time_ms = 0;
  struct p2p_client *client = start_client(BOB);
  snprintf(pid, sizeof pid, "%s", resolve(client, "pid"));
  struct p2p_task *task = submit(client, "hang", 0);
  CHECK(starts(client, task));
  p2p_worker_set_policy(worker, &closed);
  CHECK(becomes(pid, 'T', true));
  CHECK(logs("paused by its owner"));
  poll(NULL, 0, 1500);
  CHECK(p2p_task_state(task) == P2P_TASK_RUNNING && state_of(pid) == 'T');
  p2p_worker_set_policy(worker, &always);
  CHECK(becomes(pid, 'T', false));
  check_error(client, task, "was stopped at the time limit of 1 s per future");
  task = submit(client, "sleep", 0);
  CHECK(starts(client, task));
  p2p_worker_set_policy(worker, &closed);
  CHECK(logs("paused by its owner"));
  p2p_client_cancel(client, task); /* ends at once, not when it is killed */
  CHECK(has_ended(client, task));
  p2p_task_free(task);
  p2p_worker_set_policy(worker, &always);
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

/* Nobody uses the machine of the tests for 10^9 s: not even since it was started. */
TEST(a_machine_in_use_lends_nothing) {
  struct p2p_policy policy = {.when_idle_s = 1000000000}, load = {.max_load = 1e9};
  begin_with(1, &policy);
  CHECK(logs("resting while somebody uses it"));
  p2p_worker_set_policy(worker, &load);
  CHECK(logs("lending again"));
  end(NULL);
}

UNIT_MAIN("lending", UNIT(prepare),
          UNIT(running_futures_finish_and_others_wait_until_it_lends_again),
          UNIT(a_client_that_comes_later_is_told_on_the_board),
          UNIT(users_that_are_not_listed_get_nothing), UNIT(a_user_holds_no_more_than_the_share),
          UNIT(futures_stand_still_and_so_does_their_time_limit),
          UNIT(a_machine_in_use_lends_nothing), UNIT(nothing_is_left))
