/* Monotonic time, in milliseconds since an arbitrary start. No absolute time of a peer
 * is ever believed; durations run on this clock. */
#ifndef P2P_BASE_CLOCK_H
#define P2P_BASE_CLOCK_H

#include <stdint.h>

uint64_t p2p_clock_ms(void);

#endif
