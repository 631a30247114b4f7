/* Tasks that stand in line at a worker, while another one has room for what they request: they go
 * there once this client has an idle slot there, and until then it requests one. io thread only. */
#ifndef P2P_CLIENT_TURNS_H
#define P2P_CLIENT_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/roster.h"
#include "client/schedule.h"

/* The workers that can be used, and what the scheduler knows of them. */
struct p2p_turns {
  struct p2p_roster_worker *const *workers;
  struct p2p_schedule_worker *numbers;
  size_t length;
  uint64_t now_ms;
};

/* Takes a task out of its line if another worker could begin with it now: it waits again, as the
 * first one. Returns whether it did. */
bool p2p_turns_move(const struct p2p_turns *turns);
/* Adds the tasks in line to those that workers with room, and without an idle slot, may run.
 * Returns how many tasks were added. */
uint32_t p2p_turns_add(const struct p2p_turns *turns);

#endif
