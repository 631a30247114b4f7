/* A task stream, with scripted frames of the worker: slots, interleaved uploads, results, and a
 * worker that violates the protocol. */
#include "task_stream_fixture.h"

static struct p2p_task *start(struct p2p_task_stream *stream, size_t size) {
  return start_with(stream, size, 0);
}

static struct p2p_schedule_worker numbers(struct p2p_task_stream *stream, uint64_t now_ms) {
  struct p2p_schedule_worker out;
  p2p_task_stream_describe(stream, now_ms, &out);
  return out;
}

TEST(a_task_is_sent_and_its_result_arrives) {
  struct p2p_task_stream *stream = stream_new(2);
  CHECK(p2p_task_stream_request_slots(stream, 1, 5) == P2P_OK);
  CHECK(sent[0].type == P2P_FRAME_SLOT && sent[0].payload[0] == P2P_SLOT_WANT &&
        sent[0].payload[4] == 1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 7) == P2P_OK && changed);
  CHECK(numbers(stream, 7).held == 1 && numbers(stream, 7).requested == 1 &&
        numbers(stream, 7).requested_ms == 7);
  struct p2p_task *task = start(stream, 100000);
  CHECK(n_sent == 4); /* TASK and all DATA at once */
  CHECK(sent[1].type == P2P_FRAME_TASK && sent[1].length == 9 &&
        p2p_get_u64(sent[1].payload) == 100000 && sent[1].payload[8] == 'x');
  CHECK(sent[2].type == P2P_FRAME_DATA && sent[2].length == 65536 &&
        sent[3].length == 100000 - 65536);
  uint32_t id = sent[1].task;
  CHECK(id != 0 && numbers(stream, 0).busy == 1 && p2p_task_stream_running(stream) == 1);
  CHECK(announce(stream, P2P_FRAME_CONDITION, id, 3) == P2P_OK && !changed);
  CHECK(take(stream, P2P_FRAME_DATA, id, "abc", 3, 0) == P2P_OK && task_news == 1);
  CHECK(announce(stream, P2P_FRAME_RESULT, id, 4) == P2P_OK);
  CHECK(take(stream, P2P_FRAME_DATA, id, "12", 2, 0) == P2P_OK && !changed);
  struct p2p_task_progress progress;
  p2p_task_progress(task, &progress);
  CHECK(progress.sent == 100000 && progress.to_send == 100000);
  CHECK(progress.arrived == 2 && progress.to_arrive == 4);
  CHECK(take(stream, P2P_FRAME_DATA, id, "34", 2, 9) == P2P_OK && changed);
  CHECK(p2p_task_state(task) == P2P_TASK_DONE && p2p_result_size(p2p_task_result(task)) == 4);
  CHECK(p2p_task_object(task) == NULL && numbers(stream, 0).busy == 0 &&
        numbers(stream, 9).held == 1);
  CHECK(left.tasks == 1 && left.done == 1 && left.sent == 100000 && left.received == 7);
  struct p2p_blob *condition = p2p_task_next_condition(task);
  CHECK(condition != NULL && p2p_blob_size(condition) == 3);
  p2p_blob_free(condition);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

/* As it arrives, others can read it. Which run it is of is certain: a lost one breaks. */
TEST(large_results_are_reported_at_their_start_and_break_with_the_link) {
  static const uint8_t piece[P2P_FRAME_PAYLOAD_MAX];
  struct p2p_task_stream *stream = stream_new(2);
  CHECK(slot(stream, P2P_SLOT_GRANT, 2, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 10), *other = start(stream, 10);
  task_news = 0;
  CHECK(announce(stream, P2P_FRAME_RESULT, 1, P2P_TASK_WHOLE_BYTES) == P2P_OK && task_news == 0);
  CHECK(announce(stream, P2P_FRAME_RESULT, 2, 2 * P2P_TASK_WHOLE_BYTES) == P2P_OK);
  CHECK(task_news == 1 && p2p_task_state(other) == P2P_TASK_RUNNING);
  struct p2p_result *result = p2p_task_read(other);
  const uint8_t *bytes;
  CHECK(result != NULL && p2p_task_read(task) == NULL);
  for (int i = 0; i < 2; i++) { /* in turn */
    CHECK(take(stream, P2P_FRAME_DATA, 1, piece, sizeof piece, 0) == P2P_OK);
    CHECK(take(stream, P2P_FRAME_DATA, 2, piece, 1000, 0) == P2P_OK);
  }
  CHECK(p2p_result_span(result, 0, &bytes) == 2000 && !p2p_result_is_broken(result));
  struct p2p_err why = {.code = P2P_ERR_LOST, .message = "gone"};
  p2p_task_stream_fail(stream, &why, &again);
  CHECK(p2p_task_state(other) == P2P_TASK_FAILED && p2p_result_is_broken(result));
  CHECK(p2p_result_span(result, 0, &bytes) == 2000);
  p2p_result_free(result);
  p2p_task_free(task);
  p2p_task_free(other);
  p2p_task_stream_free(stream);
}

TEST(uploads_are_interleaved_and_pause_when_the_queue_is_full) {
  struct p2p_task_stream *stream = stream_new(2);
  CHECK(slot(stream, P2P_SLOT_GRANT, 2, 0) == P2P_OK);
  struct p2p_task *large = start(stream, 1000000);
  size_t before = n_sent;
  CHECK(before == 5); /* TASK and four pieces: above 200000 */
  struct p2p_task *small = start(stream, 10);
  CHECK(n_sent == before + 1 && sent[before].type == P2P_FRAME_TASK);
  queued_bytes = 0;
  CHECK(p2p_task_stream_on_drain(stream) == P2P_OK);
  CHECK(sent[before + 1].task == sent[0].task && sent[before + 2].task == sent[before].task &&
        sent[before + 2].length == 10);
  for (int i = 0; i < 10; i++) {
    queued_bytes = 0;
    CHECK(p2p_task_stream_on_drain(stream) == P2P_OK);
  }
  size_t bytes = 0;
  for (size_t i = 0; i < n_sent; i++) bytes += sent[i].type == P2P_FRAME_DATA ? sent[i].length : 0;
  CHECK(bytes == 1000010);
  struct p2p_err lost;
  p2p_err_set(&lost, P2P_ERR_LOST, "no sign of life for 15 s");
  p2p_task_stream_fail(stream, &lost, &again);
  p2p_task_error(large, &err);
  CHECK(err.code == P2P_ERR_LOST);
  CHECK_STR(err.message, "the link to worker 'carol@desk:4711' was lost (no sign of life for 15 s) "
                         "while it was evaluating future 'x'");
  CHECK_STR(err.reason, "worker_lost"); /* for which R advises retries */
  CHECK(again.length == 0);
  CHECK(p2p_task_state(small) == P2P_TASK_FAILED);
  p2p_task_stream_free(stream);
  p2p_task_free(large);
  p2p_task_free(small);
}

TEST(a_task_with_one_retry_is_sent_again_once_in_full) {
  struct p2p_blob *object = p2p_blob_new(3);
  CHECK(p2p_blob_append(object, "abc", 3) == P2P_OK);
  struct p2p_task *task = p2p_task_new(object, "x");
  struct p2p_err lost, last;
  p2p_err_set(&lost, P2P_ERR_LOST, "no sign of life for 15 s");
  CHECK(p2p_task_submit(task, 1) && p2p_task_losses(task, &last) == 0);
  p2p_task_ref(task);
  for (int run = 0; run < 2; run++) {
    struct p2p_task_stream *stream = stream_new(1);
    CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK && p2p_task_start(task, WORKER));
    CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
    CHECK(sent[1].type == P2P_FRAME_DATA && sent[1].length == 3);
    CHECK(announce(stream, P2P_FRAME_RESULT, sent[0].task, 2) == P2P_OK);
    CHECK(take(stream, P2P_FRAME_DATA, sent[0].task, "1", 1, 0) ==
          P2P_OK); /* half a result does not count */
    p2p_task_stream_fail(stream, &lost, &again);
    if (run == 0)
      CHECK(p2p_task_state(task) == P2P_TASK_WAITING && p2p_task_queue_pop(&again) == task);
    p2p_task_stream_free(stream);
  }
  CHECK(again.length == 0 && p2p_task_state(task) == P2P_TASK_FAILED &&
        p2p_task_object(task) == NULL);
  CHECK(p2p_task_losses(task, &last) == 1);
  CHECK_STR(last.message,
            "the link to worker 'carol@desk:4711' was lost (no sign of life for 15 s) "
            "while it was evaluating future 'x'");
  p2p_task_error(task, &err);
  CHECK(err.reason == NULL); /* retries were used */
  p2p_task_free(task);
}

TEST(a_future_that_crashed_its_evaluator_does_not_run_again) {
  struct p2p_task_stream *stream = stream_new(1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "x");
  CHECK(p2p_task_submit(task, 5) && p2p_task_start(task, WORKER));
  p2p_task_ref(task);
  CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
  CHECK(take(stream, P2P_FRAME_LOST, sent[0].task, "died", 4, 0) == P2P_OK);
  CHECK(p2p_task_state(task) == P2P_TASK_FAILED);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(a_future_whose_evaluator_was_killed_from_outside_runs_again_if_a_retry_is_left) {
  struct p2p_err last;
  for (uint32_t retries = 0; retries < 2; retries++) {
    struct p2p_task_stream *stream = stream_new(1);
    CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
    struct p2p_task *task = start_with(stream, 3, retries);
    CHECK(announce(stream, P2P_FRAME_CONDITION, sent[0].task, 9) == P2P_OK);
    CHECK(take(stream, P2P_FRAME_LOST, sent[0].task, "\1killed", 7, 0) == P2P_OK && changed);
    CHECK(numbers(stream, 0).busy == 0 && p2p_task_stream_running(stream) == 0);
    CHECK(p2p_task_losses(task, &last) == retries);
    CHECK(p2p_task_state(task) == (retries == 0 ? P2P_TASK_FAILED : P2P_TASK_WAITING));
    CHECK(p2p_task_queue_pop(&again) == (retries == 0 ? NULL : task));
    if (retries == 0) {
      p2p_task_error(task, &err);
      CHECK_STR(err.message, "killed");
      CHECK_STR(err.reason, "worker_lost"); /* for which R advises retries */
    } else {
      CHECK_STR(last.message, "killed");
      CHECK(p2p_task_start(task, WORKER) && p2p_task_stream_start(stream, task) == P2P_OK);
      CHECK(take(stream, P2P_FRAME_LOST, sent[n_sent - 1].task, "\1killed", 7, 0) == P2P_OK);
      p2p_task_error(task, &err);
      CHECK(p2p_task_state(task) == P2P_TASK_FAILED && err.reason == NULL); /* it was used */
    }
    p2p_task_free(task);
    p2p_task_stream_free(stream);
  }
}

TEST(a_future_that_has_not_begun_waits_again_without_using_a_retry) {
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_err last;
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 3);
  for (int i = 0; i < P2P_TASK_REQUEUES_MAX; i++) {
    CHECK(take(stream, P2P_FRAME_LOST, sent[n_sent - 1].task, "\2died", 5, 0) == P2P_OK && changed);
    CHECK(p2p_task_state(task) == P2P_TASK_WAITING && p2p_task_queue_pop(&again) == task);
    CHECK(p2p_task_start(task, WORKER) && p2p_task_stream_start(stream, task) == P2P_OK);
    CHECK(sent[n_sent - 1].type == P2P_FRAME_DATA && sent[n_sent - 1].length == 3);
  }
  CHECK(take(stream, P2P_FRAME_LOST, sent[n_sent - 1].task, "\2died", 5, 0) == P2P_OK);
  CHECK(p2p_task_state(task) == P2P_TASK_FAILED && p2p_task_losses(task, &last) == 0);
  CHECK(again.length == 0);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(a_future_that_was_not_sent_in_full_waits_again_without_using_a_retry) {
  struct p2p_task_stream *stream = stream_new(2);
  struct p2p_err lost, last;
  p2p_err_set(&lost, P2P_ERR_LOST, "no sign of life for 15 s");
  CHECK(slot(stream, P2P_SLOT_GRANT, 2, 0) == P2P_OK);
  struct p2p_task *small = start(stream, 10), *large = start(stream, 1000000);
  p2p_task_stream_fail(stream, &lost, &again);
  CHECK(p2p_task_state(small) == P2P_TASK_FAILED);
  CHECK(p2p_task_state(large) == P2P_TASK_WAITING && p2p_task_losses(large, &last) == 0);
  CHECK(p2p_task_queue_pop(&again) == large && again.length == 0);
  p2p_task_stream_free(stream);
  p2p_task_free(small);
  CHECK(p2p_task_object(large) != NULL);
  p2p_task_release(large);
  p2p_task_free(large);
}

TEST(a_future_that_was_canceled_does_not_run_again) {
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_err canceled = {.code = P2P_ERR_CANCELED};
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  for (int i = 0; i < 2; i++) {
    struct p2p_task *task = start_with(stream, 1, 5);
    CHECK(p2p_task_fail(task, &canceled));
    CHECK(take(stream, P2P_FRAME_LOST, sent[n_sent - 1].task, i == 0 ? "\1" : "\2", 1, 0) ==
          P2P_OK);
    p2p_task_error(task, &err);
    CHECK(err.code == P2P_ERR_CANCELED && again.length == 0 && numbers(stream, 0).busy == 0);
    p2p_task_free(task);
  }
  p2p_task_stream_free(stream);
}

/* What is left at a worker with 8 GiB. */
static struct p2p_room room_of(const struct p2p_task_stream *stream) {
  static const struct p2p_machine machine = {.memory_mib = 8192, .reserves = true};
  struct p2p_room room;
  p2p_task_stream_room(stream, &machine, NULL, &room);
  return room;
}

TEST(a_task_with_a_request_waits_for_need_and_is_reserved_until_its_end) {
  static const uint8_t need[P2P_NEED_LEN], bad_need[P2P_NEED_LEN] = {0, 0, 0, 1};
  const struct p2p_resources request = {.amounts = {.memory_mib = 6144}, .tags = "x"};
  struct p2p_task_stream *stream = stream_new(2);
  CHECK(slot(stream, P2P_SLOT_GRANT, 2, 0) == P2P_OK);
  struct p2p_blob *object = p2p_blob_new(3);
  CHECK(p2p_blob_append(object, "abc", 3) == P2P_OK);
  struct p2p_task *task = p2p_task_new(object, "x");
  p2p_task_set_resources(task, &request);
  CHECK(p2p_task_submit(task, 0) && p2p_task_start(task, WORKER));
  p2p_task_ref(task);
  CHECK(p2p_task_stream_start(stream, task) == P2P_OK && n_sent == 2);
  CHECK(sent[0].type == P2P_FRAME_REQUEST && sent[0].task == 1 && sent[0].length == 19);
  CHECK(memcmp(sent[0].payload, "memory=6144\ntags", 16) == 0);
  CHECK(sent[1].type == P2P_FRAME_TASK && sent[1].task == 1);
  CHECK(p2p_task_state(task) == P2P_TASK_IN_LINE && p2p_task_starts(task) == 0);
  CHECK(p2p_task_stream_in_line(stream) == task);
  CHECK(room_of(stream).left.memory_mib == 2048 && !room_of(stream).may_wait);
  CHECK(p2p_task_stream_on_drain(stream) == P2P_OK && n_sent == 2);
  CHECK(take(stream, P2P_FRAME_NEED, 1, need, sizeof need, 0) == P2P_OK && changed);
  CHECK(n_sent == 3 && sent[2].type == P2P_FRAME_DATA && sent[2].length == 3);
  CHECK(p2p_task_state(task) == P2P_TASK_RUNNING && p2p_task_starts(task) == 1);
  CHECK(p2p_task_stream_in_line(stream) == NULL);
  CHECK(room_of(stream).left.memory_mib == 2048 && room_of(stream).may_wait);
  CHECK(announce(stream, P2P_FRAME_RESULT, 1, 0) == P2P_OK);
  CHECK(p2p_task_state(task) == P2P_TASK_DONE && room_of(stream).left.memory_mib == 8192);
  CHECK(take(stream, P2P_FRAME_NEED, 1, bad_need, sizeof bad_need, 0) == P2P_OK); /* too late */
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

/* A task that requests memory, at a worker that has not answered. */
static struct p2p_task *start_in_line(struct p2p_task_stream *stream) {
  const struct p2p_resources request = {.amounts = {.memory_mib = 6144}};
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "x");
  p2p_task_set_resources(task, &request);
  CHECK(p2p_task_submit(task, 0) && p2p_task_start(task, WORKER));
  p2p_task_ref(task);
  CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
  return task;
}

TEST(a_task_can_leave_the_line_for_another_worker) {
  static const uint8_t need[P2P_NEED_LEN];
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_task *task = start_in_line(stream);
  CHECK(p2p_task_stream_cancel_ended(stream) == P2P_OK && n_sent == 2);
  CHECK(p2p_task_leave_line(task) && p2p_task_stream_cancel_ended(stream) == P2P_OK);
  CHECK(n_sent == 3 && sent[2].type == P2P_FRAME_CANCEL && again.length == 1);
  CHECK(p2p_task_queue_pop(&again) == task && p2p_task_state(task) == P2P_TASK_WAITING);
  CHECK(p2p_task_start(task, "another@worker:1"));
  CHECK(p2p_task_stream_in_line(stream) == NULL && !room_of(stream).may_wait);
  CHECK(take(stream, P2P_FRAME_NEED, 1, need, sizeof need, 0) == P2P_OK); /* it has crossed */
  CHECK(p2p_task_state(task) == P2P_TASK_IN_LINE && n_sent == 3);
  CHECK(take(stream, P2P_FRAME_LOST, 1, "\2", 1, 0) == P2P_OK && again.length == 0);
  CHECK(numbers(stream, 0).busy == 0 && room_of(stream).may_wait);
  CHECK(p2p_task_take_turn(task) && !p2p_task_leave_line(task));
  p2p_task_release(task);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(an_object_of_a_task_in_line_breaks_the_protocol) {
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_task *task = start_in_line(stream);
  CHECK(announce(stream, P2P_FRAME_RESULT, 1, 0) == P2P_ERR_PROTOCOL);
  CHECK(p2p_task_fail(task, &(struct p2p_err){.code = P2P_ERR_CANCELED}));
  p2p_task_stream_free(stream);
  p2p_task_free(task);
}

TEST(a_cancelled_task_keeps_its_slot_until_the_answer) {
  struct p2p_task_stream *stream = stream_new(1);
  struct p2p_err canceled = {.code = P2P_ERR_CANCELED};
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 1000000);
  uint32_t id = sent[0].task;
  CHECK(announce(stream, P2P_FRAME_CONDITION, id, 10) == P2P_OK);
  CHECK(p2p_task_fail(task, &canceled));
  CHECK(p2p_task_stream_cancel_ended(stream) == P2P_OK);
  CHECK(sent[n_sent - 1].type == P2P_FRAME_CANCEL && sent[n_sent - 1].task == id);
  size_t before = n_sent;
  queued_bytes = 0;
  CHECK(p2p_task_stream_cancel_ended(stream) == P2P_OK &&
        p2p_task_stream_on_drain(stream) == P2P_OK && n_sent == before); /* nothing more is sent */
  CHECK(numbers(stream, 0).busy == 1 && p2p_task_stream_running(stream) == 0);
  CHECK(take(stream, P2P_FRAME_DATA, id, "0123456789", 10, 0) == P2P_OK);
  CHECK(announce(stream, P2P_FRAME_RESULT, id, UINT64_MAX) == P2P_OK && !changed);
  CHECK(take(stream, P2P_FRAME_DATA, id, "0", 1, 0) == P2P_OK && numbers(stream, 0).busy == 1);
  CHECK(take(stream, P2P_FRAME_LOST, id, "interrupted", 11, 0) == P2P_OK && changed &&
        numbers(stream, 0).busy == 0);
  CHECK(take(stream, P2P_FRAME_LOST, id, "again", 5, 0) == P2P_OK && !changed);
  CHECK(announce(stream, P2P_FRAME_RESULT, id, 1) == P2P_OK &&
        take(stream, P2P_FRAME_DATA, id, "x", 1, 0) == P2P_OK);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(a_worker_that_ends_the_link_states_the_reason) {
  struct p2p_task_stream *stream = stream_new(1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 0);
  CHECK(take(stream, P2P_FRAME_LOST, 0, "the worker\nwas stopped", 22, 0) == P2P_ERR_CLOSED);
  CHECK_STR(err.message, "the worker?was stopped");
  CHECK(take(stream, P2P_FRAME_LOST, 0, "", 0, 0) == P2P_ERR_CLOSED && err.message[0] != '\0');
  CHECK(p2p_task_state(task) == P2P_TASK_RUNNING); /* until the link is gone */
  struct p2p_task_queue again = {0};
  p2p_err_set(&err, P2P_ERR_CLOSED, "it was stopped");
  p2p_task_stream_fail(stream, &err, &again);
  p2p_task_error(task, &err);
  CHECK(strstr(err.message, "worker 'carol@desk:4711' closed the link while it was evaluating "
                            "future '") != NULL);
  CHECK(strstr(err.message, "': it was stopped") != NULL);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(a_lost_task_fails_with_the_message_of_the_worker) {
  struct p2p_task_stream *stream = stream_new(1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 0);
  CHECK(n_sent == 1);
  CHECK(take(stream, P2P_FRAME_LOST, sent[0].task, "the evaluator\ndied", 18, 0) == P2P_OK &&
        changed);
  p2p_task_error(task, &err);
  CHECK(err.code == P2P_ERR_LOST);
  CHECK_STR(err.message, "the evaluator?died");
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(a_result_beyond_the_limit_fails_when_it_is_announced) {
  struct p2p_task_stream *stream = stream_new(1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 1);
  uint32_t id = sent[0].task;
  CHECK(announce(stream, P2P_FRAME_RESULT, id, CAP + 1) == P2P_OK);
  p2p_task_error(task, &err);
  CHECK(err.code == P2P_ERR_TOO_LARGE && strstr(err.message, "4000001 bytes") != NULL &&
        strstr(err.message, "at most 4000000") != NULL);
  CHECK(sent[n_sent - 1].type == P2P_FRAME_CANCEL && numbers(stream, 0).busy == 1);
  static uint8_t bytes[65536];
  uint64_t left = CAP + 1;
  while (left > 0) {
    size_t part = left < sizeof bytes ? (size_t)left : sizeof bytes;
    CHECK(take(stream, P2P_FRAME_DATA, id, bytes, part, 0) == P2P_OK);
    left -= part;
  }
  CHECK(changed && numbers(stream, 0).busy == 0);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(an_empty_result_is_a_result) {
  struct p2p_task_stream *stream = stream_new(1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 1);
  CHECK(announce(stream, P2P_FRAME_RESULT, sent[0].task, 0) == P2P_OK && changed);
  CHECK(p2p_task_state(task) == P2P_TASK_DONE && p2p_result_size(p2p_task_result(task)) == 0);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(slots_that_are_idle_for_longest_are_returned_first) {
  struct p2p_task_stream *stream = stream_new(4);
  CHECK(slot(stream, P2P_SLOT_GRANT, 2, 1000) == P2P_OK &&
        slot(stream, P2P_SLOT_GRANT, 2, 3000) == P2P_OK);
  CHECK(numbers(stream, 3000).cold == 0 && numbers(stream, 3000).cool == 2 &&
        numbers(stream, 3000).next_cool_ms == 3000 + P2P_SCHEDULE_COOL_MS);
  CHECK(numbers(stream, 1000 + P2P_SCHEDULE_WARM_MS).cold == 2);
  CHECK(slot(stream, P2P_SLOT_RECALL, 9, 4000) == P2P_OK && changed);
  CHECK(numbers(stream, 4000).recalled == 4);
  CHECK(p2p_task_stream_return_slots(stream, 3) == P2P_OK);
  CHECK(sent[0].payload[0] == P2P_SLOT_RETURN && sent[0].payload[4] == 3);
  CHECK(numbers(stream, 4000).held == 1 && numbers(stream, 4000).recalled == 1);
  CHECK(numbers(stream, 4000).next_cool_ms == 3000 + P2P_SCHEDULE_WARM_MS);
  p2p_task_stream_free(stream);
}

TEST(a_protocol_violation_is_an_error) {
  struct p2p_task_stream *stream = stream_new(2);
  CHECK(slot(stream, P2P_SLOT_GRANT, 3, 0) == P2P_ERR_PROTOCOL);
  CHECK(slot(stream, P2P_SLOT_GRANT, UINT32_MAX, 0) == P2P_ERR_PROTOCOL);
  CHECK(slot(stream, P2P_SLOT_WANT, 1, 0) == P2P_ERR_PROTOCOL);
  CHECK(take(stream, P2P_FRAME_SLOT, 0, "\2", 1, 0) == P2P_ERR_PROTOCOL);
  CHECK(take(stream, P2P_FRAME_SLOT, 0, NULL, 0, 0) == P2P_ERR_PROTOCOL);
  CHECK(take(stream, P2P_FRAME_TASK, 1, "12345678", 8, 0) == P2P_ERR_PROTOCOL);
  CHECK(take(stream, P2P_FRAME_HELLO, 0, "", 0, 0) == P2P_ERR_PROTOCOL);
  CHECK(slot(stream, P2P_SLOT_GRANT, 2, 0) == P2P_OK);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_ERR_PROTOCOL);
  struct p2p_task *task = start(stream, 1);
  uint32_t id = sent[n_sent - 2].task;
  CHECK(take(stream, P2P_FRAME_DATA, id, "x", 1, 0) == P2P_ERR_PROTOCOL);
  CHECK(take(stream, P2P_FRAME_RESULT, id, "1234567", 7, 0) == P2P_ERR_PROTOCOL);
  CHECK(announce(stream, P2P_FRAME_RESULT, id, 2) == P2P_OK);
  CHECK(announce(stream, P2P_FRAME_CONDITION, id, 2) == P2P_ERR_PROTOCOL);
  CHECK(take(stream, P2P_FRAME_DATA, id, "xyz", 3, 0) == P2P_ERR_PROTOCOL);
  CHECK_STR(err.message, "it violated the link protocol: more DATA than announced");
  p2p_task_stream_fail(stream, &err, &again);
  CHECK(p2p_task_state(task) == P2P_TASK_FAILED);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

TEST(a_failed_write_is_an_error) {
  struct p2p_task_stream *stream = stream_new(1);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start(stream, 300000);
  send_code = P2P_ERR_CLOSED;
  queued_bytes = 0;
  CHECK(p2p_task_stream_on_drain(stream) == P2P_ERR_CLOSED);
  CHECK(p2p_task_stream_request_slots(stream, 0, 0) == P2P_ERR_CLOSED);
  struct p2p_err why;
  p2p_err_set(&why, P2P_ERR_CANCELED, "The session has left the cluster");
  p2p_task_stream_cancel_all(stream, &why);
  p2p_task_error(task, &err);
  CHECK(err.code == P2P_ERR_CANCELED && task_news == 1);
  p2p_task_free(task);
  p2p_task_stream_free(stream);
}

UNIT_MAIN("task_stream", UNIT(a_task_is_sent_and_its_result_arrives),
          UNIT(large_results_are_reported_at_their_start_and_break_with_the_link),
          UNIT(uploads_are_interleaved_and_pause_when_the_queue_is_full),
          UNIT(a_task_with_one_retry_is_sent_again_once_in_full),
          UNIT(a_future_that_crashed_its_evaluator_does_not_run_again),
          UNIT(a_future_whose_evaluator_was_killed_from_outside_runs_again_if_a_retry_is_left),
          UNIT(a_future_that_has_not_begun_waits_again_without_using_a_retry),
          UNIT(a_future_that_was_not_sent_in_full_waits_again_without_using_a_retry),
          UNIT(a_future_that_was_canceled_does_not_run_again),
          UNIT(a_task_with_a_request_waits_for_need_and_is_reserved_until_its_end),
          UNIT(a_task_can_leave_the_line_for_another_worker),
          UNIT(an_object_of_a_task_in_line_breaks_the_protocol),
          UNIT(a_cancelled_task_keeps_its_slot_until_the_answer),
          UNIT(a_worker_that_ends_the_link_states_the_reason),
          UNIT(a_lost_task_fails_with_the_message_of_the_worker),
          UNIT(a_result_beyond_the_limit_fails_when_it_is_announced),
          UNIT(an_empty_result_is_a_result),
          UNIT(slots_that_are_idle_for_longest_are_returned_first),
          UNIT(a_protocol_violation_is_an_error), UNIT(a_failed_write_is_an_error))
