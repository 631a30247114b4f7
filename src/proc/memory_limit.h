/* Limits that a process sets on itself. Any thread. */
#ifndef P2P_PROC_MEMORY_LIMIT_H
#define P2P_PROC_MEMORY_LIMIT_H

#include <stdint.h>

#include "base/err.h"

/* Limits the writable memory of this process, and of each process that it starts, to `bytes` more
 * than it has now: by RLIMIT_DATA on Linux (heap, anonymous maps, thread stacks; not mapped files
 * or shared memory), by RLIMIT_AS elsewhere. Cannot be raised again. Allocations beyond the limit
 * fail. */
int p2p_memory_limit_set(uint64_t bytes, struct p2p_err *err) P2P_MUST_USE;
/* The same for a while, until p2p_memory_limit_restore(): `bytes` more than now, but not above the
 * limit that it has. *old is for that. */
int p2p_memory_limit_lower(uint64_t bytes, uint64_t *old, struct p2p_err *err) P2P_MUST_USE;
void p2p_memory_limit_restore(uint64_t old);
/* What this process has now of the memory that the limit counts, in bytes; 0: not known. */
uint64_t p2p_memory_limit_used(void);

#endif
