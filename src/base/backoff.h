/* Exponential backoff with full jitter. Pure. */
#ifndef P2P_BASE_BACKOFF_H
#define P2P_BASE_BACKOFF_H

#include <stdint.h>

#define P2P_BACKOFF_MIN_MS 50

struct p2p_backoff {
  uint32_t first_ms; /* upper bound of the first pause, at least P2P_BACKOFF_MIN_MS */
  uint32_t max_ms;   /* upper bound of every pause, at least first_ms */
};

/* The pause after `failures` earlier failures in a row (0: this is the first one). It is uniform
 * between P2P_BACKOFF_MIN_MS and a bound that starts at first_ms and doubles with each failure up
 * to max_ms, so that many clients of a restarted server do not return at the same moment. `random`
 * is a uniform 32-bit number. */
uint32_t p2p_backoff_pause_ms(const struct p2p_backoff *backoff, unsigned failures,
                              uint32_t random);

#endif
