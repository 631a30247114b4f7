/* The processors on which a thread may run (Linux; elsewhere nothing is known or set). */
#ifndef P2P_PROC_AFFINITY_H
#define P2P_PROC_AFFINITY_H

#include <stdbool.h>

#include "base/cpus.h"

/* Those on which the calling thread may run; none if that is not known. */
void p2p_affinity_get(struct p2p_cpus *out);
/* Lets the calling thread, and what it starts from now on, run on these only. False: it may not, or
 * there are none. */
bool p2p_affinity_set(const struct p2p_cpus *cpus);

#endif
