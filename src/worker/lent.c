/* Counts futures that have ended. */
#include "worker/lent.h"

void p2p_lent_count(const struct p2p_client_link_shared *shared, const char *client, uint64_t *as,
                    struct p2p_ledger_counts use) {
  ++*as;
  shared->tally->lent_ms += use.ms;
  use.futures = as == &shared->tally->done;
  use.failed = 1 - use.futures;
  p2p_recording_add(shared->recording, P2P_LEDGER_GIVEN, p2p_member_cluster(shared->member), client,
                    &use);
}
