/* What the tasks that wait need: they are alike but for their packages, so those with the same ones
 * are one need. Gathered for a decision, and gone with it. Pure. */
#ifndef P2P_CLIENT_NEEDS_H
#define P2P_CLIENT_NEEDS_H

#include "client/inventory.h"
#include "client/schedule.h"
#include "client/task.h"

#define P2P_NEEDS_MAX                                                                             \
  64 /* looked at in one decision, besides that for no package at all; tasks with yet another one \
        wait for the next */

struct p2p_need {
  const char *packages;         /* of one of the tasks */
  uint32_t waiting;             /* tasks */
  uint32_t have, lack, unknown; /* workers */
};

struct p2p_needs {
  uint32_t plain; /* tasks without a need */
  struct p2p_need list[P2P_NEEDS_MAX];
  size_t length;
};

void p2p_needs_gather(struct p2p_needs *needs, const struct p2p_task_queue *waiting);
/* How many tasks wait with the needs that were gathered. */
uint32_t p2p_needs_waiting(const struct p2p_needs *needs);
/* Fills suits and sure of a worker, and counts it. NULL: nothing can be known of it now, since
 * there is no link to it. */
void p2p_needs_judge(struct p2p_needs *needs, struct p2p_inventory *inventory, uint64_t now_ms,
                     struct p2p_schedule_worker *worker);
/* How many links are to be opened at once to find a worker that has what no linked one has: the
 * more have not, the more. */
uint32_t p2p_needs_search(const struct p2p_needs *needs);
/* All workers were asked, at least one, and none has it. */
bool p2p_need_is_hopeless(const struct p2p_need *need);

#endif
