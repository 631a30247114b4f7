/* Whether a task may be sent to a worker, as far as its request is concerned. */
#include "client/room.h"

void p2p_room_init(struct p2p_room *room, const struct p2p_machine *machine,
                   const struct p2p_amounts *ours, const struct p2p_load *load, bool may_wait) {
  *room =
      (struct p2p_room){machine, {machine->cores, machine->memory_mib, machine->gpus}, may_wait};
  p2p_amounts_subtract(&room->left, ours);
  if (load != NULL) p2p_amounts_subtract(&room->left, &load->reserved);
}

bool p2p_room_can_ever(const struct p2p_room *room, const struct p2p_resources *request) {
  return p2p_machine_can_give(room->machine, request);
}

uint32_t p2p_room_count(const struct p2p_room *room, const struct p2p_resources *request) {
  if (!p2p_room_can_ever(room, request)) return 0;
  uint32_t count = p2p_amounts_count(&room->left, &request->amounts);
  return count == 0 && room->may_wait ? 1 : count;
}
