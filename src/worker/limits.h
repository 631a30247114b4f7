/* What one future may take of a worker. The words for it, for people. Pure. */
#ifndef P2P_WORKER_LIMITS_H
#define P2P_WORKER_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct p2p_limits {
  uint64_t memory_bytes; /* of an evaluator, beyond what it has when it starts; 0: no limit */
  uint64_t time_ms;      /* of an evaluation, by the clock on the wall; 0: no limit */
};

#define P2P_LIMITS_TEXT_MAX 32

/* "2 GiB", "1.5 MiB", "100 bytes". */
void p2p_limits_memory(const struct p2p_limits *limits, char out[P2P_LIMITS_TEXT_MAX]);
/* "1 h", "1.5 min", "2 s". */
void p2p_limits_time(const struct p2p_limits *limits, char out[P2P_LIMITS_TEXT_MAX]);
/* "2 slots (memory 2 GiB, time 1 h each)", "1 slot". */
void p2p_limits_describe(const struct p2p_limits *limits, unsigned slots, char *out, size_t size);

#endif
