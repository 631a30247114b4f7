/* The room of a worker: what it has for tasks that request resources, as far as this client knows.
 * The worker decides when such a task begins; until then the task waits there, with a slot. So that
 * many can wait at the client for whichever worker has room first, at most one is sent to a worker
 * that has none: it keeps later, smaller ones from going first for ever. Pure. */
#ifndef P2P_CLIENT_ROOM_H
#define P2P_CLIENT_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/load.h"
#include "protocol/machine.h"

struct p2p_room {
  const struct p2p_machine *machine;
  struct p2p_amounts left; /* that is not reserved */
  bool may_wait;           /* none of our tasks waits there */
};

/* `ours`: reserved for our tasks, or requested by those of them that wait there. `load`: by its
 * other clients; NULL: not known. */
void p2p_room_init(struct p2p_room *room, const struct p2p_machine *machine,
                   const struct p2p_amounts *ours, const struct p2p_load *load, bool may_wait);
bool p2p_room_can_ever(const struct p2p_room *room, const struct p2p_resources *request);
/* How many tasks with this request may be sent there now. */
uint32_t p2p_room_count(const struct p2p_room *room, const struct p2p_resources *request);

#endif
