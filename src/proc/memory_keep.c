/* The options of malloc, see mallopt(3). Setting one of them ends glibc's own adaptation, which
 * maps each large vector and unmaps it when it is freed. */
#include "proc/memory_keep.h"

#ifdef __GLIBC__
#include <limits.h>
#include <malloc.h>
#include <stddef.h>

#if __GLIBC_PREREQ(2, 33)
static uint64_t free_bytes(void) { return mallinfo2().fordblks; }
#else
static uint64_t free_bytes(void) { return (unsigned)mallinfo().fordblks; }
#endif

void p2p_memory_keep(uint64_t bytes) {
  int limit = bytes < INT_MAX ? (int)bytes : INT_MAX;
  (void)mallopt(M_MMAP_THRESHOLD, limit);
  (void)mallopt(M_TRIM_THRESHOLD, limit);
}

void p2p_memory_release(uint64_t bytes) {
  if (free_bytes() > bytes) (void)malloc_trim((size_t)bytes);
}
#else
void p2p_memory_keep(uint64_t bytes) { (void)bytes; }

void p2p_memory_release(uint64_t bytes) { (void)bytes; }
#endif
