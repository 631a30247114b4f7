/* The store of parts, and how parts reach evaluators: from it, from the client, or both. The
 * evaluators are this file's own. */
#include "worker/part_store.h"

#include <string.h>

#include "unit.h"
#include "worker/delivery.h"

#define SIZE 100000

static const struct p2p_task_part big = {"big", SIZE}, small = {"small", 70000};
static const struct p2p_task_part same_id = {"big", SIZE + 1};
static uint8_t content[SIZE];

static bool is_wanted; /* all parts, by p2p_part_store_end() */
static bool wants(void *arg, const struct p2p_task_part *part) {
  (void)arg;
  (void)part;
  return is_wanted;
}

static void fill(struct p2p_part_store *store, const struct p2p_task_part *part, const void *source,
                 size_t length) {
  p2p_part_store_append(store, part, source, content, length);
}

TEST(part_is_whole_when_its_task_has_brought_all_of_it) {
  struct p2p_part_store *store = p2p_part_store_new(2 * SIZE);
  const uint8_t *bytes;
  for (size_t i = 0; i < SIZE; i++) content[i] = (uint8_t)(i * 7);
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_NOT);
  fill(store, &big, "a", 10); /* not begun */
  p2p_part_store_begin(store, &big, "a");
  p2p_part_store_begin(store, &big, "b");
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_ARRIVES);
  CHECK(p2p_part_store_find(store, &same_id) == P2P_STORED_NOT);
  fill(store, &big, "a", SIZE - 1);
  fill(store, &big, "b", 1); /* of another task */
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_ARRIVES);
  fill(store, &big, "a", 1);
  fill(store, &big, "a", 1); /* too much */
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_WHOLE);
  CHECK(p2p_part_store_span(store, &big, 1, &bytes) > 0 && memcmp(bytes, content + 1, 99) == 0);
  p2p_part_store_free(store);
}

TEST(store_has_a_limit) {
  struct p2p_part_store *store = p2p_part_store_new(SIZE + 100), *none = p2p_part_store_new(0);
  p2p_part_store_begin(none, &small, "a");
  CHECK(p2p_part_store_find(none, &small) == P2P_STORED_NOT);
  p2p_part_store_begin(store, &small, "a");
  p2p_part_store_begin(store, &big, "a");
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_NOT);
  is_wanted = false;
  p2p_part_store_end(store, "b", wants, NULL); /* gives the room back */
  p2p_part_store_begin(store, &big, "a");
  CHECK(p2p_part_store_find(store, &small) == P2P_STORED_NOT);
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_ARRIVES);
  const struct p2p_task_part huge = {"huge", UINT64_MAX};
  p2p_part_store_begin(store, &huge, "a");
  CHECK(p2p_part_store_find(store, &huge) == P2P_STORED_NOT);
  p2p_part_store_free(store);
  p2p_part_store_free(none);
}

TEST(what_has_not_arrived_in_full_ends_with_its_task) {
  struct p2p_part_store *store = p2p_part_store_new(2 * SIZE);
  p2p_part_store_begin(store, &big, "a");
  p2p_part_store_begin(store, &small, "a");
  fill(store, &small, "a", 70000);
  fill(store, &big, "a", 70000);
  is_wanted = true;
  p2p_part_store_end(store, "b", wants, NULL);
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_ARRIVES);
  p2p_part_store_end(store, "a", wants, NULL);
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_NOT);
  CHECK(p2p_part_store_find(store, &small) == P2P_STORED_WHOLE);
  p2p_part_store_free(store);
}

/* ---- the delivery ---- */

struct p2p_evaluator {
  uint32_t need; /* the reply, or 99 */
  size_t bytes;
  int frames_until_slow;
};

static bool is_right; /* all bytes are those of `content`, in order, for each part */

enum p2p_evaluator_pace p2p_evaluator_data(struct p2p_evaluator *evaluator,
                                           const struct p2p_frame *frame) {
  CHECK(frame->task == 7 && frame->length > 0);
  if (frame->type == P2P_FRAME_NEED) {
    CHECK(p2p_need_read(frame->payload, frame->length, 2, &evaluator->need) == P2P_OK);
    return P2P_EVALUATOR_KEEPS_UP;
  }
  size_t at = evaluator->bytes % SIZE;
  is_right &= frame->type == P2P_FRAME_DATA && frame->length <= SIZE - at &&
              memcmp(frame->payload, content + at, frame->length) == 0;
  evaluator->bytes += frame->length;
  return --evaluator->frames_until_slow == 0 ? P2P_EVALUATOR_IS_SLOW : P2P_EVALUATOR_KEEPS_UP;
}

static struct p2p_task_parts parts;
static struct p2p_evaluator none = {.need = 99};

static struct p2p_delivery delivery_from(struct p2p_part_store *store) {
  parts = (struct p2p_task_parts){.n = 2, .list = {big, small}};
  is_right = true;
  return (struct p2p_delivery){.store = store, .parts = &parts};
}

static const char *receive(struct p2p_delivery *delivery, uint32_t length, bool *is_whole) {
  const struct p2p_frame data = {P2P_FRAME_DATA, 7, length, content + delivery->at % SIZE};
  return p2p_delivery_received(delivery, &data, is_whole);
}

TEST(client_sends_what_is_not_stored) {
  struct p2p_part_store *store = p2p_part_store_new(2 * SIZE);
  struct p2p_delivery first = delivery_from(store), second = first;
  struct p2p_evaluator one = none, two = none;
  bool is_whole;
  p2p_delivery_need(&first, 3);
  CHECK(p2p_delivery_step(&first, &one, 7) && first.sent == 3 && one.need == 0);
  p2p_delivery_need(&second, 1);
  CHECK(!p2p_delivery_step(&second, &two, 7) && second.waits && two.need == 99);
  CHECK(receive(&second, 1, &is_whole) != NULL); /* it has not asked */
  CHECK(receive(&first, 60000, &is_whole) == NULL && !is_whole);
  CHECK(receive(&first, 40001, &is_whole) != NULL); /* beyond the end of the part */
  CHECK(receive(&first, 40000, &is_whole) == NULL && is_whole && first.sent == 2);
  CHECK(p2p_delivery_step(&second, &two, 7) && second.sent == 0 && two.need == 1);
  CHECK(two.bytes == SIZE && is_right && !second.waits);
  CHECK(receive(&second, 10, &is_whole) == NULL && !is_whole); /* of the object */
  p2p_part_store_free(store);
}

TEST(evaluator_gets_no_more_from_the_store_than_it_takes) {
  struct p2p_part_store *store = p2p_part_store_new(2 * SIZE);
  struct p2p_delivery delivery = delivery_from(store);
  struct p2p_evaluator evaluator = none;
  bool is_whole;
  p2p_part_store_begin(store, &big, "a");
  fill(store, &big, "a", SIZE);
  evaluator.frames_until_slow = 1;
  p2p_delivery_need(&delivery, 3);
  CHECK(!p2p_delivery_step(&delivery, &evaluator, 7) && evaluator.need == 1);
  CHECK(evaluator.bytes > 0 && evaluator.bytes < SIZE && delivery.stored == 1);
  CHECK(receive(&delivery, 1, &is_whole) != NULL); /* before NEED */
  CHECK(p2p_delivery_step(&delivery, &evaluator, 7) && delivery.sent == 2);
  CHECK(evaluator.bytes == SIZE && is_right);
  p2p_part_store_free(store);
}

TEST(part_that_does_not_arrive_for_another_task_is_sent_by_the_client) {
  struct p2p_part_store *store = p2p_part_store_new(2 * SIZE);
  struct p2p_delivery first = delivery_from(store), second = first;
  struct p2p_evaluator one = none, two = none;
  bool is_whole;
  p2p_delivery_need(&first, 1);
  CHECK(p2p_delivery_step(&first, &one, 7));
  CHECK(receive(&first, 60000, &is_whole) == NULL);
  p2p_delivery_need(&second, 1);
  CHECK(!p2p_delivery_step(&second, &two, 7));
  is_wanted = true;
  p2p_part_store_end(store, &first, wants, NULL);
  CHECK(p2p_delivery_step(&second, &two, 7) && second.sent == 1 && two.need == 0);
  CHECK(receive(&second, 60000, &is_whole) == NULL && !is_whole);
  CHECK(receive(&second, 40000, &is_whole) == NULL && is_whole);
  CHECK(p2p_part_store_find(store, &big) == P2P_STORED_WHOLE);
  p2p_part_store_free(store);
}

TEST(task_that_needs_nothing_is_asked_for_at_once) {
  struct p2p_part_store *store = p2p_part_store_new(2 * SIZE);
  struct p2p_delivery delivery = delivery_from(store);
  struct p2p_evaluator evaluator = none;
  p2p_delivery_need(&delivery, 0);
  CHECK(p2p_delivery_step(&delivery, &evaluator, 7) && delivery.sent == 0 && evaluator.need == 99);
  CHECK(p2p_delivery_names(&delivery, &big) && !p2p_delivery_names(&delivery, &same_id));
  p2p_part_store_free(store);
}

UNIT_MAIN("part_store", UNIT(part_is_whole_when_its_task_has_brought_all_of_it),
          UNIT(store_has_a_limit), UNIT(what_has_not_arrived_in_full_ends_with_its_task),
          UNIT(client_sends_what_is_not_stored),
          UNIT(evaluator_gets_no_more_from_the_store_than_it_takes),
          UNIT(part_that_does_not_arrive_for_another_task_is_sent_by_the_client),
          UNIT(task_that_needs_nothing_is_asked_for_at_once))
