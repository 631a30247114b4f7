/* What a supervisor tells its evaluator before a TASK that has requested resources: what was given.
 * Lines "key=value", the payload of REQUEST between these two. Pure. */
#ifndef P2P_PROTOCOL_GIVEN_H
#define P2P_PROTOCOL_GIVEN_H

#include <stddef.h>

#include "base/cpus.h"
#include "base/err.h"
#include "protocol/resources.h"

#define P2P_GIVEN_MAX 512 /* bytes, and a NUL that is not sent */

struct p2p_given {
  struct p2p_amounts amounts;
  struct p2p_cpus cpus; /* as many as amounts.cores, or none: it may run on any */
  uint64_t gpus;        /* which of the worker's, by bits; its environment tells the evaluator */
};

/* Writes the payload, with a NUL behind it. Returns its length. */
size_t p2p_given_write(const struct p2p_given *given, char out[static P2P_GIVEN_MAX]);
/* P2P_ERR_PROTOCOL: malformed or too long; *out is then unchanged. */
int p2p_given_read(const void *payload, size_t length, struct p2p_given *out) P2P_MUST_USE;

#endif
