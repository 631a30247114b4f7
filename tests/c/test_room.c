/* The room of a worker, as a client sees it. */
#include "client/room.h"

#include "unit.h"

static struct p2p_machine machine = {
    .cores = 4, .memory_mib = 8192, .reserves = true, .tags = "bioc"};
static const struct p2p_amounts nothing;

static struct p2p_resources memory(uint32_t mib) {
  return (struct p2p_resources){.amounts = {.memory_mib = mib}};
}

static uint32_t count(const struct p2p_amounts *ours, const struct p2p_load *load, bool may_wait,
                      struct p2p_resources request) {
  struct p2p_room room;
  p2p_room_init(&room, &machine, ours, load, may_wait);
  return p2p_room_count(&room, &request);
}

TEST(what_is_reserved_is_not_given_twice) {
  struct p2p_load load = {.reserved = {.memory_mib = 1024}};
  struct p2p_amounts ours = {.memory_mib = 4096};
  CHECK(count(&nothing, NULL, false, memory(2048)) == 4);
  CHECK(count(&nothing, &load, false, memory(2048)) == 3);
  CHECK(count(&ours, &load, false, memory(2048)) == 1);
  CHECK(count(&ours, &load, false, memory(4096)) == 0);
}

TEST(one_task_may_wait_there) {
  struct p2p_amounts ours = {.memory_mib = 4096};
  CHECK(count(&ours, NULL, true, memory(6144)) == 1);
  CHECK(count(&ours, NULL, true, memory(2048)) == 2);
  CHECK(count(&ours, NULL, true, memory(9000)) == 0); /* never */
}

TEST(gpus_count_as_the_rest_does) {
  struct p2p_machine two = machine;
  struct p2p_room room;
  struct p2p_resources one = {.amounts = {.gpus = 1}}, three = {.amounts = {.gpus = 3}};
  two.gpus = 2;
  p2p_room_init(&room, &machine, &nothing, NULL, true);
  CHECK(!p2p_room_can_ever(&room, &one)); /* it does not tell of any */
  p2p_room_init(&room, &two, &nothing, NULL, false);
  CHECK(p2p_room_count(&room, &one) == 2 && !p2p_room_can_ever(&room, &three));
  p2p_room_init(&room, &two, &one.amounts, &(struct p2p_load){.reserved = {.gpus = 1}}, false);
  CHECK(p2p_room_count(&room, &one) == 0);
}

TEST(a_task_without_a_request_always_fits) {
  struct p2p_amounts ours = {9, 9999, 0};
  CHECK(count(&ours, NULL, false, memory(0)) == UINT32_MAX);
}

TEST(a_request_needs_tags_a_limit_and_a_worker_that_reserves) {
  struct p2p_room room;
  struct p2p_machine old = machine, limited = machine;
  struct p2p_resources tagged = {.tags = "bioc"}, other = {.tags = "gpu"}, two = memory(2048);
  old.reserves = false;
  limited.limit_mib = 1024;
  p2p_room_init(&room, &machine, &nothing, NULL, true);
  CHECK(p2p_room_can_ever(&room, &tagged) && !p2p_room_can_ever(&room, &other));
  p2p_room_init(&room, &old, &nothing, NULL, true);
  CHECK(!p2p_room_can_ever(&room, &tagged) && !p2p_room_can_ever(&room, &two));
  CHECK(p2p_room_can_ever(&room, &(struct p2p_resources){.tags = ""}));
  p2p_room_init(&room, &limited, &nothing, NULL, true);
  CHECK(!p2p_room_can_ever(&room, &two));
}

UNIT_MAIN("room", UNIT(what_is_reserved_is_not_given_twice), UNIT(one_task_may_wait_there),
          UNIT(gpus_count_as_the_rest_does), UNIT(a_task_without_a_request_always_fits),
          UNIT(a_request_needs_tags_a_limit_and_a_worker_that_reserves))
