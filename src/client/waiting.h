/* Why a task waits: a summary of the roster, the links and the slots for the user. io thread only.
 */
#ifndef P2P_CLIENT_WAITING_H
#define P2P_CLIENT_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "client/client_status.h"
#include "client/requirements.h"
#include "client/roster.h"

struct p2p_waiting_query {
  const struct p2p_roster *roster;
  bool is_joined;                       /* on the board at this moment */
  uint32_t slots_max;                   /* slots used at once; 0: no limit */
  const struct p2p_requirements *needs; /* of the task. Packages may be looked up. */
  uint64_t now_ms;
};

void p2p_waiting_explain(const struct p2p_waiting_query *query, struct p2p_waiting *out);

#endif
