/* Parts on a task stream: what is sent when the worker asks, and what becomes of the task when the
 * link, the worker or the session stops in the middle. */
#include "client/settle.h"
#include "protocol/task_parts.h"
#include "task_stream_fixture.h"

#define PART 150000 /* bytes: three frames */
#define OBJECT 10
#define PARTS 2

static uint8_t *memory[PARTS];
static struct p2p_err lost = {.code = P2P_ERR_LOST, .message = "it broke"};

static struct p2p_task *task_with_parts(uint32_t retries) {
  struct p2p_blob *object = p2p_blob_new(OBJECT);
  CHECK(p2p_blob_append(object, "0123456789", OBJECT) == P2P_OK);
  struct p2p_task *task = p2p_task_new(object, "x");
  for (int i = 0; i < PARTS; i++) {
    struct p2p_part *part = p2p_part_new();
    memory[i] = malloc(PART);
    memset(memory[i], i + 1, PART);
    CHECK(p2p_part_borrow(part, memory[i], PART) == P2P_OK && p2p_part_end(part) == P2P_OK);
    p2p_part_list_add(p2p_task_parts(task), part);
  }
  CHECK(p2p_task_submit(task, retries));
  p2p_task_ref(task);
  return task;
}

static void free_task(struct p2p_task *task) {
  p2p_task_free(task);
  for (int i = 0; i < PARTS; i++) free(memory[i]);
}

/* A stream on which the task runs. Returns the number of the task there. */
static uint32_t run_on(struct p2p_task_stream *stream, struct p2p_task *task) {
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK && p2p_task_start(task, WORKER));
  n_sent = queued_bytes = 0;
  CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
  CHECK(n_sent == 1 && sent[0].type == P2P_FRAME_TASK); /* and no byte of it */
  return sent[0].task;
}

static int need(struct p2p_task_stream *stream, uint32_t id, uint32_t mask) {
  uint8_t payload[P2P_NEED_LEN];
  p2p_need_write(mask, payload);
  return take(stream, P2P_FRAME_NEED, id, payload, sizeof payload, 0);
}

/* The queue is empty again, so often. */
static void drain(struct p2p_task_stream *stream, int times) {
  while (times-- > 0) {
    queued_bytes = 0;
    CHECK(p2p_task_stream_on_drain(stream) == P2P_OK);
  }
}

/* The first byte and the length of each DATA frame. */
static void check_data(const char *expected) {
  char text[256] = "";
  for (size_t i = 0; i < n_sent; i++)
    if (sent[i].type == P2P_FRAME_DATA)
      snprintf(text + strlen(text), sizeof text - strlen(text), "%u:%zu ",
               (unsigned)sent[i].payload[0], sent[i].length);
  CHECK_STR(text, expected);
}

#define FIRST "1:65536 1:65536 1:18928 "
#define SECOND "2:65536 2:65536 2:18928 "
#define LAST "48:10 "

TEST(what_the_worker_needs_is_sent_once_it_asks) {
  static const char *const expected[] = {LAST, FIRST LAST, SECOND LAST, FIRST SECOND LAST};
  for (uint32_t mask = 0; mask < 4; mask++) {
    struct p2p_task_stream *stream = stream_new(1);
    struct p2p_task *task = task_with_parts(0);
    uint32_t id = run_on(stream, task);
    drain(stream, 3);
    CHECK(n_sent == 1 && p2p_task_is_sending(task));
    CHECK(need(stream, id, mask) == P2P_OK);
    drain(stream, 3);
    check_data(expected[mask]);
    CHECK(!p2p_task_is_sending(task));
    CHECK(announce(stream, P2P_FRAME_RESULT, id, 0) == P2P_OK);
    CHECK(p2p_task_state(task) == P2P_TASK_DONE);
    p2p_task_stream_free(stream);
    free_task(task);
  }
}

TEST(needs_that_are_no_answer_end_the_link) {
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_task *task = task_with_parts(0);
  uint32_t id = run_on(stream, task);
  CHECK(need(stream, id + 1, 1) == P2P_OK && n_sent == 1); /* of a task that has ended */
  CHECK(take(stream, P2P_FRAME_NEED, id, "\0\0\1", 3, 0) == P2P_ERR_PROTOCOL);
  CHECK(take(stream, P2P_FRAME_NEED, id, "\0\0\0\0\1", 5, 0) == P2P_ERR_PROTOCOL);
  CHECK(need(stream, id, 4) == P2P_ERR_PROTOCOL && n_sent == 1);
  CHECK(need(stream, id, 2) == P2P_OK && need(stream, id, 2) == P2P_ERR_PROTOCOL);
  p2p_task_stream_fail(stream, &lost, &again);
  p2p_task_stream_free(stream);
  CHECK(p2p_task_queue_pop(&again) == NULL && p2p_task_state(task) == P2P_TASK_FAILED);
  free_task(task); /* all was sent */
  stream = stream_new(1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  task = start_with(stream, 3, 0); /* without parts */
  CHECK(need(stream, sent[0].task, 0) == P2P_ERR_PROTOCOL);
  p2p_task_stream_fail(stream, &lost, &again);
  p2p_task_stream_free(stream);
  p2p_task_free(task);
}

/* The link, or the evaluator, is lost after each frame but the last. */
TEST(a_task_of_which_not_all_was_sent_is_sent_again_from_the_start) {
  for (int is_evaluator = 0; is_evaluator < 2; is_evaluator++)
    for (int frames = -1; frames < 7; frames++) {
      struct p2p_task_stream *stream = stream_new(1);
      struct p2p_err last;
      struct p2p_task *task = task_with_parts(0);
      uint32_t id = run_on(stream, task);
      queued_bytes = 200000 - 65536 * (size_t)(frames > 0); /* one frame at a time */
      if (frames >= 0) CHECK(need(stream, id, 3) == P2P_OK);
      for (int i = 1; i < frames; i++) {
        queued_bytes = 199999;
        CHECK(p2p_task_stream_on_drain(stream) == P2P_OK);
      }
      if (is_evaluator)
        CHECK(take(stream, P2P_FRAME_LOST, id, "\2died", 5, 0) == P2P_OK);
      else
        p2p_task_stream_fail(stream, &lost, &again);
      CHECK(p2p_task_state(task) == P2P_TASK_WAITING && p2p_task_losses(task, &last) == 0);
      CHECK(p2p_task_is_sending(task) && p2p_task_queue_pop(&again) == task);
      size_t before = n_sent;
      drain(stream, 2);
      CHECK(n_sent == before); /* of a run that has ended */
      if (!is_evaluator) p2p_task_stream_free(stream);
      if (!is_evaluator) stream = stream_new(1);
      if (is_evaluator) CHECK(p2p_task_stream_return_slots(stream, 1) == P2P_OK); /* it is idle */
      id = run_on(stream, task);
      CHECK(need(stream, id, 3) == P2P_OK);
      drain(stream, 3);
      check_data(FIRST SECOND LAST);
      p2p_task_stream_fail(stream, &lost, &again);
      p2p_task_stream_free(stream);
      free_task(task);
    }
}

TEST(a_canceled_task_sends_nothing_more_and_keeps_its_slot_until_the_answer) {
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_err canceled = {.code = P2P_ERR_CANCELED};
  struct p2p_schedule_worker seen;
  for (int asked = 0; asked < 2; asked++) {
    struct p2p_task *task = task_with_parts(3);
    uint32_t id = run_on(stream, task);
    queued_bytes = 150000;
    if (asked == 1) CHECK(need(stream, id, 3) == P2P_OK && n_sent == 2);
    CHECK(p2p_task_fail(task, &canceled) && p2p_task_stream_cancel_ended(stream) == P2P_OK);
    size_t before = n_sent;
    CHECK(sent[before - 1].type == P2P_FRAME_CANCEL && sent[before - 1].task == id);
    memset(memory[0], 9, PART);                           /* the session may do so now */
    if (asked == 0) CHECK(need(stream, id, 3) == P2P_OK); /* they have crossed */
    drain(stream, 3);
    CHECK(n_sent == before && p2p_task_object(task) == NULL);
    p2p_task_stream_describe(stream, 0, &seen);
    CHECK(seen.busy == 1 && p2p_task_stream_running(stream) == 0);
    CHECK(take(stream, P2P_FRAME_LOST, id, "interrupted", 11, 0) == P2P_OK && again.length == 0);
    p2p_task_stream_describe(stream, 0, &seen);
    CHECK(seen.busy == 0 && p2p_task_stream_return_slots(stream, 1) == P2P_OK);
    free_task(task);
  }
  p2p_task_stream_free(stream);
}

TEST(a_part_that_has_changed_fails_its_task_alone) {
  for (int is_gone = 0; is_gone < 2; is_gone++) {
    struct p2p_task_stream *stream = stream_new(2);
    struct p2p_err why;
    struct p2p_task *task = task_with_parts(1);
    CHECK(p2p_task_start(task, WORKER));
    CHECK(slot(stream, P2P_SLOT_GRANT, 2, 0) == P2P_OK);
    CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
    uint32_t id = sent[0].task;
    CHECK(need(stream, id, 3) == P2P_OK);
    drain(stream, 3);
    if (is_gone)
      p2p_abandon(task);
    else
      p2p_settle(task);
    CHECK(take(stream, P2P_FRAME_LOST, id, "\1killed", 7, 0) == P2P_OK);
    CHECK(p2p_task_queue_pop(&again) == task && p2p_task_start(task, WORKER));
    memory[1][PART - 1]++;
    n_sent = 0;
    CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
    id = sent[0].task;
    struct p2p_task *other = start_with(stream, 3, 0);
    CHECK(need(stream, id, 3) == P2P_OK);
    drain(stream, 4);
    CHECK(p2p_task_state(task) == P2P_TASK_FAILED && sent[n_sent - 1].type == P2P_FRAME_CANCEL);
    for (size_t i = 0; i < n_sent; i++) CHECK(sent[i].length != 18928 || sent[i].payload[0] == 1);
    p2p_task_error(task, &why);
    CHECK(strstr(why.message, "was changed in place") != NULL);
    CHECK(announce(stream, P2P_FRAME_RESULT, other == NULL ? 0 : id + 1, 0) == P2P_OK);
    CHECK(p2p_task_state(other) == P2P_TASK_DONE);
    p2p_task_free(other);
    p2p_task_stream_free(stream);
    free_task(task);
  }
}

TEST(an_answer_before_anything_was_asked_for_ends_the_task) {
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_task *task = task_with_parts(0);
  uint32_t id = run_on(stream, task);
  CHECK(announce(stream, P2P_FRAME_RESULT, id, 0) == P2P_OK);
  CHECK(p2p_task_state(task) == P2P_TASK_DONE && !p2p_task_is_sending(task));
  CHECK(need(stream, id, 3) == P2P_OK && n_sent == 1);
  p2p_task_stream_free(stream);
  free_task(task);
}

UNIT_MAIN("stream_parts", UNIT(what_the_worker_needs_is_sent_once_it_asks),
          UNIT(needs_that_are_no_answer_end_the_link),
          UNIT(a_task_of_which_not_all_was_sent_is_sent_again_from_the_start),
          UNIT(a_canceled_task_sends_nothing_more_and_keeps_its_slot_until_the_answer),
          UNIT(a_part_that_has_changed_fails_its_task_alone),
          UNIT(an_answer_before_anything_was_asked_for_ends_the_task))
