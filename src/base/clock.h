/* Monotonic time in milliseconds, since an arbitrary start. All durations are measured with it.
 * Any thread. */
#ifndef P2P_BASE_CLOCK_H
#define P2P_BASE_CLOCK_H

#include <stdint.h>

uint64_t p2p_clock_ms(void);
/* The same, but it also runs while the computer sleeps, where the system has such a clock. */
uint64_t p2p_clock_boot_ms(void);
/* Seconds since 1970, for what is kept in files; 0 where the clock is set to an earlier time. */
uint64_t p2p_clock_unix_s(void);

#endif
