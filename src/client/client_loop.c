/* Owns what the client does on the io thread: it listens to the board, keeps the roster, and after
 * everything that happens lets the scheduler decide, does what was decided, and publishes the
 * status. */
#include "client/client_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/lacking.h"
#include "client/worker_link.h"
#include "protocol/leave.h"

#define ASK_AT_MOST_EVERY_MS 5000

/* The status. */

static void count(struct p2p_client *client, struct p2p_client_status *out) {
  out->workers = out->slots = out->incompatible = out->running = 0;
  out->joined = client->joined;
  out->waiting = client->waiting.length;
  out->needy = client->waiting.needy;
  for (size_t i = 0; i < client->roster.length; i++) {
    const struct p2p_roster_worker *worker = client->roster.workers[i];
    const struct p2p_task_stream *stream =
        worker->peer != NULL ? p2p_worker_link_lane(worker->peer) : NULL;
    uint32_t running = stream != NULL ? p2p_task_stream_running(stream) : 0;
    bool is_there = worker->compatible && !worker->left && !worker->is_lost;
    out->incompatible += !worker->compatible;
    out->workers += is_there;
    out->slots += is_there ? worker->slots : running;
    out->running += running;
  }
  snprintf(out->incompatible_why, sizeof out->incompatible_why, "%s",
           client->roster.incompatible_why);
}

static bool is_same(const struct p2p_client_status *a, const struct p2p_client_status *b) {
  return a->joined == b->joined && a->failed.code == b->failed.code && a->workers == b->workers &&
         a->slots == b->slots && a->incompatible == b->incompatible && a->waiting == b->waiting &&
         a->running == b->running && a->needy == b->needy &&
         strcmp(a->incompatible_why, b->incompatible_why) == 0 && strcmp(a->user, b->user) == 0 &&
         strcmp(a->cluster, b->cluster) == 0;
}

/* Only this thread writes the status: it may read it without the lock. */
static void publish(struct p2p_client *client, const struct p2p_client_status *status) {
  if (is_same(status, &client->status)) return;
  pthread_mutex_lock(&client->lock);
  client->status = *status;
  pthread_mutex_unlock(&client->lock);
  p2p_notifier_notify(&client->notifier);
}

/* The decision. */

static int grow_seats(struct p2p_client *client) {
  if (client->roster.length <= client->seats_capacity) return P2P_OK;
  size_t capacity = client->roster.capacity;
  void *seats = realloc(client->seats, capacity * sizeof *client->seats);
  if (seats != NULL) client->seats = seats;
  void *numbers = realloc(client->numbers, capacity * sizeof *client->numbers);
  if (numbers != NULL) client->numbers = numbers;
  void *steps = realloc(client->steps, capacity * sizeof *client->steps);
  if (steps != NULL) client->steps = steps;
  if (seats == NULL || numbers == NULL || steps == NULL) return P2P_ERR_MEMORY;
  client->seats_capacity = capacity;
  return P2P_OK;
}

static size_t fill_seats(struct p2p_client *client, uint64_t now_ms) {
  size_t n = 0;
  for (size_t i = 0; i < client->roster.length; i++) {
    struct p2p_roster_worker *worker = client->roster.workers[i];
    if (!worker->compatible || worker->is_lost) continue;
    struct p2p_schedule_worker *numbers = &client->numbers[n];
    struct p2p_inventory *inventory = NULL;
    client->seats[n++] = worker;
    if (worker->peer != NULL && p2p_worker_link_lane(worker->peer) != NULL) {
      p2p_task_stream_describe(p2p_worker_link_lane(worker->peer), now_ms, numbers);
      inventory = p2p_worker_link_inventory(worker->peer);
    } else {
      *numbers =
          (struct p2p_schedule_worker){.slots = worker->slots, .retry_at_ms = worker->retry_at_ms};
      if (worker->peer != NULL) {
        numbers->link = P2P_SCHEDULE_OPENING;
        numbers->since_ms = p2p_worker_link_since_ms(worker->peer);
      }
    }
    p2p_needs_judge(&client->needs, inventory, now_ms, numbers);
  }
  return n;
}

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms) { return a_ms < b_ms ? a_ms : b_ms; }

/* What came up for the first time is asked for, of everybody who is linked. Returns when an answer
 * is due that somebody waits for. */
static uint64_t ask_about_packages(struct p2p_client *client, size_t seats, uint64_t now_ms) {
  uint64_t due_ms = P2P_SCHEDULE_NEVER;
  if (client->needs.length == 0) return due_ms;
  for (size_t i = 0; i < seats; i++) {
    if (client->numbers[i].link != P2P_SCHEDULE_OPEN) continue;
    struct p2p_worker_link *peer = client->seats[i]->peer;
    p2p_worker_link_ask(peer, now_ms);
    due_ms = earlier(due_ms, p2p_inventory_due_ms(p2p_worker_link_inventory(peer), now_ms));
  }
  return due_ms;
}

static void take_step(struct p2p_client *client, struct p2p_roster_worker *worker,
                      const struct p2p_schedule_step *step) {
  if (step->open) p2p_worker_link_open(client, worker);
  if (worker->peer == NULL) return;
  if (!step->close) {
    p2p_worker_link_work(worker->peer, step, &client->waiting);
  } else if (p2p_worker_link_lane(worker->peer) != NULL) {
    p2p_worker_link_close(worker->peer);
  } else {
    struct p2p_err err;
    p2p_err_set(&err, P2P_ERR_TIMEOUT, "it did not say hello over the link in time");
    p2p_worker_link_fail(worker->peer, &err);
  }
}

/* Who cannot run everything takes first, and leaves the rest to those who can. */
static void take_steps(struct p2p_client *client, const struct p2p_schedule *schedule) {
  for (int versatile = 0; versatile <= 1; versatile++) {
    for (size_t i = 0; i < schedule->length; i++) {
      if ((client->numbers[i].suits == schedule->waiting) == versatile)
        take_step(client, client->seats[i], &client->steps[i]);
    }
  }
}

/* Peers that broke meanwhile; their tasks have failed, so what was decided does not hold any more.
 */
static void lose_broken(struct p2p_client *client) {
  for (size_t i = client->roster.length; i-- > 0;) {
    struct p2p_worker_link *peer = client->roster.workers[i]->peer;
    if (peer == NULL || !p2p_worker_link_is_broken(peer)) continue;
    p2p_worker_link_fail(peer, NULL);
    client->again = true;
  }
}

/* A worker whose link was lost may be dead, or have lost the link alone: who is alive answers. Not
 * too often, since everybody does. Returns when it is due. */
static uint64_t ask_who_is_there(struct p2p_client *client, uint64_t now_ms) {
  if (!client->asking || !client->joined) return P2P_SCHEDULE_NEVER;
  uint64_t due_ms = client->asked_ms == 0 ? 0 : client->asked_ms + ASK_AT_MOST_EVERY_MS;
  if (due_ms > now_ms) return due_ms;
  client->asking = false;
  client->asked_ms = now_ms;
  (void)p2p_member_send_hello(
      client->member); /* while away: the return to the board says hello by itself */
  return P2P_SCHEDULE_NEVER;
}

/* Returns when to decide again. */
static uint64_t decide_once(struct p2p_client *client) {
  uint64_t now_ms = p2p_clock_ms();
  uint64_t expiry_ms = p2p_roster_expire(&client->roster, now_ms);
  uint64_t hello_ms = ask_who_is_there(client, now_ms);
  if (grow_seats(client) != P2P_OK) return now_ms + 1000;
  p2p_needs_gather(&client->needs, &client->waiting);
  size_t seats = fill_seats(client, now_ms);
  uint64_t wake_ms =
      earlier(earlier(expiry_ms, hello_ms), ask_about_packages(client, seats, now_ms));
  if (p2p_lacking_fail(client, seats, now_ms, &wake_ms)) { /* fewer tasks wait than were gathered */
    client->again = true;
    return wake_ms;
  }
  struct p2p_schedule schedule = {
      .now_ms = now_ms,
      .waiting = p2p_needs_waiting(&client->needs),
      .most = client->workers_most,
      .may_open = client->joined,
      .search = p2p_needs_search(&client->needs),
      .workers = client->numbers,
      .length = seats,
  };
  wake_ms = earlier(wake_ms, p2p_schedule_decide(&schedule, client->steps));
  take_steps(client, &schedule);
  lose_broken(client);
  return wake_ms;
}

void p2p_client_loop_decide(struct p2p_client *client) {
  if (client->deciding) { /* something that we do just now has changed something */
    client->again = true;
    return;
  }
  uint64_t wake_ms;
  client->deciding = true;
  do {
    client->again = false;
    wake_ms = decide_once(client);
  } while (client->again);
  client->deciding = false;
  uint64_t now_ms = p2p_clock_ms();
  if (wake_ms == P2P_SCHEDULE_NEVER)
    p2p_timer_stop(client->timer);
  else
    p2p_timer_start(client->timer, wake_ms > now_ms ? wake_ms - now_ms : 1, 0);
  struct p2p_client_status status = client->status;
  count(client, &status);
  publish(client, &status);
}

static void on_timer(void *arg) { p2p_client_loop_decide(arg); }

void p2p_client_loop_look(void *arg) {
  struct p2p_client *client = arg;
  pthread_mutex_lock(&client->lock);
  struct p2p_task_queue inbox = client->inbox;
  bool canceled = client->canceled;
  client->inbox = (struct p2p_task_queue){0};
  client->status.needy += inbox.needy;
  client->status.waiting += inbox.length; /* counted at every moment: by p2p_client_status() in the
                                             inbox, here from now on */
  client->canceled = client->posted = false;
  pthread_mutex_unlock(&client->lock);
  p2p_task_queue_append(&client->waiting, &inbox);
  if (canceled) {
    p2p_task_queue_sweep(&client->waiting);
    for (size_t i = 0; i < client->roster.length; i++) {
      if (client->roster.workers[i]->peer != NULL)
        p2p_worker_link_sweep(client->roster.workers[i]->peer);
    }
  }
  p2p_client_loop_decide(client);
}

void p2p_client_loop_run_again(struct p2p_client *client, struct p2p_task_queue *tasks) {
  if (client->status.failed.code != P2P_OK) { /* no other worker will come */
    p2p_task_queue_fail(tasks, &client->status.failed);
    return;
  }
  p2p_task_queue_append(tasks, &client->waiting);
  client->waiting = *tasks;
  client->asking = true;
}

/* The board. */

static void on_hello(void *arg, struct p2p_hello_line *hello) {
  const struct p2p_client *client = arg;
  snprintf(hello->r_version, sizeof hello->r_version, "%s", client->r_version);
  snprintf(hello->future_version, sizeof hello->future_version, "%s", client->future_version);
}

static void on_joined(void *arg) {
  struct p2p_client *client = arg;
  struct p2p_client_status status = client->status;
  client->joined = status.joined = true;
  client->joined_ms = p2p_clock_ms();
  snprintf(status.user, sizeof status.user, "%s", p2p_member_user(client->member));
  snprintf(status.cluster, sizeof status.cluster, "%s", p2p_member_cluster(client->member));
  p2p_log_write(client->log, P2P_LOG_INFO, "Joined cluster '%s' as %s", status.cluster,
                p2p_member_name(client->member));
  publish(client, &status);
  p2p_client_loop_decide(client);
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_client *client = arg;
  struct p2p_roster_worker *worker;
  switch (p2p_roster_update(&client->roster, line, p2p_clock_ms(), &worker)) {
  case P2P_ROSTER_NOTHING: return;
  case P2P_ROSTER_CAME:
    if (worker->compatible) {
      p2p_log_write(client->log, P2P_LOG_DEBUG, "%s is there: %u slots, R %s, future %s",
                    worker->from, (unsigned)worker->slots, worker->r_version,
                    worker->future_version);
    } else {
      p2p_log_write(client->log, P2P_LOG_WARN, "%s", client->roster.incompatible_why);
    }
    break;
  case P2P_ROSTER_AGAIN: break;
  case P2P_ROSTER_LEFT: /* anybody can write that: a link that stands tells itself when it is no
                           more */
    worker->left = true;
    if (worker->peer == NULL)
      p2p_roster_remove(&client->roster, worker);
    else if (p2p_worker_link_lane(worker->peer) == NULL)
      p2p_worker_link_close(worker->peer);
    break;
  }
  p2p_client_loop_decide(client);
}

static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct p2p_client *client = arg;
  client->joined = false;
  p2p_log_write(client->log, P2P_LOG_INFO, "Away from the board, back in %.1f s: %s",
                retry_ms / 1000.0, err->message);
  p2p_client_loop_decide(client);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_client *client = arg;
  struct p2p_client_status status = client->status;
  client->joined = status.joined = false;
  status.failed = *err;
  publish(client, &status); /* from now on nothing is submitted */
  p2p_log_error(client->log, P2P_LOG_FATAL, err);
  pthread_mutex_lock(&client->lock);
  struct p2p_task_queue inbox = client->inbox;
  client->inbox = (struct p2p_task_queue){0};
  pthread_mutex_unlock(&client->lock);
  p2p_task_queue_append(&client->waiting, &inbox);
  p2p_task_queue_fail(&client->waiting, err);
  p2p_notifier_notify(&client->notifier);
  p2p_client_loop_decide(client);
}

int p2p_client_loop_start(struct p2p_client *client, const struct p2p_client_config *config,
                          struct p2p_err *err) {
  static const struct p2p_member_callbacks callbacks = {on_hello, on_joined, on_line, on_away,
                                                        on_failed};
  struct p2p_member_config member = {
      .loop = config->loop,
      .board = config->board,
      .role = P2P_ROLE_CLIENT,
      .log = client->log,
  };
  p2p_roster_init(&client->roster, client->r_version);
  client->timer = p2p_timer_new(client->loop, on_timer, client);
  if (client->timer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  return p2p_member_new(&member, &callbacks, client, &client->member, err);
}

static void leave(struct p2p_client *client) {
  struct p2p_line line;
  if (client->joined &&
      p2p_leave_write(&line, p2p_member_name(client->member), time(NULL)) == P2P_OK)
    (void)p2p_member_send(client->member, &line);
}

void p2p_client_loop_end(struct p2p_client *client) {
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_CANCELED, "The session has left the cluster");
  for (size_t i = client->roster.length; i-- > 0;) {
    if (client->roster.workers[i]->peer != NULL)
      p2p_worker_link_cancel(client->roster.workers[i]->peer, &err);
  }
  if (client->member != NULL) leave(client);
  p2p_member_free(client->member);
  p2p_timer_free(client->timer);
  p2p_task_queue_append(&client->waiting, &client->inbox); /* no other thread is in here any more */
  p2p_task_queue_fail(&client->waiting, &err);
  p2p_roster_clear(&client->roster);
  free(client->seats);
  free(client->numbers);
  free(client->steps);
}
