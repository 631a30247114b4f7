/* The crowd of other workers. */
#include "unit.h"

#include "worker/crowd.h"

TEST(counts_each_once) {
  struct p2p_crowd crowd = {0};
  CHECK(p2p_crowd_jitter_ms(&crowd, 5) == 0);
  p2p_crowd_hear(&crowd, "alice@a:1", 10);
  p2p_crowd_hear(&crowd, "alice@a:1", 20);
  p2p_crowd_hear(&crowd, "alice@a:2", 30);
  CHECK(p2p_crowd_count(&crowd, 30) == 2);
  CHECK(p2p_crowd_jitter_ms(&crowd, 30) == 2 * P2P_CROWD_JITTER_MS);
  p2p_crowd_leave(&crowd, "alice@a:1");
  p2p_crowd_leave(&crowd, "nobody");
  CHECK(p2p_crowd_count(&crowd, 30) == 1);
}

TEST(forgets_the_silent) {
  struct p2p_crowd crowd = {0};
  p2p_crowd_hear(&crowd, "a", 10);
  p2p_crowd_hear(&crowd, "b", 1000);
  CHECK(p2p_crowd_count(&crowd, 11 + P2P_CROWD_SILENCE_MS) == 1);
  CHECK(p2p_crowd_count(&crowd, 1001 + P2P_CROWD_SILENCE_MS) == 0);
}

TEST(is_bounded) {
  struct p2p_crowd crowd = {0};
  for (uint64_t i = 0; i < 10 * P2P_CROWD_MAX; i++) {
    char from[32];
    snprintf(from, sizeof from, "x@y:%d", (int)i);
    p2p_crowd_hear(&crowd, from, i);
  }
  CHECK(p2p_crowd_count(&crowd, 1000) == P2P_CROWD_MAX);
  CHECK(p2p_crowd_jitter_ms(&crowd, 1000) == P2P_CROWD_JITTER_MAX_MS);
}

UNIT_MAIN("crowd", UNIT(counts_each_once), UNIT(forgets_the_silent), UNIT(is_bounded))
