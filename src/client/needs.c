/* Owns the groups of tasks that wait, by the packages that they need. */
#include "client/needs.h"

#include <string.h>

#define SEARCH_MOST 8

static struct p2p_need *find(struct p2p_needs *needs, const char *packages) {
  for (size_t i = 0; i < needs->length; i++) {
    if (strcmp(needs->list[i].packages, packages) == 0) return &needs->list[i];
  }
  if (needs->length == P2P_NEEDS_MAX) return NULL;
  struct p2p_need *need = &needs->list[needs->length++];
  *need = (struct p2p_need){.packages = packages};
  return need;
}

void p2p_needs_gather(struct p2p_needs *needs, const struct p2p_task_queue *waiting) {
  needs->length = 0;
  needs->plain = waiting->length - waiting->needy;
  uint32_t left = waiting->needy;
  for (const struct p2p_task *task = waiting->first; left > 0; task = p2p_task_next(task)) {
    if (p2p_task_packages(task)[0] == '\0') continue;
    struct p2p_need *need = find(needs, p2p_task_packages(task));
    if (need != NULL) need->waiting++;
    left--;
  }
}

uint32_t p2p_needs_waiting(const struct p2p_needs *needs) {
  uint32_t waiting = needs->plain;
  for (size_t i = 0; i < needs->length; i++) waiting += needs->list[i].waiting;
  return waiting;
}

void p2p_needs_judge(struct p2p_needs *needs, struct p2p_inventory *inventory, uint64_t now_ms,
                     struct p2p_schedule_worker *worker) {
  worker->suits = worker->sure = needs->plain;
  for (size_t i = 0; i < needs->length; i++) {
    struct p2p_need *need = &needs->list[i];
    enum p2p_inventory_word word = inventory != NULL
                                       ? p2p_inventory_look_up(inventory, need->packages, now_ms)
                                       : P2P_INVENTORY_UNTOLD;
    if (word != P2P_INVENTORY_LACKS) worker->suits += need->waiting;
    if (word == P2P_INVENTORY_HAS) worker->sure += need->waiting;
    need->have += word == P2P_INVENTORY_HAS;
    need->lack += word == P2P_INVENTORY_LACKS;
    need->unknown += word == P2P_INVENTORY_UNTOLD;
  }
}

uint32_t p2p_needs_search(const struct p2p_needs *needs) {
  uint32_t most = 0;
  for (size_t i = 0; i < needs->length; i++) {
    const struct p2p_need *need = &needs->list[i];
    if (need->waiting > 0 && need->have == 0 && need->lack > most) most = need->lack;
  }
  if (most == 0) return 0;
  return most < SEARCH_MOST ? most + 1 : SEARCH_MOST;
}

bool p2p_need_is_hopeless(const struct p2p_need *need) {
  return need->have == 0 && need->unknown == 0 && need->lack > 0;
}
