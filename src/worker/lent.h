/* Counts the futures that a worker has evaluated: in all, for its report, and for their users. io
 * thread only. */
#ifndef P2P_WORKER_LENT_H
#define P2P_WORKER_LENT_H

#include "worker/client_link_config.h"

/* A future of `client` ("bob@laptop:99") has ended. `as`: a number of shared->tally. `use`: its
 * time and the bytes of its objects. */
void p2p_lent_count(const struct p2p_client_link_shared *shared, const char *client, uint64_t *as,
                    struct p2p_ledger_counts use);

#endif
