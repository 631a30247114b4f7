/* What users read about the workers of a cluster: counts, and one line for each. io thread only. */
#ifndef P2P_CLIENT_ROSTER_REPORT_H
#define P2P_CLIENT_ROSTER_REPORT_H

#include "client/client_status.h"
#include "client/roster.h"

/* Of one user's workers that were never linked, no more slots count than one worker can have: their
 * hellos may be made up. Those of linked workers all count. Without a key, nobody knows whose they
 * are, and they count as one user's. */
#define P2P_ROSTER_CLAIMED_SLOTS_MAX P2P_WORKER_SLOTS_MAX

/* Fills the counts of workers and slots, and that of running tasks. */
void p2p_roster_count(const struct p2p_roster *roster, struct p2p_client_status *out);
/* Fills up to `capacity` workers; returns how many there are. */
size_t p2p_roster_describe(const struct p2p_roster *roster, struct p2p_worker_info *out,
                           size_t capacity);
/* Why a worker takes nothing new (see struct p2p_load), as far as known; "": it does. */
const char *p2p_roster_resting(const struct p2p_roster_worker *worker);

#endif
