/* Tasks: each ends once, even in a race; references, conditions, queues. */
#include "client/task.h"

#include "base/chunks.h"

#include <pthread.h>
#include <stdatomic.h>

#include "unit.h"

static struct p2p_blob *object_of(const char *text) {
  struct p2p_blob *object = p2p_blob_new(1024);
  CHECK(p2p_blob_append(object, text, strlen(text)) == P2P_OK);
  return object;
}

/* Gives the task a result of which `text` has arrived, and `missing` bytes are still to come. */
static bool receive_some(struct p2p_task *task, const char *text, uint64_t missing) {
  struct p2p_result *result = p2p_result_new(strlen(text) + missing);
  CHECK(p2p_result_append(result, text, strlen(text)) == P2P_OK);
  bool is_allowed = p2p_task_receive(task, result);
  p2p_result_free(result);
  return is_allowed;
}
static bool receive(struct p2p_task *task, const char *text) { return receive_some(task, text, 0); }

static struct p2p_task *task_of(const char *label) {
  return p2p_task_new(object_of("future"), label);
}

TEST(a_task_goes_from_new_to_done) {
  struct p2p_task *task = task_of("a");
  char worker[192];
  CHECK(p2p_task_state(task) == P2P_TASK_NEW);
  CHECK(!p2p_task_start(task, "carol@desk:1"));
  CHECK(p2p_task_submit(task, 0));
  CHECK(!p2p_task_submit(task, 0));
  CHECK(p2p_task_state(task) == P2P_TASK_WAITING);
  p2p_task_worker(task, worker, sizeof worker);
  CHECK_STR(worker, "");
  CHECK(!receive(task, "too early"));
  CHECK(!p2p_task_finish(task));
  CHECK(p2p_task_start(task, "carol@desk:1"));
  p2p_task_worker(task, worker, sizeof worker);
  CHECK_STR(worker, "carol@desk:1");
  CHECK(p2p_task_result(task) == NULL);
  CHECK(!p2p_task_finish(task)); /* without a result */
  CHECK(receive(task, "3"));
  CHECK(!receive(task, "again"));
  CHECK(p2p_task_state(task) == P2P_TASK_RUNNING && p2p_task_result(task) == NULL);
  CHECK(p2p_task_finish(task));
  CHECK(p2p_task_state(task) == P2P_TASK_DONE);
  CHECK(p2p_result_size(p2p_task_result(task)) == 1);
  struct p2p_err err = {.code = P2P_ERR_LOST};
  CHECK(!p2p_task_fail(task, &err));
  CHECK(!receive(task, "again") && !p2p_task_finish(task));
  CHECK(p2p_task_state(task) == P2P_TASK_DONE);
  p2p_task_free(task);
}

TEST(a_large_result_can_be_read_while_it_arrives_and_goes_with_its_run) {
  struct p2p_err why = {.code = P2P_ERR_LOST};
  struct p2p_task *task = task_of("large");
  CHECK(p2p_task_submit(task, 1) && p2p_task_start(task, "carol@desk:1"));
  CHECK(!p2p_task_is_readable(task));
  CHECK(receive_some(task, "x", P2P_TASK_WHOLE_BYTES));
  struct p2p_result *result = p2p_task_read(task);
  CHECK(result != NULL && p2p_task_is_readable(task) && p2p_task_result(task) == NULL);
  CHECK(p2p_task_retry(task, &why));
  CHECK(!p2p_task_is_readable(task) && p2p_task_read(task) == NULL);
  CHECK(p2p_result_size(result) == P2P_TASK_WHOLE_BYTES + 1); /* until its reader drops it */
  p2p_result_free(result);
  CHECK(p2p_task_start(task, "carol@desk:2"));
  CHECK(receive_some(task, "x", P2P_TASK_WHOLE_BYTES - 1) && !p2p_task_is_readable(task));
  CHECK(p2p_task_finish(task) && p2p_task_is_readable(task));
  p2p_task_free(task);
}

TEST(progress_is_that_of_the_latest_run) {
  struct p2p_task *task = task_of("a");
  struct p2p_task_progress progress;
  struct p2p_task_times times;
  CHECK(p2p_task_submit(task, 0) && p2p_task_start(task, "w"));
  p2p_task_progress(task, &progress);
  CHECK(progress.to_send == 0 && progress.to_arrive == 0);
  p2p_task_note_sent(task, 3, 7);
  p2p_task_times(task, &times);
  CHECK(times.sent_ms == 0);
  CHECK(receive_some(task, "ab", 2));
  p2p_task_progress(task, &progress);
  CHECK(progress.sent == 3 && progress.to_send == 7);
  CHECK(progress.arrived == 2 && progress.to_arrive == 4);
  p2p_task_note_sent(task, 7, 7);
  p2p_task_times(task, &times);
  CHECK(times.sent_ms > 0);
  CHECK(p2p_task_requeue(task) && p2p_task_start(task, "w"));
  p2p_task_progress(task, &progress);
  CHECK(progress.sent == 0 && progress.to_send == 0 && progress.to_arrive == 0);
  p2p_task_free(task);
}

TEST(a_task_that_has_not_begun_waits_again_a_few_times) {
  struct p2p_task *task = task_of("a");
  struct p2p_err err;
  CHECK(!p2p_task_requeue(task) && p2p_task_submit(task, 0) && !p2p_task_requeue(task));
  for (uint32_t i = 0; i < P2P_TASK_REQUEUES_MAX; i++) {
    CHECK(p2p_task_starts(task) == i && p2p_task_start(task, "w") && p2p_task_requeue(task));
    CHECK(p2p_task_state(task) == P2P_TASK_WAITING && p2p_task_losses(task, &err) == 0);
  }
  CHECK(p2p_task_start(task, "w") && !p2p_task_requeue(task));
  CHECK(p2p_task_state(task) == P2P_TASK_RUNNING);
  p2p_task_free(task);
}

TEST(a_failed_task_keeps_its_first_error) {
  struct p2p_task *task = task_of("a");
  struct p2p_err err, out;
  p2p_err_set(&err, P2P_ERR_CANCELED, "Canceled.");
  CHECK(p2p_task_fail(task, &err));
  p2p_err_set(&err, P2P_ERR_LOST, "Lost.");
  CHECK(!p2p_task_fail(task, &err));
  p2p_task_error(task, &out);
  CHECK(out.code == P2P_ERR_CANCELED);
  CHECK_STR(out.message, "Canceled.");
  CHECK(!p2p_task_submit(task, 0));
  CHECK(p2p_task_result(task) == NULL);
  p2p_task_free(task);
}

TEST(labels_are_truncated_and_sanitized) {
  char longest[2 * P2P_TASK_LABEL_MAX];
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = '\0';
  memcpy(longest + P2P_TASK_LABEL_MAX - 2, "\xc3\xa4", 2); /* at the place of the cut */
  struct p2p_task *task = task_of(longest);
  CHECK(strlen(p2p_task_label(task)) == P2P_TASK_LABEL_MAX - 2);
  p2p_task_free(task);
  task = task_of("a\nb\x7f");
  CHECK_STR(p2p_task_label(task), "a?b?");
  p2p_task_free(task);
  task = p2p_task_new(object_of(""), NULL);
  CHECK_STR(p2p_task_label(task), "");
  p2p_task_free(task);
  p2p_task_free(NULL);
}

TEST(conditions_arrive_in_order_up_to_a_limit) {
  struct p2p_task *task = task_of("a");
  CHECK(!p2p_task_add_condition(task, object_of("not running")));
  CHECK(p2p_task_submit(task, 0) && p2p_task_start(task, "w"));
  CHECK(p2p_task_next_condition(task) == NULL);
  CHECK(p2p_task_add_condition(task, object_of("1")));
  CHECK(p2p_task_add_condition(task, object_of("22")));
  struct p2p_blob *first = p2p_task_next_condition(task), *second = p2p_task_next_condition(task);
  CHECK(p2p_blob_size(first) == 1 && p2p_blob_size(second) == 2);
  p2p_blob_free(first);
  p2p_blob_free(second);
  CHECK(p2p_task_next_condition(task) == NULL);
  for (int i = 0; i < P2P_CONDITIONS_MAX; i++) CHECK(p2p_task_add_condition(task, p2p_blob_new(1)));
  CHECK(!p2p_task_add_condition(task, p2p_blob_new(1)) && p2p_task_dropped_conditions(task) == 1);
  p2p_blob_free(p2p_task_next_condition(task));
  CHECK(p2p_task_add_condition(task, p2p_blob_new(1)));
  p2p_task_free(task); /* with conditions in it */
}

static struct p2p_blob *object_of_size(uint64_t size) {
  static const uint8_t zeros[P2P_CHUNK_BYTES];
  struct p2p_blob *object = p2p_blob_new(size);
  for (uint64_t left = size; left > 0;) {
    size_t part = left < sizeof zeros ? (size_t)left : sizeof zeros;
    CHECK(p2p_blob_append(object, zeros, part) == P2P_OK);
    left -= part;
  }
  return object;
}

TEST(waiting_conditions_are_limited_in_bytes_and_dropped_ones_are_counted) {
  const uint64_t most = P2P_CONDITIONS_BYTES;
  struct p2p_task *task = task_of("a");
  CHECK(!p2p_task_add_condition(task, p2p_blob_new(1)) &&
        p2p_task_dropped_conditions(task) == 0); /* it is not running, so this does not count */
  CHECK(p2p_task_submit(task, 0) && p2p_task_start(task, "w"));
  CHECK(p2p_task_add_condition(task, object_of_size(most + 1))); /* a single one of any size */
  CHECK(!p2p_task_add_condition(task, object_of("small")) &&
        p2p_task_dropped_conditions(task) == 1);
  p2p_blob_free(p2p_task_next_condition(task));
  CHECK(p2p_task_add_condition(task, object_of("small")));
  CHECK(!p2p_task_add_condition(task, object_of_size(most + 1)) &&
        p2p_task_dropped_conditions(task) == 2);
  CHECK(!p2p_task_add_condition(task, object_of_size(most - 4)) &&
        p2p_task_dropped_conditions(task) == 3);
  CHECK(p2p_task_add_condition(task, object_of_size(most - 5)));
  CHECK(!p2p_task_add_condition(task, object_of("x")) && p2p_task_dropped_conditions(task) == 4);
  p2p_blob_free(p2p_task_next_condition(task));
  CHECK(p2p_task_add_condition(task, object_of("xxxxx")) && p2p_task_dropped_conditions(task) == 4);
  p2p_task_free(task);
}

TEST(packages_are_a_list_of_names) {
  static const char *const bad[] = {"",     ";",        "a;",   ";a",    "a;;b", "a b", "a=1",
                                    "a\nb", "\xc3\xa4", "../a", "a;b,c", ".a",   "a;1"};
  struct p2p_task *task = task_of("a");
  struct p2p_err err = {0};
  CHECK_STR(p2p_task_packages(task), "");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(p2p_task_set_packages(task, bad[i], &err) == P2P_ERR_INVALID);
  CHECK_STR(p2p_task_packages(task), "");
  char longest[130 + 1];
  memset(longest, 'x', sizeof longest);
  longest[129] = '\0';
  CHECK(p2p_task_set_packages(task, longest, &err) == P2P_ERR_INVALID);
  longest[128] = '\0';
  CHECK(p2p_task_set_packages(task, longest, &err) == P2P_OK &&
        p2p_task_set_packages(task, "data.table;R6", &err) == P2P_OK);
  CHECK_STR(p2p_task_packages(task), "data.table;R6");
  static char many[2 * P2P_REQUIREMENTS_PACKAGES_MAX + 2];
  for (size_t i = 0; i < sizeof many - 1; i++) many[i] = i % 2 == 0 ? 'a' : ';';
  CHECK(p2p_task_set_packages(task, many, &err) == P2P_ERR_TOO_LARGE);
  many[2 * P2P_REQUIREMENTS_PACKAGES_MAX - 1] = '\0';
  CHECK(p2p_task_set_packages(task, many, &err) == P2P_OK);
  CHECK(p2p_task_submit(task, 0) && p2p_task_set_packages(task, "R6", &err) == P2P_ERR_INVALID);
  p2p_task_free(task);
}

static bool has_label(void *label, const struct p2p_task *task) {
  return strcmp(p2p_task_label(task), label) == 0;
}

TEST(the_first_task_that_matches_is_removed_from_a_queue) {
  struct p2p_task_queue queue = {0}, more = {0};
  static const char *const labels[] = {"a", "b", "a", "c"};
  struct p2p_err err;
  for (int i = 0; i < 4; i++) {
    struct p2p_task *task = task_of(labels[i]);
    if (i > 0) CHECK(p2p_task_set_packages(task, labels[i], &err) == P2P_OK);
    p2p_task_queue_push(i < 2 ? &queue : &more, task);
  }
  p2p_task_queue_append(&queue, &more);
  CHECK(queue.length == 4 && queue.with_needs == 3 && more.with_needs == 0);
  CHECK(p2p_task_queue_pop_if(&queue, has_label, "d") == NULL && queue.length == 4);
  static const char *const order[] = {
      "c", "b", "a", "a"}; /* the last, one in the middle, the first, the only one */
  static const uint32_t with_needs[] = {2, 1, 1, 0};
  for (int i = 0; i < 4; i++) {
    struct p2p_task *task = p2p_task_queue_pop_if(&queue, has_label, (void *)(uintptr_t)order[i]);
    CHECK(task != NULL && p2p_task_next(task) == NULL && queue.with_needs == with_needs[i]);
    p2p_task_free(task);
    if (i == 0) p2p_task_queue_push(&more, task_of("e"));
    if (i == 0) p2p_task_queue_append(&queue, &more); /* behind the last one */
    if (i == 0) CHECK(queue.length == 4);
  }
  struct p2p_task *task = p2p_task_queue_pop(&queue);
  CHECK_STR(p2p_task_label(task), "e");
  CHECK(queue.length == 0 && queue.first == NULL && queue.last == NULL);
  p2p_task_free(task);
}

TEST(a_queue_is_first_in_first_out) {
  struct p2p_task_queue queue = {0}, more = {0};
  struct p2p_task *tasks[4];
  char label[2] = "0";
  for (int i = 0; i < 4; i++) {
    label[0] = (char)('0' + i);
    tasks[i] = task_of(label);
    CHECK(p2p_task_submit(tasks[i], 0));
    p2p_task_ref(tasks[i]);
    p2p_task_queue_push(i < 2 ? &queue : &more, tasks[i]);
  }
  p2p_task_queue_append(&queue, &more);
  p2p_task_queue_append(&queue, &more); /* empty */
  CHECK(queue.length == 4 && more.length == 0);
  struct p2p_err canceled = {.code = P2P_ERR_CANCELED};
  CHECK(p2p_task_fail(tasks[1], &canceled));
  CHECK(p2p_task_queue_remove_ended(&queue) == 1);
  CHECK(queue.length == 3);
  struct p2p_task *task = p2p_task_queue_pop(&queue);
  CHECK(task == tasks[0]);
  p2p_task_free(task);
  task = p2p_task_queue_pop(&queue);
  CHECK(task == tasks[2]);
  p2p_task_free(task);
  struct p2p_err failed = {.code = P2P_ERR_ACCESS};
  p2p_task_queue_fail(&queue, &failed);
  CHECK(queue.length == 0 && p2p_task_queue_pop(&queue) == NULL);
  CHECK(p2p_task_state(tasks[3]) == P2P_TASK_FAILED);
  CHECK(p2p_task_object(tasks[3]) == NULL);
  for (int i = 0; i < 4; i++) p2p_task_free(tasks[i]);
}

static atomic_int ends;

static void *cancel_it(void *arg) {
  struct p2p_err err = {.code = P2P_ERR_CANCELED};
  if (p2p_task_fail(arg, &err)) atomic_fetch_add(&ends, 1);
  p2p_task_free(arg);
  return NULL;
}

static void *finish_it(void *arg) {
  if (receive(arg, "3") && p2p_task_finish(arg)) atomic_fetch_add(&ends, 1);
  p2p_task_free(arg);
  return NULL;
}

TEST(a_result_and_a_cancel_that_race_end_it_once) {
  for (int i = 0; i < 200; i++) {
    struct p2p_task *task = task_of("a");
    CHECK(p2p_task_submit(task, 0) && p2p_task_start(task, "w"));
    pthread_t threads[2];
    atomic_store(&ends, 0);
    p2p_task_ref(task);
    p2p_task_ref(task);
    CHECK(pthread_create(&threads[0], NULL, cancel_it, task) == 0);
    CHECK(pthread_create(&threads[1], NULL, finish_it, task) == 0);
    p2p_task_free(task);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK(atomic_load(&ends) == 1);
  }
}

UNIT_MAIN("task", UNIT(a_task_goes_from_new_to_done),
          UNIT(a_large_result_can_be_read_while_it_arrives_and_goes_with_its_run),
          UNIT(progress_is_that_of_the_latest_run),
          UNIT(a_task_that_has_not_begun_waits_again_a_few_times),
          UNIT(a_failed_task_keeps_its_first_error), UNIT(labels_are_truncated_and_sanitized),
          UNIT(conditions_arrive_in_order_up_to_a_limit),
          UNIT(waiting_conditions_are_limited_in_bytes_and_dropped_ones_are_counted),
          UNIT(packages_are_a_list_of_names),
          UNIT(the_first_task_that_matches_is_removed_from_a_queue),
          UNIT(a_queue_is_first_in_first_out), UNIT(a_result_and_a_cancel_that_race_end_it_once))
