/* The slots of one worker that are ours: granted, recalled, used and returned. */
#include "client/slot_pool.h"

#include "unit.h"

static struct p2p_schedule_worker describe(const struct p2p_slot_pool *pool, uint64_t now_ms) {
  struct p2p_schedule_worker out;
  p2p_slot_pool_describe(pool, now_ms, &out);
  return out;
}

TEST(a_worker_cannot_grant_more_slots_than_it_has) {
  struct p2p_slot_pool *pool = p2p_slot_pool_new(3, 0);
  CHECK(!p2p_slot_pool_grant(pool, 4, 0) && !p2p_slot_pool_grant(pool, UINT32_MAX, 0));
  CHECK(p2p_slot_pool_grant(pool, 2, 0) && !p2p_slot_pool_grant(pool, 2, 0));
  CHECK(describe(pool, 0).held == 2);
  p2p_slot_pool_take(pool);
  CHECK(!p2p_slot_pool_grant(pool, 2, 0) && p2p_slot_pool_grant(pool, 1, 0));
  CHECK(describe(pool, 0).held == 3 && describe(pool, 0).busy == 1);
  p2p_slot_pool_free(pool);
  p2p_slot_pool_free(NULL);
}

TEST(a_task_takes_the_slot_that_became_idle_last) {
  struct p2p_slot_pool *pool = p2p_slot_pool_new(2, 0);
  CHECK(p2p_slot_pool_grant(pool, 1, 1000) && p2p_slot_pool_grant(pool, 1, 2000));
  p2p_slot_pool_take(pool);
  CHECK(describe(pool, 2000).next_cool_ms == 1000 + P2P_SCHEDULE_WARM_MS); /* the other one */
  p2p_slot_pool_release(pool, 5000);
  CHECK(describe(pool, 5000).used_ms == 5000 && describe(pool, 5000).busy == 0);
  CHECK(p2p_slot_pool_return(pool, 1) == 1);
  CHECK(describe(pool, 5000).next_cool_ms == 5000 + P2P_SCHEDULE_COOL_MS);
  p2p_slot_pool_free(pool);
}

TEST(only_idle_slots_are_returned_and_count_as_recalled_ones) {
  struct p2p_slot_pool *pool = p2p_slot_pool_new(4, 0);
  CHECK(p2p_slot_pool_grant(pool, 4, 0));
  p2p_slot_pool_take(pool);
  p2p_slot_pool_recall(pool, 2);
  CHECK(describe(pool, 0).recalled == 2);
  CHECK(p2p_slot_pool_return(pool, 9) == 3);
  CHECK(describe(pool, 0).held == 1 && describe(pool, 0).recalled == 0);
  CHECK(p2p_slot_pool_return(pool, 1) == 0);
  p2p_slot_pool_recall(pool, UINT32_MAX);
  CHECK(describe(pool, 0).recalled == 1); /* not more than are held */
  p2p_slot_pool_free(pool);
}

UNIT_MAIN("slot_pool", UNIT(a_worker_cannot_grant_more_slots_than_it_has),
          UNIT(a_task_takes_the_slot_that_became_idle_last),
          UNIT(only_idle_slots_are_returned_and_count_as_recalled_ones))
