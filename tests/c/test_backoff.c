/* base/backoff: pauses between attempts. */
#include "base/backoff.h"

#include "base/err.h"
#include "crypto/random.h"
#include "unit.h"

static void check_spread(const struct p2p_backoff *backoff, unsigned failures, uint32_t bound_ms) {
  uint32_t shortest_ms = UINT32_MAX, longest_ms = 0;
  for (int i = 0; i < 300; i++) {
    uint32_t pause_ms = p2p_backoff_pause_ms(backoff, failures, p2p_random_below(UINT32_MAX));
    if (pause_ms < shortest_ms) shortest_ms = pause_ms;
    if (pause_ms > longest_ms) longest_ms = pause_ms;
  }
  CHECK(shortest_ms >= P2P_BACKOFF_MIN_MS && shortest_ms < P2P_BACKOFF_MIN_MS + bound_ms / 4);
  CHECK(longest_ms <= bound_ms && longest_ms > bound_ms - bound_ms / 4);
}

TEST(the_bound_doubles_up_to_the_maximum_and_pauses_spread_below_it) {
  static const struct p2p_backoff backoffs[] = {{500, 30000}, {1000, 60000}, {100, 100}};
  CHECK(p2p_crypto_init() == P2P_OK);
  for (size_t i = 0; i < sizeof backoffs / sizeof backoffs[0]; i++) {
    uint32_t bound_ms = backoffs[i].first_ms;
    for (unsigned failures = 0; failures < 40; failures++) {
      check_spread(&backoffs[i], failures, bound_ms);
      bound_ms = 2 * bound_ms < backoffs[i].max_ms ? 2 * bound_ms : backoffs[i].max_ms;
    }
  }
}

TEST(extremes_do_not_overflow) {
  static const struct p2p_backoff widest = {P2P_BACKOFF_MIN_MS, UINT32_MAX};
  CHECK(p2p_backoff_pause_ms(&widest, 0, UINT32_MAX) == P2P_BACKOFF_MIN_MS);
  CHECK(p2p_backoff_pause_ms(&widest, UINT32_MAX, 0) == P2P_BACKOFF_MIN_MS);
  CHECK(p2p_backoff_pause_ms(&widest, UINT32_MAX, UINT32_MAX) >= P2P_BACKOFF_MIN_MS);
}

UNIT_MAIN("backoff", UNIT(the_bound_doubles_up_to_the_maximum_and_pauses_spread_below_it),
          UNIT(extremes_do_not_overflow))
