/* Counts the workers by what keeps a task from running there. */
#include "client/waiting.h"

#include <stdio.h>

#include "client/roster_report.h"
#include "client/worker_link.h"
#include "protocol/list.h"

/* Workers, each counted once. */
struct tally {
  uint32_t able;       /* linked, with the packages of the task */
  uint32_t resting;    /* able, or no link yet: they take nothing new */
  uint32_t asked;      /* linked, and have not replied yet whether they have them */
  uint32_t full;       /* able, but what the task requests is reserved for others */
  uint32_t lacking;    /* linked, without them */
  uint32_t small;      /* they can never give what it requests */
  uint32_t connecting; /* no link yet */
  uint32_t unreachable;
  uint32_t incompatible;
  uint32_t running; /* not workers: our tasks */
};

static void add_users(struct p2p_load *load, const char *list) {
  const char *item;
  size_t length;
  char user[P2P_USER_NAME_MAX];
  while (p2p_list_next(&list, &item, &length)) {
    snprintf(user, sizeof user, "%.*s", (int)length, item);
    p2p_load_add_user(load, user);
  }
}

static void add_able(struct p2p_waiting *out, const struct p2p_roster_worker *worker) {
  const struct p2p_load *load = p2p_worker_link_load(worker->link);
  out->slots += worker->slots;
  out->running += p2p_task_stream_running(p2p_worker_link_stream(worker->link));
  out->others.busy += load->busy;
  add_users(&out->others, load->users);
}

static void name(struct p2p_waiting *out, const struct p2p_roster_worker *worker) {
  snprintf(out->worker, sizeof out->worker, "%s", worker->name);
}

static void add_resting(struct tally *tally, const struct p2p_roster_worker *worker,
                        struct p2p_waiting *out) {
  tally->resting++;
  name(out, worker);
  snprintf(out->state, sizeof out->state, "%s", p2p_roster_resting(worker));
}

/* Those that wait for a reply or a link have the last word about out->worker. */
static void name_lacking(const struct p2p_waiting_query *query,
                         const struct p2p_roster_worker *worker, struct p2p_waiting *out) {
  p2p_worker_packages_describe_missing(p2p_worker_link_packages(worker->link),
                                       p2p_requirements_packages(query->needs), out->missing,
                                       sizeof out->missing);
  if (out->worker[0] == '\0') name(out, worker);
}

static bool has_room(const struct p2p_waiting_query *query,
                     const struct p2p_roster_worker *worker) {
  struct p2p_room room;
  p2p_worker_link_room(worker->link, &room);
  return p2p_room_count(&room, &query->needs->resources) > 0;
}

static void add_worker(const struct p2p_waiting_query *query, struct tally *tally,
                       const struct p2p_roster_worker *worker, struct p2p_waiting *out) {
  const struct p2p_task_stream *stream = p2p_worker_link_stream(worker->link);
  if (stream != NULL) tally->running += p2p_task_stream_running(stream);
  if (worker->is_lost || worker->has_left) return;
  if (!worker->compatible) {
    tally->incompatible++;
  } else if (!p2p_machine_can_give(&worker->machine, &query->needs->resources)) {
    tally->small++;
  } else if (stream == NULL && worker->failures == 0 && worker->state[0] != '\0') {
    add_resting(tally, worker, out);
  } else if (stream == NULL) {
    *(worker->failures > 0 ? &tally->unreachable : &tally->connecting) += 1;
    name(out, worker);
  } else {
    switch (p2p_worker_packages_match(p2p_worker_link_packages(worker->link),
                                      p2p_requirements_packages(query->needs), query->now_ms)) {
    case P2P_PACKAGES_MISSING:
      if (tally->lacking++ == 0) name_lacking(query, worker, out);
      break;
    case P2P_PACKAGES_UNKNOWN:
      tally->asked++;
      name(out, worker);
      break;
    case P2P_PACKAGES_INSTALLED:
      if (p2p_roster_resting(worker)[0] != '\0') {
        add_resting(tally, worker, out);
        break;
      }
      if (!has_room(query, worker)) {
        tally->full++;
        break;
      }
      tally->able++;
      add_able(out, worker);
      break;
    }
  }
}

/* What is closest to running the task comes first. */
static enum p2p_waiting_reason choose(const struct p2p_waiting_query *query,
                                      const struct tally *tally) {
  if (query->slots_max > 0 && tally->running >= query->slots_max) return P2P_WAITING_LIMIT;
  if (tally->able > 0) return P2P_WAITING_BUSY;
  if (tally->full > 0) return P2P_WAITING_ROOM;
  if (tally->asked > 0) return P2P_WAITING_REPLY;
  if (tally->resting > 0) return P2P_WAITING_RESTING;
  if (!query->is_joined) return P2P_WAITING_DISCONNECTED;
  if (tally->connecting > 0) return P2P_WAITING_CONNECTING;
  if (tally->unreachable > 0) return P2P_WAITING_UNREACHABLE;
  if (tally->lacking > 0) return P2P_WAITING_PACKAGES;
  if (tally->small > 0) return P2P_WAITING_RESOURCES;
  return tally->incompatible > 0 ? P2P_WAITING_INCOMPATIBLE : P2P_WAITING_NO_WORKER;
}

void p2p_waiting_explain(const struct p2p_waiting_query *query, struct p2p_waiting *out) {
  struct tally tally = {0};
  *out = (struct p2p_waiting){.slots = 0};
  for (size_t i = 0; i < query->roster->length; i++)
    add_worker(query, &tally, query->roster->workers[i], out);
  out->reason = choose(query, &tally);
}
