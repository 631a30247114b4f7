/* Exponential backoff with full jitter. */
#include "base/backoff.h"

uint32_t p2p_backoff_pause(unsigned attempts, uint32_t random) {
  uint32_t bound = P2P_BACKOFF_FIRST_MS;
  for (unsigned i = 0; i < attempts && bound < P2P_BACKOFF_MAX_MS; i++) bound *= 2;
  if (bound > P2P_BACKOFF_MAX_MS) bound = P2P_BACKOFF_MAX_MS;
  return P2P_BACKOFF_MIN_MS + random % (bound - P2P_BACKOFF_MIN_MS + 1);
}
