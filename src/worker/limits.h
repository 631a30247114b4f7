/* The limits on one future, and their description for users. Pure. */
#ifndef P2P_WORKER_LIMITS_H
#define P2P_WORKER_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct p2p_limits {
  uint64_t memory_bytes; /* of an evaluator, beyond what it has when it starts; 0: no limit */
  uint64_t time_ms;      /* elapsed time of an evaluation; 0: no limit */
};

#define P2P_LIMITS_TEXT_MAX 32

/* Writes "2 GiB", "1.5 MiB" or "100 bytes". */
void p2p_limits_memory(const struct p2p_limits *limits, char out[P2P_LIMITS_TEXT_MAX]);
/* Writes "1 h", "1.5 min" or "2 s". */
void p2p_limits_time(const struct p2p_limits *limits, char out[P2P_LIMITS_TEXT_MAX]);
/* Writes "2 slots (memory 2 GiB, time 1 h each)" or "1 slot". Limits that do not fit are left out.
 */
void p2p_limits_describe(const struct p2p_limits *limits, unsigned slots, char *out, size_t size);

#endif
