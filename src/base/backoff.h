/* Exponential backoff with full jitter. Pure. */
#ifndef P2P_BASE_BACKOFF_H
#define P2P_BASE_BACKOFF_H

#include <stdint.h>

#define P2P_BACKOFF_FIRST_MS 500
#define P2P_BACKOFF_MAX_MS 30000
#define P2P_BACKOFF_MIN_MS 50

/* The pause after `attempts` failures: uniform between P2P_BACKOFF_MIN_MS and a bound that starts
 * at P2P_BACKOFF_FIRST_MS and doubles with each failure up to P2P_BACKOFF_MAX_MS. `random` is any
 * uniform 32-bit number: jitter keeps the members of a restarted board from returning at once. */
uint32_t p2p_backoff_pause(unsigned attempts, uint32_t random);

#endif
