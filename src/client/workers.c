/* Owns struct p2p_workers: which links are opened and what their end means. */
#include "client/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/sanitize.h"
#include "client/worker_link.h"
#include "crypto/random.h"

#define HELLO_INTERVAL_MS 5000 /* at least, since every worker answers */
#define HELLO_PAUSE_MAX_MS 60000
#define SETTLE_MS 3000 /* workers answer a hello within 2 s */

struct p2p_workers {
  struct p2p_workers_callbacks callbacks;
  void *arg;
  struct p2p_worker_link_config link; /* the part that all links share */
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  char *mailbox, *relay; /* NULL: those that the board names */
  struct p2p_roster roster;
  bool is_joined;
  uint64_t joined_ms;
  bool hello_due; /* send a hello, which every worker answers, as soon as allowed */
  uint64_t hello_ms;
  uint32_t unanswered; /* hellos while no worker was in sight */
  uint64_t rejected;   /* hellos of workers */
};

/* The end of a link. */

/* Frees the link, and forgets a worker that has left. */
static void release(struct p2p_workers *workers, struct p2p_roster_worker *worker) {
  if (p2p_worker_link_stream(worker->link) != NULL) { /* newer than its latest hello */
    worker->busy = p2p_worker_link_load(worker->link)->busy;
    worker->waiting = p2p_worker_link_load(worker->link)->waiting;
    memcpy(worker->state, p2p_worker_link_load(worker->link)->state, sizeof worker->state);
  }
  p2p_worker_link_free(worker->link);
  worker->link = NULL;
  if (worker->has_left) p2p_roster_remove(&workers->roster, worker);
}

/* Only the first failure of a row is a warning: a worker may stay unreachable. */
static void back_off(struct p2p_workers *workers, struct p2p_roster_worker *worker,
                     const struct p2p_err *why) {
  static const struct p2p_backoff backoff = {.first_ms = 1000, .max_ms = 60000};
  uint32_t delay_ms =
      p2p_backoff_pause_ms(&backoff, worker->failures, p2p_random_below(UINT32_MAX));
  struct p2p_err err = *why;
  worker->retry_at_ms = p2p_clock_ms() + delay_ms;
  p2p_err_prefix(&err, "cannot link to worker '%s', retrying in %.1f s", worker->name,
                 delay_ms / 1000.0);
  p2p_log_error(workers->link.log, worker->failures == 0 ? P2P_LOG_WARN : P2P_LOG_DEBUG, &err);
  p2p_roster_add_failure(&workers->roster, worker);
}

/* A link has failed, or its set-up. */
static void lose(struct p2p_workers *workers, struct p2p_roster_worker *worker,
                 const struct p2p_err *why) {
  struct p2p_task_stream *stream = p2p_worker_link_stream(worker->link);
  if (stream != NULL) {
    struct p2p_task_queue again = {0};
    p2p_task_stream_fail(stream, why, &again);
    worker->is_lost = workers->hello_due = true;
    p2p_log_write(workers->link.log, P2P_LOG_INFO, "the link to worker '%s' has ended: %s",
                  worker->name, why->message);
    workers->callbacks.on_lost(workers->arg, &again);
  } else {
    back_off(workers, worker, why);
  }
  release(workers, worker);
}

void p2p_workers_close_link(struct p2p_workers *workers, struct p2p_roster_worker *worker) {
  struct p2p_err err;
  if (p2p_worker_link_stream(worker->link) == NULL) {
    p2p_err_set(&err, P2P_ERR_TIMEOUT, "it did not send HELLO in time");
    lose(workers, worker, &err);
    return;
  }
  p2p_log_write(workers->link.log, P2P_LOG_DEBUG, "closing the idle link to worker '%s'",
                worker->name);
  release(workers, worker);
}

bool p2p_workers_close_broken_links(struct p2p_workers *workers) {
  bool had_any = false;
  for (size_t i = workers->roster.length; i-- > 0;) {
    struct p2p_roster_worker *worker = workers->roster.workers[i];
    if (worker->link == NULL || p2p_worker_link_error(worker->link) == NULL) continue;
    struct p2p_err err = *p2p_worker_link_error(worker->link);
    lose(workers, worker, &err);
    had_any = true;
  }
  return had_any;
}

void p2p_workers_expel(struct p2p_workers *workers, const struct p2p_sign_public *devices,
                       size_t n_devices) {
  const struct p2p_err err = {P2P_ERR_ACCESS, NULL, "the owner has expelled it"};
  for (size_t i = workers->roster.length; i-- > 0;) {
    struct p2p_roster_worker *worker = workers->roster.workers[i];
    if (!p2p_device_is_among(&worker->device, devices, n_devices)) continue;
    worker->has_left = true;
    if (p2p_worker_link_stream(worker->link) != NULL)
      lose(workers, worker, &err);
    else
      release(workers, worker);
  }
}

/* Callbacks of a link. */

/* Versions are checked again by what the worker says over its link, since anybody can write its
 * hello on the board. */
static int on_hello(void *arg, const struct p2p_hello *hello, struct p2p_err *err) {
  struct p2p_roster_worker *worker = arg;
  struct p2p_workers *workers = worker->owner;
  int code = p2p_roster_set_hello(&workers->roster, worker, hello, err);
  if (code != P2P_OK) return code;
  worker->has_left = false; /* somebody else said so: it has opened a link since */
  worker->failures = 0;
  return P2P_OK;
}

static void on_change(void *arg) {
  struct p2p_roster_worker *worker = arg;
  struct p2p_workers *workers = worker->owner;
  workers->callbacks.on_change(workers->arg);
}

static void on_task(void *arg) {
  struct p2p_roster_worker *worker = arg;
  struct p2p_workers *workers = worker->owner;
  workers->callbacks.on_task(workers->arg);
}

static void on_again(void *arg, struct p2p_task *task) {
  struct p2p_roster_worker *worker = arg;
  struct p2p_workers *workers = worker->owner;
  struct p2p_task_queue again = {0};
  p2p_task_queue_push(&again, task);
  workers->callbacks.on_lost(workers->arg, &again);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_roster_worker *worker = arg;
  struct p2p_workers *workers = worker->owner;
  lose(workers, worker, err);
  workers->callbacks.on_change(workers->arg);
}

void p2p_workers_open_link(struct p2p_workers *workers, struct p2p_roster_worker *worker) {
  static const struct p2p_worker_link_callbacks callbacks = {on_hello, on_change, on_task, on_again,
                                                             on_failed};
  struct p2p_worker_link_config config = workers->link;
  struct p2p_err err;
  config.worker = worker->name;
  config.worker_id = worker->member.id;
  config.key = &worker->key;
  config.hello = worker->hello;
  config.device = &worker->device;
  worker->owner = workers;
  if (p2p_worker_link_open(&config, &callbacks, worker, &worker->link, &err) != P2P_OK)
    back_off(workers, worker, &err);
}

void p2p_workers_cancel_ended(struct p2p_workers *workers) {
  for (size_t i = 0; i < workers->roster.length; i++) {
    struct p2p_roster_worker *worker = workers->roster.workers[i];
    if (worker->link != NULL) p2p_worker_link_cancel_ended(worker->link);
  }
}

/* The board. */

void p2p_workers_on_joined(struct p2p_workers *workers, struct p2p_member *member) {
  workers->link.member = member;
  workers->is_joined = true;
  workers->joined_ms = p2p_clock_ms();
}

void p2p_workers_on_disconnected(struct p2p_workers *workers) { workers->is_joined = false; }

bool p2p_workers_is_joined(const struct p2p_workers *workers) { return workers->is_joined; }

const char *p2p_workers_cluster(const struct p2p_workers *workers) {
  return p2p_member_cluster(workers->link.member);
}

/* Anybody can write that a worker leaves. A worker that is still there answers our hello; a link of
 * it, also one that is being opened, goes on. */
static void on_leave(struct p2p_workers *workers, struct p2p_roster_worker *worker) {
  workers->hello_due = true;
  worker->has_left = true;
  if (worker->link == NULL) p2p_roster_remove(&workers->roster, worker);
}

static void on_new_worker(struct p2p_workers *workers, const struct p2p_roster_worker *worker) {
  workers->unanswered = 0;
  if (worker->compatible) {
    p2p_log_write(workers->link.log, P2P_LOG_DEBUG, "found worker '%s': %u slots, R %s, future %s",
                  worker->name, (unsigned)worker->slots, worker->r_version, worker->future_version);
  } else {
    p2p_log_write(workers->link.log, P2P_LOG_WARN, "%s", workers->roster.incompatible_why);
  }
}

/* A hello was not read, perhaps that of a new worker: it answers another one of ours. Returns
 * whether that is news. */
static bool ask_again(struct p2p_workers *workers) {
  bool was_due = workers->hello_due;
  workers->hello_due = true;
  return !was_due;
}

/* The 1st, 2nd, 4th, 8th, ... of them are logged: a flood of hellos is not one of log lines. */
static void reject(struct p2p_workers *workers, const struct p2p_line *line, const char *why) {
  const char *from = p2p_line_get(line, "from");
  char name[P2P_MEMBER_NAME_MAX];
  uint64_t n = ++workers->rejected;
  if ((n & (n - 1)) != 0) return;
  p2p_sanitize(from, from != NULL ? strlen(from) : 0, name, sizeof name);
  p2p_log_write(workers->link.log, P2P_LOG_DEBUG, "ignoring worker '%s': %s (%llu so far)", name,
                why, (unsigned long long)n);
}

bool p2p_workers_on_line(struct p2p_workers *workers, const struct p2p_line *line) {
  struct p2p_roster_worker *worker;
  if (workers->link.member == NULL) return false;
  const struct p2p_credentials *ours = p2p_member_credentials(workers->link.member);
  switch (p2p_roster_update(&workers->roster, line, ours, p2p_clock_ms(), &worker)) {
  case P2P_ROSTER_IGNORED: return false;
  case P2P_ROSTER_MALFORMED: reject(workers, line, "its hello is malformed"); return false;
  case P2P_ROSTER_FORGED: reject(workers, line, "its hello has no valid badge"); return false;
  case P2P_ROSTER_SKIPPED: return ask_again(workers);
  case P2P_ROSTER_FULL: reject(workers, line, "there are too many workers"); return false;
  case P2P_ROSTER_ADDED: on_new_worker(workers, worker); break;
  case P2P_ROSTER_UPDATED: break;
  case P2P_ROSTER_LEFT: on_leave(workers, worker); break;
  }
  return true;
}

/* Joining sends a hello, too. */
static uint64_t latest_hello_ms(const struct p2p_workers *workers) {
  return workers->hello_ms > workers->joined_ms ? workers->hello_ms : workers->joined_ms;
}

/* A future waits and no worker is in sight: perhaps a hello was lost. Returns when another one is
 * to be sent. */
static uint64_t call_for_workers(struct p2p_workers *workers, uint64_t now_ms) {
  uint64_t pause_ms =
      workers->unanswered < 4 ? HELLO_INTERVAL_MS << workers->unanswered : HELLO_PAUSE_MAX_MS;
  uint64_t due_ms = latest_hello_ms(workers) + pause_ms;
  if (workers->roster.length > 0 || !workers->is_joined) return UINT64_MAX;
  if (due_ms > now_ms) return due_ms;
  workers->hello_due = true;
  workers->unanswered++;
  return now_ms + 2 * pause_ms;
}

/* A worker whose link was lost may be down, or only its link: workers that are there answer a
 * hello. Returns when it is to be sent. */
static uint64_t send_hello(struct p2p_workers *workers, uint64_t now_ms) {
  if (!workers->hello_due || !workers->is_joined) return UINT64_MAX;
  uint64_t due_ms = workers->hello_ms == 0 ? 0 : workers->hello_ms + HELLO_INTERVAL_MS;
  if (due_ms > now_ms) return due_ms;
  workers->hello_due = false;
  workers->hello_ms = now_ms;
  /* It fails while the board is disconnected; joining again sends a hello anyway. */
  (void)p2p_member_send_hello(workers->link.member);
  return UINT64_MAX;
}

uint64_t p2p_workers_refresh(struct p2p_workers *workers, bool is_waiting, uint64_t now_ms) {
  uint64_t expiry_ms = p2p_roster_expire(&workers->roster, now_ms);
  uint64_t call_ms = is_waiting ? call_for_workers(workers, now_ms) : UINT64_MAX;
  uint64_t hello_ms = send_hello(workers, now_ms);
  if (call_ms < hello_ms) hello_ms = call_ms;
  return expiry_ms < hello_ms ? expiry_ms : hello_ms;
}

uint64_t p2p_workers_settled_ms(const struct p2p_workers *workers) {
  if (!workers->is_joined || workers->hello_due) return UINT64_MAX;
  return latest_hello_ms(workers) + SETTLE_MS;
}

/* Reports. */

const struct p2p_roster *p2p_workers_roster(const struct p2p_workers *workers) {
  return &workers->roster;
}

/* Creation and end. */

int p2p_workers_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                    const struct p2p_workers_callbacks *callbacks, void *arg,
                    struct p2p_workers **out, struct p2p_err *err) {
  const char *mailbox = config->board.mailbox, *relay = config->board.relay;
  struct p2p_workers *workers = calloc(1, sizeof *workers);
  if (workers == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  workers->callbacks = *callbacks;
  workers->arg = arg;
  snprintf(workers->r_version, sizeof workers->r_version, "%s", config->r_version);
  snprintf(workers->future_version, sizeof workers->future_version, "%s", config->future_version);
  workers->mailbox = mailbox != NULL ? strdup(mailbox) : NULL;
  workers->relay = relay != NULL ? strdup(relay) : NULL;
  p2p_roster_init(&workers->roster, workers->r_version);
  workers->roster.sandbox = config->sandbox;
  if ((mailbox != NULL && workers->mailbox == NULL) || (relay != NULL && workers->relay == NULL)) {
    p2p_workers_free(workers, NULL);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  workers->link = (struct p2p_worker_link_config){
      .loop = config->loop,
      .log = log,
      .recording = p2p_recording_new(config->loop, log, config->recorder),
      .mailbox = workers->mailbox,
      .relay = workers->relay,
      .r_version = workers->r_version,
      .future_version = workers->future_version,
      .object_cap_bytes = config->object_cap_bytes,
  };
  *out = workers;
  return P2P_OK;
}

void p2p_workers_free(struct p2p_workers *workers, const struct p2p_err *why) {
  if (workers == NULL) return;
  for (size_t i = workers->roster.length; i-- > 0;) {
    struct p2p_roster_worker *worker = workers->roster.workers[i];
    if (p2p_worker_link_stream(worker->link) != NULL)
      p2p_task_stream_cancel_all(p2p_worker_link_stream(worker->link), why);
    p2p_worker_link_free(worker->link);
  }
  p2p_roster_clear(&workers->roster);
  p2p_recording_free(workers->link.recording);
  free(workers->mailbox);
  free(workers->relay);
  free(workers);
}
