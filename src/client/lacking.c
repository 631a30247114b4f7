/* Owns the end of tasks that no worker can run for want of packages, and what their users are told.
 */
#include "client/lacking.h"

#include <stdio.h>
#include <string.h>

#include "client/worker_link.h"

#define NAMED 4 /* workers */

/* "carol@desk:4711 lacks 'mgcv'; dave@box:12 did not tell what it has; and 3 more", cut at the
 * size. */
static void describe(const struct p2p_client *client, size_t seats, const char *packages, char *out,
                     size_t size) {
  size_t at = 0;
  for (size_t i = 0; i < seats && i < NAMED && at < size; i++) {
    const struct p2p_roster_worker *worker = client->seats[i];
    char lacks[P2P_ERR_MESSAGE_MAX / 4];
    p2p_inventory_lacks(p2p_worker_link_inventory(worker->peer), packages, lacks, sizeof lacks);
    at += (size_t)snprintf(out + at, size - at, "%s%s %s%s", i > 0 ? "; " : "", worker->from,
                           lacks[0] != '\0' ? "lacks " : "did not tell what it has", lacks);
  }
  if (seats > NAMED && at < size)
    snprintf(out + at, size - at, "; and %u more", (unsigned)(seats - NAMED));
}

static bool needs_the_same(void *packages, const struct p2p_task *task) {
  return strcmp(p2p_task_packages(task), packages) == 0;
}

static void fail(struct p2p_client *client, size_t seats, const struct p2p_need *need) {
  char workers[P2P_ERR_MESSAGE_MAX / 2] = "";
  struct p2p_err err;
  struct p2p_task *task =
      p2p_task_queue_pop_if(&client->waiting, needs_the_same, (void *)(uintptr_t)need->packages);
  describe(client, seats, p2p_task_packages(task), workers, sizeof workers);
  p2p_err_set(&err, P2P_ERR_VERSION,
              "No worker on cluster '%s' has all the packages that it needs: %s. Ask a worker's "
              "owner to install what is lacking",
              client->status.cluster, workers);
  struct p2p_task_queue same = {0};
  p2p_task_queue_push(&same, task);
  while ((task = p2p_task_queue_pop_if(&client->waiting, needs_the_same,
                                       (void *)(uintptr_t)need->packages)) != NULL) {
    p2p_task_queue_push(&same, task);
  }
  p2p_task_queue_fail(&same, &err);
  p2p_notifier_notify(&client->notifier);
}

/* Who was told what is lacking may see to it, and try again. */
static void forget_absent(struct p2p_client *client, size_t seats) {
  for (size_t i = 0; i < seats; i++) {
    if (client->numbers[i].link == P2P_SCHEDULE_OPEN)
      p2p_inventory_forget_absent(p2p_worker_link_inventory(client->seats[i]->peer));
  }
}

bool p2p_lacking_fail(struct p2p_client *client, size_t seats, uint64_t now_ms, uint64_t *wake_ms) {
  bool any = false;
  uint64_t hello_ms = client->asked_ms > client->joined_ms ? client->asked_ms : client->joined_ms;
  uint64_t settled_ms = hello_ms + P2P_LACKING_SETTLE_MS;
  if (!client->joined || client->asking)
    return false; /* there will be another hello, and a decision with it */
  for (size_t i = 0; i < client->needs.length; i++) {
    if (!p2p_need_is_hopeless(&client->needs.list[i])) continue;
    if (now_ms >= settled_ms) {
      fail(client, seats, &client->needs.list[i]);
      any = true;
    } else if (settled_ms < *wake_ms) {
      *wake_ms = settled_ms;
    }
  }
  if (any) forget_absent(client, seats);
  return any;
}
