/* Reports about the roster. */
#include "client/roster_report.h"

#include <stdio.h>

#include "base/clock.h"
#include "client/worker_link.h"

const char *p2p_roster_resting(const struct p2p_roster_worker *worker) {
  return p2p_worker_link_stream(worker->link) != NULL ? p2p_worker_link_load(worker->link)->state
                                                      : worker->state;
}

/* A worker whose link has failed, and that was never linked, may not exist. */
static uint32_t count_slots(const struct p2p_roster_worker *worker) {
  return worker->was_linked || worker->failures == 0 ? worker->slots : 1;
}

/* The slots of this worker that are part of the sum. `user`: its own, with the slots that were
 * counted so far for workers that were never linked. */
static uint32_t add_slots(struct p2p_roster_user *user, const struct p2p_roster_worker *worker) {
  uint32_t slots = count_slots(worker), left = P2P_ROSTER_CLAIMED_SLOTS_MAX - user->tally;
  if (worker->was_linked) return slots;
  if (slots > left) slots = left;
  user->tally += slots;
  return slots;
}

/* At most those that we do not use: the report of the worker may be older than our slots. */
static uint32_t count_busy(const struct p2p_roster_worker *worker, uint32_t slots,
                           uint32_t running) {
  uint32_t most = slots > running ? slots - running : 0;
  uint32_t busy = p2p_worker_link_stream(worker->link) != NULL
                      ? p2p_worker_link_load(worker->link)->busy
                      : worker->busy;
  return busy < most ? busy : most;
}

static bool is_unreachable(const struct p2p_roster_worker *worker) {
  return p2p_worker_link_stream(worker->link) == NULL && worker->failures > 0;
}

static void count(struct p2p_roster_user *user, const struct p2p_roster_worker *worker,
                  struct p2p_client_status *out) {
  const struct p2p_task_stream *stream = p2p_worker_link_stream(worker->link);
  uint32_t running = stream != NULL ? p2p_task_stream_running(stream) : 0;
  out->incompatible += !worker->compatible;
  out->running += running;
  if (!worker->compatible || worker->has_left || worker->is_lost) {
    out->slots += running;
    return;
  }
  uint32_t slots = add_slots(user, worker);
  if (out->workers++ == 0 || worker->machine.cache_mib < out->cache_mib)
    out->cache_mib = worker->machine.cache_mib;
  out->slots += slots;
  if (is_unreachable(worker))
    out->unreachable += slots;
  else if (p2p_roster_resting(worker)[0] != '\0')
    out->resting += slots > running ? slots - running : 0;
  else
    out->busy += count_busy(worker, slots, running);
}

void p2p_roster_count(const struct p2p_roster *roster, struct p2p_client_status *out) {
  out->cache_mib = out->workers = out->slots = out->busy = out->unreachable = out->resting = 0;
  out->incompatible = out->running = 0;
  for (size_t i = 0; i < roster->n_users; i++) roster->users[i].tally = 0;
  for (size_t i = 0; i < roster->length; i++)
    count(&roster->users[roster->workers[i]->user], roster->workers[i], out);
  snprintf(out->incompatible_why, sizeof out->incompatible_why, "%s", roster->incompatible_why);
}

static const char *state_of(const struct p2p_roster_worker *worker) {
  if (!worker->compatible) return worker->is_too_open ? "weak sandbox" : "incompatible";
  if (worker->is_lost) return "lost";
  if (is_unreachable(worker)) return "unreachable";
  if (worker->link == NULL) return "no link";
  if (p2p_worker_link_stream(worker->link) == NULL) return "connecting";
  return worker->has_left ? "leaving" : "linked";
}

static void describe(const struct p2p_roster_worker *worker, struct p2p_worker_info *out) {
  const struct p2p_task_stream *stream = p2p_worker_link_stream(worker->link);
  *out = (struct p2p_worker_info){.slots = worker->slots,
                                  .running = stream != NULL ? p2p_task_stream_running(stream) : 0,
                                  .state = state_of(worker),
                                  .machine = worker->machine};
  out->others = stream != NULL ? *p2p_worker_link_load(worker->link)
                               : (struct p2p_load){.waiting = worker->waiting};
  snprintf(out->others.state, sizeof out->others.state, "%s", p2p_roster_resting(worker));
  out->others.busy = count_busy(worker, count_slots(worker), out->running);
  snprintf(out->id, sizeof out->id, "%s", worker->member.id);
  snprintf(out->name, sizeof out->name, "%s", worker->name);
  snprintf(out->r_version, sizeof out->r_version, "%s", worker->r_version);
  snprintf(out->future_version, sizeof out->future_version, "%s", worker->future_version);
  out->seen_ms = p2p_clock_ms() - worker->last_seen_ms;
  if (worker->link == NULL) return;
  snprintf(out->path, sizeof out->path, "%s", p2p_worker_link_path(worker->link));
  p2p_worker_link_measure(worker->link, &out->measure);
}

size_t p2p_roster_describe(const struct p2p_roster *roster, struct p2p_worker_info *out,
                           size_t capacity) {
  for (size_t i = 0; i < roster->length && i < capacity; i++) describe(roster->workers[i], &out[i]);
  return roster->length;
}
