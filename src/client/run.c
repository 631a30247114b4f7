/* Lists of tasks at a worker. */
#include "client/run.h"

struct p2p_run *p2p_run_find(struct p2p_run *list, uint32_t id) {
  while (list != NULL && list->id != id) list = list->next;
  return list;
}

void p2p_run_append(struct p2p_run **list, struct p2p_run *run) {
  while (*list != NULL) list = &(*list)->next;
  run->next = NULL;
  *list = run;
}

void p2p_run_unlink(struct p2p_run **list, const struct p2p_run *run) {
  while (*list != run) list = &(*list)->next;
  *list = run->next;
}
