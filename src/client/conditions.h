/* Conditions of a task that wait for R, such as its messages and progress: a first-in, first-out
 * list with limits. Not locked. */
#ifndef P2P_CLIENT_CONDITIONS_H
#define P2P_CLIENT_CONDITIONS_H

#include <stdbool.h>

#include "base/blob.h"

#define P2P_CONDITIONS_MAX 4096                   /* that wait, */
#define P2P_CONDITIONS_BYTES (UINT64_C(64) << 20) /* in all; a single one may be larger */

struct condition;

/* All zero: empty. */
struct p2p_conditions {
  struct condition *first, *last;
  uint32_t n;
  uint64_t bytes;
  uint64_t dropped; /* how many were beyond the limits */
};

/* Takes over the condition, unless it returns false: it counts as dropped. */
bool p2p_conditions_put(struct p2p_conditions *conditions, struct p2p_blob *object);
/* Removes and returns the oldest one; NULL: none. */
struct p2p_blob *p2p_conditions_take(struct p2p_conditions *conditions);
void p2p_conditions_clear(struct p2p_conditions *conditions);

#endif
