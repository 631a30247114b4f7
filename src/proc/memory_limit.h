/* Limits that a process sets on itself. Any thread. */
#ifndef P2P_PROC_MEMORY_LIMIT_H
#define P2P_PROC_MEMORY_LIMIT_H

#include <stdint.h>

#include "base/err.h"

/* From now on this process, and each one that it starts, gets at most `bytes` more writable memory
 * of its own than it has now: on Linux RLIMIT_DATA (heap, anonymous maps, stacks of threads; not
 * files that are mapped or shared memory), elsewhere RLIMIT_AS, as far as the system heeds it.
 * Cannot be raised again. What is over the limit fails as an allocation. */
int p2p_memory_limit_set(uint64_t bytes, struct p2p_err *err) P2P_MUST_USE;

#endif
