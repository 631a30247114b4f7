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
/* What this process has now of the memory that the limit counts, in bytes; 0: not known. */
uint64_t p2p_memory_limit_used(void);

#endif
