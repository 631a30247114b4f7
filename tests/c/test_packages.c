/* The packages of workers: requests, and replies that are whole, truncated, oversized, about other
 * packages, late or missing; and waiting tasks grouped by the packages they need. */
#include "client/packages.h"

#include "protocol/package_list.h"
#include "unit.h"

static struct p2p_worker_packages packages;
static struct p2p_buf request;
static const char *violation;

static void begin(void) {
  packages = (struct p2p_worker_packages){0};
  p2p_buf_init(&request, P2P_WORKER_PACKAGES_REQUEST_MAX_BYTES);
}

static void end(void) {
  p2p_worker_packages_clear(&packages);
  p2p_buf_clear(&request);
}

/* The next request as text. */
static const char *next_request(uint64_t now_ms) {
  static char text[P2P_WORKER_PACKAGES_REQUEST_MAX_BYTES + 1];
  p2p_buf_clear(&request);
  CHECK(p2p_worker_packages_request(&packages, now_ms, &request) == P2P_OK);
  size_t length = p2p_buf_len(&request);
  if (length > 0) memcpy(text, p2p_buf_data(&request), length);
  text[length] = '\0';
  return text;
}

static int reply(const char *text) {
  return p2p_worker_packages_on_reply(&packages, text, strlen(text), &violation);
}

static enum p2p_packages_match match(const char *names) {
  return p2p_worker_packages_match(&packages, names, 0);
}

TEST(a_package_is_requested_once) {
  begin();
  CHECK(match("") == P2P_PACKAGES_INSTALLED);
  CHECK_STR(next_request(0), "");
  CHECK(match("mgcv;data.table") == P2P_PACKAGES_UNKNOWN &&
        match("data.table;R6") == P2P_PACKAGES_UNKNOWN);
  CHECK_STR(next_request(0), "mgcv;data.table;R6");
  CHECK_STR(next_request(0), ""); /* one request at a time */
  CHECK(match("zoo") == P2P_PACKAGES_UNKNOWN);
  CHECK(reply("mgcv=1.8-41;data.table=;R6=2.5.1") == P2P_OK);
  CHECK(match("mgcv") == P2P_PACKAGES_INSTALLED && match("R6;mgcv") == P2P_PACKAGES_INSTALLED);
  CHECK(match("data.table") == P2P_PACKAGES_MISSING &&
        match("R6;data.table") == P2P_PACKAGES_MISSING);
  CHECK(match("zoo;data.table") == P2P_PACKAGES_MISSING && match("R6;zoo") == P2P_PACKAGES_UNKNOWN);
  CHECK_STR(next_request(0), "zoo");
  CHECK(reply("zoo=1") == P2P_OK && match("R6;zoo") == P2P_PACKAGES_INSTALLED);
  CHECK_STR(next_request(0), "");
  char missing[64];
  p2p_worker_packages_describe_missing(&packages, "R6;data.table", missing, sizeof missing);
  CHECK_STR(missing, "'data.table'");
  end();
}

TEST(missing_packages_are_requested_again_once_they_are_forgotten) {
  begin();
  CHECK(match("a;b;c;d") == P2P_PACKAGES_UNKNOWN);
  CHECK_STR(next_request(0), "a;b;c;d");
  p2p_worker_packages_forget_missing(&packages); /* none is known: the request stays pending */
  CHECK(reply("a=;b=1;c=;d=2") == P2P_OK);
  CHECK(match("e") == P2P_PACKAGES_UNKNOWN);
  CHECK_STR(next_request(0), "e");
  p2p_worker_packages_forget_missing(&packages);
  CHECK(match("b;d") == P2P_PACKAGES_INSTALLED && match("a;b") == P2P_PACKAGES_UNKNOWN);
  CHECK(reply("e=3") == P2P_OK);
  CHECK_STR(next_request(0), "a");
  CHECK(reply("a=1") == P2P_OK && match("a;b;d;e") == P2P_PACKAGES_INSTALLED);
  end();
}

TEST(a_malformed_reply_changes_nothing) {
  static const char *const replies[] = {
      "",
      "a",
      "a=",
      "a=1",
      "a=1;",
      "a=1;b",
      "b=;a=1",
      "a=1;b=;",
      "a=1;b=;c=",
      "a=1;a=1",
      ";a=1;b=",
      "a=1;;b=",
      "a=1;b=2;;",
      "a=1 ;b=",
      "a=1\n;b=",
      "a=\xc3\xa4;b=",
      "aa=1;b=",
      "A=1;b=",
      "a =1;b=",
      "a=1=2;b=",
      "a=1;c=",
      "a=;b=1;",
      "a=11111111111111111111111111111111111111111111111111111111111111111;b=",
  };
  begin();
  CHECK(match("a;b") == P2P_PACKAGES_UNKNOWN);
  CHECK_STR(next_request(0), "a;b");
  for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
    CHECK(reply(replies[i]) == P2P_ERR_PROTOCOL && violation != NULL && packages.is_pending);
    CHECK(match("a") == P2P_PACKAGES_UNKNOWN && match("b") == P2P_PACKAGES_UNKNOWN);
  }
  CHECK(p2p_worker_packages_on_reply(&packages, "a=1\0;b=", 7, &violation) == P2P_ERR_PROTOCOL);
  static const char whole[] = "a=1.0-2;b=0_x";
  for (size_t length = 0; length < sizeof whole - 3; length++) { /* "a=1.0-2;b=" is whole as well */
    if (length == 10) continue;
    CHECK(p2p_worker_packages_on_reply(&packages, whole, length, &violation) == P2P_ERR_PROTOCOL);
  }
  CHECK(reply(whole) == P2P_OK && match("a;b") == P2P_PACKAGES_INSTALLED);
  end();
}

TEST(a_reply_without_a_request_violates_the_protocol) {
  begin();
  CHECK(reply("a=1") == P2P_ERR_PROTOCOL && reply("") == P2P_ERR_PROTOCOL);
  CHECK_STR(violation, "PACKAGES without a request");
  CHECK(match("a") == P2P_PACKAGES_UNKNOWN &&
        reply("a=1") == P2P_ERR_PROTOCOL); /* queued, but not requested */
  CHECK_STR(next_request(0), "a");
  CHECK(reply("a=1") == P2P_OK && reply("a=1") == P2P_ERR_PROTOCOL);
  end();
}

TEST(without_a_reply_in_time_packages_are_missing_until_it_arrives) {
  begin();
  CHECK(p2p_worker_packages_timeout_ms(&packages, 0) == UINT64_MAX);
  CHECK(match("a") == P2P_PACKAGES_UNKNOWN);
  CHECK_STR(next_request(1000), "a");
  uint64_t due_ms = 1000 + P2P_WORKER_PACKAGES_TIMEOUT_MS;
  CHECK(p2p_worker_packages_timeout_ms(&packages, 1000) == due_ms);
  CHECK(p2p_worker_packages_match(&packages, "a", due_ms - 1) == P2P_PACKAGES_UNKNOWN);
  CHECK(p2p_worker_packages_match(&packages, "a", due_ms) == P2P_PACKAGES_MISSING);
  CHECK(p2p_worker_packages_match(&packages, "b", due_ms) ==
        P2P_PACKAGES_MISSING); /* it would not answer that either */
  CHECK(p2p_worker_packages_timeout_ms(&packages, due_ms) == UINT64_MAX);
  CHECK_STR(next_request(due_ms), "");
  char missing[64];
  p2p_worker_packages_describe_missing(&packages, "a", missing, sizeof missing);
  CHECK_STR(missing, "");
  CHECK(reply("a=1") == P2P_OK &&
        p2p_worker_packages_match(&packages, "a", due_ms) == P2P_PACKAGES_INSTALLED);
  CHECK_STR(next_request(due_ms), "b");
  end();
}

TEST(requests_and_known_packages_are_bounded) {
  char name[P2P_PACKAGE_NAME_MAX];
  static char text[P2P_WORKER_PACKAGES_REQUEST_MAX * 16];
  begin();
  for (int i = 0; i < P2P_WORKER_PACKAGES_MAX + 10; i++) {
    snprintf(name, sizeof name, "p%d", i);
    CHECK(match(name) == P2P_PACKAGES_UNKNOWN);
  }
  CHECK(packages.length == P2P_WORKER_PACKAGES_MAX);
  for (int from = 0; from < P2P_WORKER_PACKAGES_MAX;) {
    const char *list = next_request(0);
    int count = 0;
    text[0] = '\0';
    for (size_t at = 0; p2p_package_list_next(&list, name); count++) {
      at += (size_t)snprintf(text + at, sizeof text - at, "%s%s=%s", count > 0 ? ";" : "", name,
                             count % 2 == 0 ? "1" : "");
    }
    CHECK(count > 0 && count <= P2P_WORKER_PACKAGES_REQUEST_MAX);
    CHECK(reply(text) == P2P_OK);
    from += count;
    if (count <= 0) break;
  }
  CHECK(match("p0") == P2P_PACKAGES_INSTALLED && match("p1") == P2P_PACKAGES_MISSING);
  CHECK(match("q") == P2P_PACKAGES_UNKNOWN && packages.length == P2P_WORKER_PACKAGES_MAX);
  CHECK_STR(next_request(0), "q");
  CHECK(match("p1") == P2P_PACKAGES_MISSING &&
        match("p0") == P2P_PACKAGES_UNKNOWN); /* the oldest was forgotten */
  end();
}

TEST(a_request_is_bounded_in_bytes) {
  char name[P2P_PACKAGE_NAME_MAX];
  begin();
  for (int i = 0; i < 200; i++) {
    snprintf(name, sizeof name, "p%0127d", i);
    CHECK(match(name) == P2P_PACKAGES_UNKNOWN);
  }
  size_t length = strlen(next_request(0));
  CHECK(length <= P2P_WORKER_PACKAGES_REQUEST_MAX_BYTES &&
        length > P2P_WORKER_PACKAGES_REQUEST_MAX_BYTES - 130);
  end();
}

TEST(the_list_of_missing_packages_is_short) {
  char missing[64], little[8];
  begin();
  CHECK(match("a;b;c;d;e;f") == P2P_PACKAGES_UNKNOWN);
  CHECK_STR(next_request(0), "a;b;c;d;e;f");
  CHECK(reply("a=;b=1;c=;d=;e=;f=") == P2P_OK);
  p2p_worker_packages_describe_missing(&packages, "b", missing, sizeof missing);
  CHECK_STR(missing, "");
  p2p_worker_packages_describe_missing(&packages, "a;b;c;d;e;f", missing, sizeof missing);
  CHECK_STR(missing, "'a', 'c', 'd' and 2 more");
  p2p_worker_packages_describe_missing(&packages, "a;b;c;d;e;f", little, sizeof little);
  CHECK_STR(little, "'a', 'c");
  end();
}

/* Groups of waiting tasks. */

static struct p2p_task_queue queue;
static struct p2p_package_needs needs;

static void submit(const char *names) {
  struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "x");
  struct p2p_err err;
  if (names[0] != '\0') CHECK(p2p_task_set_packages(task, names, &err) == P2P_OK);
  p2p_task_queue_push(&queue, task);
}

static void empty_queue(void) {
  for (struct p2p_task *task; (task = p2p_task_queue_pop(&queue)) != NULL;) p2p_task_free(task);
}

/* The packages of a worker after its reply to "a;b". */
static struct p2p_worker_packages packages_of(const char *text) {
  struct p2p_worker_packages known = {0};
  begin();
  CHECK(p2p_worker_packages_match(&known, "a;b", 0) == P2P_PACKAGES_UNKNOWN);
  CHECK(p2p_worker_packages_request(&known, 0, &request) == P2P_OK);
  CHECK(p2p_worker_packages_on_reply(&known, text, strlen(text), &violation) == P2P_OK);
  end();
  return known;
}

static struct p2p_schedule_worker add_worker_with(struct p2p_worker_packages *known,
                                                  const struct p2p_machine *machine) {
  struct p2p_schedule_worker worker = {0};
  struct p2p_room room;
  p2p_room_init(&room, machine, &(struct p2p_amounts){0, 0, 0}, NULL, false);
  p2p_package_needs_add_worker(&needs, known, &room, 0, &worker);
  return worker;
}

static const struct p2p_machine plain_machine;

static struct p2p_schedule_worker add_worker(struct p2p_worker_packages *known) {
  return add_worker_with(known, &plain_machine);
}

TEST(tasks_with_the_same_packages_are_one_need) {
  submit(""), submit("a"), submit("a;b"), submit("a"), submit("");
  p2p_package_needs_collect(&needs, &queue);
  CHECK(needs.without == 2 && needs.length == 2 && p2p_package_needs_waiting(&needs) == 5);
  CHECK_STR(needs.list[0].needs->packages, "a");
  CHECK(needs.list[0].waiting == 2 && needs.list[1].waiting == 1);
  struct p2p_worker_packages has_a = packages_of("a=1;b="), has_both = packages_of("a=1;b=1"),
                             has_none = packages_of("a=;b="), is_new = {0};
  struct p2p_schedule_worker worker = add_worker(&has_a);
  CHECK(worker.eligible == 4 && worker.confirmed == 4);
  worker = add_worker(&has_both);
  CHECK(worker.eligible == 5 && worker.confirmed == 5);
  worker = add_worker(&has_none);
  CHECK(worker.eligible == 2 && worker.confirmed == 2);
  worker = add_worker(&is_new);
  CHECK(worker.eligible == 5 && worker.confirmed == 2);
  worker = add_worker(NULL);
  CHECK(worker.eligible == 5 && worker.confirmed == 2);
  CHECK(needs.list[0].installed == 2 && needs.list[0].missing == 1 && needs.list[0].unknown == 2);
  CHECK(needs.list[1].installed == 1 && needs.list[1].missing == 2 && needs.list[1].unknown == 2);
  p2p_worker_packages_clear(&has_a), p2p_worker_packages_clear(&has_both),
      p2p_worker_packages_clear(&has_none), p2p_worker_packages_clear(&is_new);
  empty_queue();
}

TEST(a_need_is_hopeless_when_all_workers_have_replied_and_none_has_it) {
  struct p2p_worker_packages has_a = packages_of("a=1;b="), has_none = packages_of("a=;b=");
  submit("b");
  p2p_package_needs_collect(&needs, &queue);
  CHECK(!p2p_package_need_is_hopeless(&needs.list[0])); /* there are no workers */
  CHECK(p2p_package_needs_links(&needs) == 0);
  add_worker(&has_a);
  CHECK(p2p_package_need_is_hopeless(&needs.list[0]) && p2p_package_needs_links(&needs) == 2);
  add_worker(NULL);
  CHECK(!p2p_package_need_is_hopeless(&needs.list[0]) && p2p_package_needs_links(&needs) == 2);
  for (int i = 0; i < 20; i++) add_worker(&has_none);
  CHECK(p2p_package_needs_links(&needs) == 8); /* not the whole cluster at once */
  p2p_worker_packages_clear(&has_a), p2p_worker_packages_clear(&has_none);
  empty_queue();
}

static void submit_request(uint32_t cores, const char *tags) {
  struct p2p_resources request = {.amounts = {.cores = cores}};
  struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "x");
  snprintf(request.tags, sizeof request.tags, "%s", tags);
  p2p_task_set_resources(task, &request);
  p2p_task_queue_push(&queue, task);
}

TEST(tasks_with_the_same_request_are_one_need_and_fit_as_often_as_there_is_room) {
  const struct p2p_machine large = {.cores = 8, .reserves = true, .tags = "x"},
                           small = {.cores = 2, .reserves = true}, old = {.cores = 64};
  struct p2p_worker_packages known = {0};
  for (int i = 0; i < 3; i++) submit_request(4, "");
  submit_request(1, "x");
  submit("");
  p2p_package_needs_collect(&needs, &queue);
  CHECK(needs.length == 2 && needs.without == 1 && needs.list[0].waiting == 3);
  struct p2p_schedule_worker worker = add_worker_with(&known, &large);
  CHECK(worker.eligible == 4 &&
        worker.confirmed == 4); /* two of 4 cores, the one with x, the plain one */
  worker = add_worker_with(NULL, &large);
  CHECK(worker.eligible == 4 && worker.confirmed == 1);
  worker = add_worker_with(&known, &small);
  CHECK(worker.eligible == 1 && worker.confirmed == 1);
  worker = add_worker_with(&known, &old);
  CHECK(worker.eligible == 1 && worker.confirmed == 1);
  CHECK(needs.list[0].installed == 1 && needs.list[0].missing == 2 && needs.list[0].too_small == 2);
  CHECK(!p2p_package_need_is_hopeless(&needs.list[0]));
  empty_queue();
}

TEST(a_request_that_no_worker_can_give_fails_with_a_sentence) {
  const struct p2p_machine small = {.cores = 2, .memory_mib = 2048, .reserves = true}, old = {0};
  struct p2p_worker_packages known = {0};
  struct p2p_package_report report = {
      .cluster = "alice/friends",
      .n_workers = 2,
      .workers = {{"carol@desk:4711", &known, &small}, {"dave@box:12", NULL, &old}}};
  struct p2p_err err;
  submit_request(4, "");
  struct p2p_task *task = queue.first;
  p2p_task_ref(task);
  p2p_package_needs_collect(&needs, &queue);
  add_worker_with(&known, &small), add_worker_with(NULL, &old);
  CHECK(p2p_package_need_is_hopeless(&needs.list[0]) && p2p_package_needs_links(&needs) == 0);
  p2p_package_need_fail(&needs.list[0], &report, &queue);
  p2p_task_error(task, &err);
  CHECK_STR(err.reason, "missing_resources");
  CHECK_STR(err.message,
            "no worker of cluster 'alice/friends' has what the future requests (4 cores): "
            "'carol@desk:4711' has 2 cores and 2 GiB of memory; 'dave@box:12' is of a version that "
            "reserves nothing");
  p2p_task_free(task);
}

TEST(a_need_is_not_hopeless_while_a_reply_is_missing_that_the_error_would_name) {
  struct p2p_worker_packages has_none = packages_of("a=;b=");
  submit("a;c");
  p2p_package_needs_collect(&needs, &queue);
  CHECK(add_worker(&has_none).eligible == 0); /* lacks a; c is still to be requested */
  CHECK(!p2p_package_need_is_hopeless(&needs.list[0]));
  begin();
  CHECK(p2p_worker_packages_request(&has_none, 0, &request) == P2P_OK);
  CHECK(p2p_worker_packages_on_reply(&has_none, "c=", 2, &violation) == P2P_OK);
  end();
  p2p_package_needs_collect(&needs, &queue);
  add_worker(&has_none);
  CHECK(p2p_package_need_is_hopeless(&needs.list[0]));
  p2p_worker_packages_clear(&has_none);
  empty_queue();
}

TEST(without_needs_every_worker_can_run_all_and_nothing_is_requested) {
  struct p2p_worker_packages known = {0};
  submit(""), submit("");
  p2p_package_needs_collect(&needs, &queue);
  struct p2p_schedule_worker worker = add_worker(&known);
  CHECK(worker.eligible == 2 && worker.confirmed == 2 && needs.length == 0 && known.length == 0);
  empty_queue();
}

TEST(the_number_of_needs_is_bounded) {
  char name[16];
  for (int i = 0; i < P2P_PACKAGE_NEEDS_MAX + 5; i++) {
    snprintf(name, sizeof name, "p%d", i);
    submit(name);
  }
  submit(""), submit("p1");
  p2p_package_needs_collect(&needs, &queue);
  CHECK(needs.length == P2P_PACKAGE_NEEDS_MAX && needs.without == 1 && needs.list[1].waiting == 2);
  CHECK(p2p_package_needs_waiting(&needs) == P2P_PACKAGE_NEEDS_MAX + 2);
  empty_queue();
}

TEST(the_tasks_of_a_hopeless_need_fail_and_others_wait_on) {
  struct p2p_worker_packages has_none = packages_of("a=;b="), is_silent = {0};
  struct p2p_package_report report = {.cluster = "alice/friends", .n_workers = 6};
  submit("b"), submit("a"), submit("b"), submit("");
  struct p2p_task *task = queue.first;
  struct p2p_err err;
  p2p_task_ref(task);
  p2p_package_needs_collect(&needs, &queue);
  for (size_t i = 0; i < P2P_PACKAGE_REPORT_MAX; i++) {
    report.workers[i].name = i == 0 ? "carol@desk:4711" : "dave@box:12";
    report.workers[i].packages = i == 0 ? &has_none : &is_silent;
    report.workers[i].machine = &plain_machine;
  }
  p2p_package_need_fail(&needs.list[0], &report, &queue);
  CHECK(queue.length == 2 && queue.with_needs == 1);
  CHECK(p2p_task_state(task) == P2P_TASK_FAILED && p2p_task_object(task) == NULL);
  p2p_task_error(task, &err);
  CHECK(err.code == P2P_ERR_VERSION);
  CHECK_STR(err.reason, "missing_packages");
  CHECK_STR(err.message,
            "no worker of cluster 'alice/friends' has all packages that the future needs: "
            "'carol@desk:4711' lacks 'b'; 'dave@box:12' did not report its packages; "
            "'dave@box:12' did not report its packages; 'dave@box:12' did not report its packages; "
            "and 2 more");
  p2p_task_free(task);
  p2p_worker_packages_clear(&has_none);
  empty_queue();
}

UNIT_MAIN("packages", UNIT(a_package_is_requested_once),
          UNIT(missing_packages_are_requested_again_once_they_are_forgotten),
          UNIT(a_malformed_reply_changes_nothing),
          UNIT(a_reply_without_a_request_violates_the_protocol),
          UNIT(without_a_reply_in_time_packages_are_missing_until_it_arrives),
          UNIT(requests_and_known_packages_are_bounded), UNIT(a_request_is_bounded_in_bytes),
          UNIT(the_list_of_missing_packages_is_short),
          UNIT(tasks_with_the_same_packages_are_one_need),
          UNIT(a_need_is_hopeless_when_all_workers_have_replied_and_none_has_it),
          UNIT(tasks_with_the_same_request_are_one_need_and_fit_as_often_as_there_is_room),
          UNIT(a_request_that_no_worker_can_give_fails_with_a_sentence),
          UNIT(a_need_is_not_hopeless_while_a_reply_is_missing_that_the_error_would_name),
          UNIT(without_needs_every_worker_can_run_all_and_nothing_is_requested),
          UNIT(the_number_of_needs_is_bounded),
          UNIT(the_tasks_of_a_hopeless_need_fail_and_others_wait_on))
