/* Settles the parts of a task, which the io thread may release meanwhile. */
#include "client/settle.h"

void p2p_settle(struct p2p_task *task) {
  bool is_sending = p2p_task_is_sending(task);
  struct p2p_part_list list = p2p_task_take_parts(task);
  for (uint32_t i = 0; i < list.n; i++)
    if (!is_sending || p2p_part_own(list.parts[i]) != P2P_OK) p2p_part_set_loose(list.parts[i]);
  p2p_part_list_clear(&list);
}

void p2p_abandon(struct p2p_task *task) {
  struct p2p_part_list list = p2p_task_take_parts(task);
  for (uint32_t i = 0; i < list.n; i++) p2p_part_abandon(list.parts[i]);
  p2p_part_list_clear(&list);
}
