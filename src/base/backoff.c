/* Exponential backoff with full jitter. */
#include "base/backoff.h"

uint32_t p2p_backoff_pause_ms(const struct p2p_backoff *backoff, unsigned failures,
                              uint32_t random) {
  uint64_t bound_ms = backoff->first_ms;
  for (unsigned i = 0; i < failures && bound_ms < backoff->max_ms; i++) bound_ms *= 2;
  if (bound_ms > backoff->max_ms) bound_ms = backoff->max_ms;
  return P2P_BACKOFF_MIN_MS + (uint32_t)(random % (bound_ms - P2P_BACKOFF_MIN_MS + 1));
}
