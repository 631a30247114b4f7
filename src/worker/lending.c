/* Whether the worker rests, and what the worker says to each client about it and about the others.
 */
#include "worker/lending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/file_watch.h"

#define OTHERS "lending to other users only"

struct p2p_lending {
  struct p2p_lending_config config;
  struct p2p_log_queue *log;
  struct p2p_slots *slots;
  const struct p2p_links *links;
  struct p2p_announcer *announcer;
  struct p2p_control *control; /* NULL: none */
  bool is_paused;              /* by the owner */
  struct p2p_policy_watch *watch;
  struct p2p_file_watch *file;                           /* NULL: none */
  bool has_changed;                                      /* the file */
  char logged[P2P_LOAD_STATE_MAX];                       /* the state that the log has */
  struct p2p_load_report reports[P2P_SLOTS_CLIENTS_MAX]; /* to the clients of the links */
};

static void on_file(void *arg) {
  struct p2p_lending *lending = arg;
  lending->has_changed = true;
  p2p_log_event(lending->log, P2P_LOG_INFO, "policy", "the file of the policy has changed");
}

static void watch_file(struct p2p_lending *lending, struct p2p_loop *loop, const char *path) {
  struct p2p_err err;
  if (path != NULL &&
      p2p_file_watch_new(loop, path, on_file, lending, &lending->file, &err) != P2P_OK)
    p2p_log_error(lending->log, P2P_LOG_WARN, &err);
}

static void on_request(void *arg, enum p2p_control_op op, char reply[P2P_CONTROL_REPLY_MAX - 1]);

static void open_control(struct p2p_lending *lending, const struct p2p_lending_config *config) {
  const struct p2p_control_config control = {.loop = config->watch.loop,
                                             .folder = config->control_folder,
                                             .on_request = on_request,
                                             .arg = lending};
  struct p2p_err err;
  if (config->control_folder == NULL ||
      p2p_control_new(&control, &lending->control, &err) == P2P_OK)
    return;
  p2p_err_prefix(&err, "this worker cannot be paused or asked by other programs");
  p2p_log_error(lending->log, P2P_LOG_WARN, &err);
}

int p2p_lending_new(const struct p2p_lending_config *config, struct p2p_lending **out,
                    struct p2p_err *err) {
  struct p2p_lending *lending = calloc(1, sizeof *lending);
  if (lending == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  lending->config = *config;
  lending->log = config->watch.log;
  lending->slots = config->slots;
  lending->links = config->links;
  int code = p2p_policy_watch_new(&config->watch, &lending->watch, err);
  if (code != P2P_OK) {
    free(lending);
    return code;
  }
  watch_file(lending, config->watch.loop, config->file);
  open_control(lending, config);
  *out = lending;
  return P2P_OK;
}

void p2p_lending_free(struct p2p_lending *lending) {
  if (lending == NULL) return;
  p2p_control_free(lending->control);
  p2p_policy_watch_free(lending->watch);
  p2p_file_watch_free(lending->file);
  free(lending);
}

void p2p_lending_set_announcer(struct p2p_lending *lending, struct p2p_announcer *announcer) {
  lending->announcer = announcer;
}

void p2p_lending_set_policy(struct p2p_lending *lending, const struct p2p_policy *policy) {
  p2p_policy_watch_set(lending->watch, policy);
}

bool p2p_lending_take_change(struct p2p_lending *lending) {
  bool has_changed = lending->has_changed;
  lending->has_changed = false;
  return has_changed;
}

bool p2p_lending_pauses(const struct p2p_lending *lending) {
  return p2p_policy_watch_policy(lending->watch)->pauses &&
         (lending->is_paused || p2p_policy_watch_state(lending->watch)[0] != '\0');
}

/* Whether futures stand still is what their clients need to know first. */
static const char *get_state(const struct p2p_lending *lending) {
  if (lending->is_paused || p2p_lending_pauses(lending)) return "paused by its owner";
  return p2p_policy_watch_state(lending->watch);
}

/* For the owner. */
static const char *state_for_owner(const struct p2p_lending *lending) {
  const char *state = lending->slots->closed ? "draining" : get_state(lending);
  return state[0] != '\0' ? state : "lending";
}

static const char *cluster_of(const struct p2p_lending *lending) {
  return p2p_member_cluster(p2p_announcer_member(lending->announcer));
}

void p2p_lending_describe(const struct p2p_lending *lending, struct p2p_worker_report *out) {
  snprintf(out->cluster, sizeof out->cluster, "%s", cluster_of(lending));
  snprintf(out->state, sizeof out->state, "%s", state_for_owner(lending));
}

/* For the client of a link: "" if it may get slots. */
static const char *get_state_for(const struct p2p_lending *lending,
                                 const struct p2p_client_link *link) {
  const char *state = get_state(lending);
  if (state[0] != '\0') return state;
  bool is_allowed =
      p2p_policy_allows(p2p_policy_watch_policy(lending->watch), p2p_client_link_user(link));
  return is_allowed ? "" : OTHERS;
}

static void log_state(struct p2p_lending *lending) {
  const char *state = get_state(lending);
  if (strcmp(state, lending->logged) == 0) return;
  snprintf(lending->logged, sizeof lending->logged, "%s", state);
  if (state[0] != '\0')
    p2p_log_event(lending->log, P2P_LOG_INFO, "resting", "%s: no new futures are started", state);
  else
    p2p_log_event(lending->log, P2P_LOG_INFO, "lending", "lending again");
}

void p2p_lending_apply(struct p2p_lending *lending, uint64_t now_ms) {
  uint32_t running = 0;
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) {
    const struct p2p_client_link *link = lending->links->of[i];
    if (link == NULL) continue;
    running += lending->slots->clients[i].busy;
    p2p_slots_bar(lending->slots, i, get_state_for(lending, link)[0] != '\0', now_ms);
  }
  p2p_slots_set_share(lending->slots, p2p_policy_watch_policy(lending->watch)->share);
  p2p_policy_watch_note_running(lending->watch, running);
  log_state(lending);
}

/* ---- reports ---- */

/* The load by all clients but one; P2P_SLOTS_CLIENTS_MAX: by all. */
static void describe_load(const struct p2p_lending *lending, size_t except, struct p2p_load *out) {
  const struct p2p_links *links = lending->links;
  *out = (struct p2p_load){0};
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++)
    if (i != except && links->of[i] != NULL)
      p2p_load_report_add(out, &lending->slots->clients[i], p2p_client_link_user(links->of[i]));
  p2p_reservations_of_others(&links->reservations, except, &out->reserved);
  const char *state = except < P2P_SLOTS_CLIENTS_MAX ? get_state_for(lending, links->of[except])
                                                     : get_state(lending);
  snprintf(out->state, sizeof out->state, "%s", state);
}

uint64_t p2p_lending_report(struct p2p_lending *lending, uint64_t now_ms) {
  uint64_t due_ms = P2P_SLOTS_NEVER;
  struct p2p_load load;
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) {
    struct p2p_client_link *link = lending->links->of[i];
    if (link == NULL || !p2p_client_link_is_open(link)) {
      lending->reports[i] = (struct p2p_load_report){0};
      continue;
    }
    describe_load(lending, i, &load);
    if (p2p_load_report_is_due(&lending->reports[i], &load, &lending->slots->clients[i], now_ms,
                               &due_ms))
      p2p_client_link_send_load(link, &load);
  }
  describe_load(lending, P2P_SLOTS_CLIENTS_MAX, &load);
  p2p_announcer_set_load(lending->announcer, &load);
  return due_ms;
}

/* ---- the control socket ---- */

/* Fields "key=value", joined by "|". */
static void describe(const struct p2p_lending *lending, char reply[P2P_CONTROL_REPLY_MAX - 1]) {
  struct p2p_load load;
  describe_load(lending, P2P_SLOTS_CLIENTS_MAX, &load);
  snprintf(reply, P2P_CONTROL_REPLY_MAX - 1,
           "cluster=%s|slots=%u|running=%u|users=%s|done=%llu|state=%s", cluster_of(lending),
           (unsigned)lending->config.n_slots, (unsigned)load.busy, load.users,
           (unsigned long long)lending->config.tally->done, state_for_owner(lending));
}

static void on_request(void *arg, enum p2p_control_op op, char reply[P2P_CONTROL_REPLY_MAX - 1]) {
  struct p2p_lending *lending = arg;
  switch (op) {
  case P2P_CONTROL_STATUS: break;
  case P2P_CONTROL_PAUSE: lending->is_paused = true; break;
  case P2P_CONTROL_RESUME: lending->is_paused = false; break;
  case P2P_CONTROL_DRAIN: lending->config.on_drain(lending->config.watch.arg); break;
  }
  describe(lending, reply);
  lending->config.watch.on_change(lending->config.watch.arg);
}
