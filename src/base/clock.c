/* Monotonic time. */
#include "base/clock.h"

#include <time.h>

static uint64_t read_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t p2p_clock_ms(void) { return read_ms(CLOCK_MONOTONIC); }

uint64_t p2p_clock_boot_ms(void) {
#ifdef CLOCK_BOOTTIME
  return read_ms(CLOCK_BOOTTIME);
#else
  return read_ms(CLOCK_MONOTONIC); /* counts sleep on macOS */
#endif
}

uint64_t p2p_clock_unix_s(void) {
  time_t now = time(NULL);
  return now < 0 ? 0 : (uint64_t)now;
}
