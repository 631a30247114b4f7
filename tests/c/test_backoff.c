/* The pauses between attempts. */
#include "base/backoff.h"

#include "base/err.h"
#include "crypto/random.h"
#include "unit.h"

TEST(pauses_double_up_to_the_most_and_spread_over_all_of_it) {
  uint32_t most = P2P_BACKOFF_FIRST_MS;
  CHECK(p2p_crypto_init() == P2P_OK);
  for (unsigned attempts = 0; attempts < 40; attempts++) {
    uint32_t least_seen = UINT32_MAX, most_seen = 0;
    for (int i = 0; i < 300; i++) {
      uint32_t pause = p2p_backoff_pause(attempts, p2p_random_below(UINT32_MAX));
      if (pause < least_seen) least_seen = pause;
      if (pause > most_seen) most_seen = pause;
    }
    CHECK(least_seen >= P2P_BACKOFF_MIN_MS && least_seen < P2P_BACKOFF_MIN_MS + most / 4);
    CHECK(most_seen <= most && most_seen > most - most / 4);
    most = 2 * most < P2P_BACKOFF_MAX_MS ? 2 * most : P2P_BACKOFF_MAX_MS;
  }
  CHECK(p2p_backoff_pause(UINT32_MAX, 0) <= P2P_BACKOFF_MAX_MS);
}

UNIT_MAIN("backoff", UNIT(pauses_double_up_to_the_most_and_spread_over_all_of_it))
