/* The number of other workers, and the jitter that follows from it. */
#include "unit.h"

#include "worker/other_workers.h"

TEST(each_worker_is_counted_once) {
  struct p2p_other_workers others = {0};
  CHECK(p2p_other_workers_jitter_ms(&others, 5) == 0);
  p2p_other_workers_add(&others, "0123", 10);
  p2p_other_workers_add(&others, "0123", 20);
  p2p_other_workers_add(&others, "4567", 30);
  CHECK(p2p_other_workers_count(&others, 30) == 2);
  CHECK(p2p_other_workers_jitter_ms(&others, 30) == 2 * P2P_OTHER_WORKERS_JITTER_MS);
  p2p_other_workers_remove(&others, "0123");
  p2p_other_workers_remove(&others, "nobody");
  CHECK(p2p_other_workers_count(&others, 30) == 1);
}

TEST(silent_workers_are_forgotten) {
  struct p2p_other_workers others = {0};
  p2p_other_workers_add(&others, "a", 10);
  p2p_other_workers_add(&others, "b", 1000);
  CHECK(p2p_other_workers_count(&others, 11 + P2P_OTHER_WORKERS_SILENCE_MS) == 1);
  CHECK(p2p_other_workers_count(&others, 1001 + P2P_OTHER_WORKERS_SILENCE_MS) == 0);
}

TEST(table_is_bounded) {
  struct p2p_other_workers others = {0};
  for (uint64_t i = 0; i < 10 * P2P_OTHER_WORKERS_MAX; i++) {
    char name[32];
    snprintf(name, sizeof name, "x@y:%d", (int)i);
    p2p_other_workers_add(&others, name, i);
  }
  CHECK(p2p_other_workers_count(&others, 1000) == P2P_OTHER_WORKERS_MAX);
  CHECK(p2p_other_workers_jitter_ms(&others, 1000) == P2P_OTHER_WORKERS_JITTER_MAX_MS);
}

UNIT_MAIN("other_workers", UNIT(each_worker_is_counted_once), UNIT(silent_workers_are_forgotten),
          UNIT(table_is_bounded))
