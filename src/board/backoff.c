/* Exponential backoff with full jitter. */
#include "board/backoff.h"

#include "crypto/random.h"

uint32_t p2p_backoff_pause(unsigned attempts) {
  uint32_t most = P2P_BACKOFF_FIRST_MS;
  for (unsigned i = 0; i < attempts && most < P2P_BACKOFF_MOST_MS; i++) most *= 2;
  if (most > P2P_BACKOFF_MOST_MS) most = P2P_BACKOFF_MOST_MS;
  return P2P_BACKOFF_LEAST_MS + p2p_random_below(most - P2P_BACKOFF_LEAST_MS + 1);
}
