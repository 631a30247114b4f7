/* Owns struct p2p_dispatcher: the tasks that wait, and the decisions of the scheduler for them. */
#include "client/dispatcher.h"

#include <stdlib.h>

#include "base/clock.h"
#include "client/packages.h"
#include "client/roster_report.h"
#include "client/schedule.h"
#include "client/turns.h"
#include "client/waiting.h"
#include "client/worker_link.h"
#include "client/workers.h"
#include "net/timer.h"

#define MEMORY_RETRY_MS 1000
#define LINES_MS 20 /* between two decisions because of lines: anybody can write many */

struct p2p_dispatcher {
  struct p2p_dispatcher_callbacks callbacks;
  void *arg;
  uint32_t slots_max;
  struct p2p_workers *workers;
  struct p2p_task_queue waiting;
  struct p2p_err failed; /* code != 0: the board cannot be joined any more */
  struct p2p_timer *timer;
  uint64_t timer_ms; /* when it expires; P2P_SCHEDULE_NEVER: stopped */
  uint64_t line_ms;  /* of the last decision because of a line */
  bool is_deciding, decide_again;

  /* Of the current decision: the workers that can be used, ... */
  struct p2p_roster_worker **candidates;
  struct p2p_schedule_worker *numbers; /* ... what the scheduler needs to know about them, ... */
  struct p2p_schedule_step *steps;     /* ... and what it has decided. */
  size_t length, capacity;
  struct p2p_schedule_user *users; /* those of the roster */
  size_t n_users;
  struct p2p_package_needs needs;
};

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms) { return a_ms < b_ms ? a_ms : b_ms; }

/* The decision. */

static int copy_users(struct p2p_dispatcher *dispatcher, const struct p2p_roster *roster) {
  if (roster->n_users > dispatcher->n_users) {
    void *users = realloc(dispatcher->users, roster->n_users * sizeof *dispatcher->users);
    if (users == NULL) return P2P_ERR_MEMORY;
    dispatcher->users = users;
    dispatcher->n_users = roster->n_users;
  }
  for (size_t i = 0; i < roster->n_users; i++)
    dispatcher->users[i] = (struct p2p_schedule_user){.failures = roster->users[i].failures};
  return P2P_OK;
}

static int reserve(struct p2p_dispatcher *dispatcher) {
  const struct p2p_roster *roster = p2p_workers_roster(dispatcher->workers);
  if (copy_users(dispatcher, roster) != P2P_OK) return P2P_ERR_MEMORY;
  if (roster->length <= dispatcher->capacity) return P2P_OK;
  size_t capacity = roster->capacity;
  void *candidates = realloc(dispatcher->candidates, capacity * sizeof *dispatcher->candidates);
  if (candidates != NULL) dispatcher->candidates = candidates;
  void *numbers = realloc(dispatcher->numbers, capacity * sizeof *dispatcher->numbers);
  if (numbers != NULL) dispatcher->numbers = numbers;
  void *steps = realloc(dispatcher->steps, capacity * sizeof *dispatcher->steps);
  if (steps != NULL) dispatcher->steps = steps;
  if (candidates == NULL || numbers == NULL || steps == NULL) return P2P_ERR_MEMORY;
  dispatcher->capacity = capacity;
  return P2P_OK;
}

static void describe(struct p2p_dispatcher *dispatcher, const struct p2p_roster_worker *worker,
                     uint64_t now_ms, struct p2p_schedule_worker *out) {
  struct p2p_worker_packages *packages = NULL;
  struct p2p_room room;
  if (p2p_worker_link_stream(worker->link) != NULL) {
    p2p_worker_link_room(worker->link, &room);
    p2p_task_stream_describe(p2p_worker_link_stream(worker->link), now_ms, out);
    packages = p2p_worker_link_packages(worker->link);
  } else {
    p2p_room_init(&room, &worker->machine, &(struct p2p_amounts){0}, NULL, true);
    *out = (struct p2p_schedule_worker){.slots = worker->slots,
                                        .is_claim = !worker->was_linked,
                                        .user = worker->user,
                                        .taken =
                                            worker->state[0] != '\0' ? worker->slots : worker->busy,
                                        .retry_at_ms = worker->retry_at_ms};
    if (worker->link != NULL) {
      out->link = P2P_SCHEDULE_OPENING;
      out->since_ms = p2p_worker_link_since_ms(worker->link);
    }
  }
  p2p_package_needs_add_worker(&dispatcher->needs, packages, &room, now_ms, out);
}

static void collect_candidates(struct p2p_dispatcher *dispatcher, uint64_t now_ms) {
  const struct p2p_roster *roster = p2p_workers_roster(dispatcher->workers);
  dispatcher->length = 0;
  for (size_t i = 0; i < roster->length; i++) {
    struct p2p_roster_worker *worker = roster->workers[i];
    if (!worker->compatible || worker->is_lost) continue;
    describe(dispatcher, worker, now_ms, &dispatcher->numbers[dispatcher->length]);
    dispatcher->candidates[dispatcher->length++] = worker;
  }
}

/* Requests unknown packages from all linked workers. Returns when the first request times out. */
static uint64_t request_packages(struct p2p_dispatcher *dispatcher, uint64_t now_ms) {
  uint64_t timeout_ms = P2P_SCHEDULE_NEVER;
  if (dispatcher->needs.length == 0) return timeout_ms;
  for (size_t i = 0; i < dispatcher->length; i++) {
    if (dispatcher->numbers[i].link != P2P_SCHEDULE_OPEN) continue;
    struct p2p_worker_link *link = dispatcher->candidates[i]->link;
    p2p_worker_link_request_packages(link, now_ms);
    timeout_ms =
        earlier(timeout_ms, p2p_worker_packages_timeout_ms(p2p_worker_link_packages(link), now_ms));
  }
  return timeout_ms;
}

static void fail_need(struct p2p_dispatcher *dispatcher, const struct p2p_package_need *need) {
  struct p2p_package_report report = {.cluster = p2p_workers_cluster(dispatcher->workers),
                                      .n_workers = dispatcher->length};
  for (size_t i = 0; i < dispatcher->length && i < P2P_PACKAGE_REPORT_MAX; i++) {
    const struct p2p_roster_worker *worker = dispatcher->candidates[i];
    report.workers[i].name = worker->name;
    report.workers[i].machine = &worker->machine;
    if (p2p_worker_link_stream(worker->link) != NULL)
      report.workers[i].packages = p2p_worker_link_packages(worker->link);
  }
  p2p_package_need_fail(need, &report, &dispatcher->waiting);
  dispatcher->callbacks.on_task(dispatcher->arg);
}

/* Fails the tasks whose packages no worker has, but not before every worker has had the time to
 * join: *wake_ms is then moved to that moment. Returns whether any task failed: its user may
 * install what is missing, so that is requested again for later tasks. */
static bool fail_hopeless_tasks(struct p2p_dispatcher *dispatcher, uint64_t now_ms,
                                uint64_t *wake_ms) {
  uint64_t settled_ms = p2p_workers_settled_ms(dispatcher->workers);
  bool any_failed = false;
  for (size_t i = 0; i < dispatcher->needs.length; i++) {
    const struct p2p_package_need *need = &dispatcher->needs.list[i];
    if (!p2p_package_need_is_hopeless(need)) continue;
    if (now_ms < settled_ms) {
      *wake_ms = earlier(*wake_ms, settled_ms);
      return false;
    }
    fail_need(dispatcher, need);
    any_failed = true;
  }
  for (size_t i = 0; any_failed && i < dispatcher->length; i++) {
    if (dispatcher->numbers[i].link == P2P_SCHEDULE_OPEN)
      p2p_worker_packages_forget_missing(p2p_worker_link_packages(dispatcher->candidates[i]->link));
  }
  return any_failed;
}

static void take_step(struct p2p_dispatcher *dispatcher, struct p2p_roster_worker *worker,
                      const struct p2p_schedule_step *step) {
  if (step->open) p2p_workers_open_link(dispatcher->workers, worker);
  if (worker->link == NULL) return;
  if (step->close)
    p2p_workers_close_link(dispatcher->workers, worker);
  else if (!p2p_worker_link_take_step(worker->link, step, &dispatcher->waiting))
    dispatcher->decide_again = true;
}

/* Workers that cannot run every task come first: they leave the others to those that can. */
static void take_steps(struct p2p_dispatcher *dispatcher, uint32_t waiting) {
  for (int can_run_all = 0; can_run_all <= 1; can_run_all++) {
    for (size_t i = 0; i < dispatcher->length; i++) {
      if ((dispatcher->numbers[i].eligible == waiting) == can_run_all)
        take_step(dispatcher, dispatcher->candidates[i], &dispatcher->steps[i]);
    }
  }
}

/* Returns when to decide again. */
static uint64_t decide_once(struct p2p_dispatcher *dispatcher) {
  uint64_t now_ms = p2p_clock_ms();
  uint64_t wake_ms =
      p2p_workers_refresh(dispatcher->workers, dispatcher->waiting.length > 0, now_ms);
  if (reserve(dispatcher) != P2P_OK) return now_ms + MEMORY_RETRY_MS;
  p2p_package_needs_collect(&dispatcher->needs, &dispatcher->waiting);
  collect_candidates(dispatcher, now_ms);
  wake_ms = earlier(wake_ms, request_packages(dispatcher, now_ms));
  if (fail_hopeless_tasks(dispatcher, now_ms, &wake_ms)) { /* the counts are no longer true */
    dispatcher->decide_again = true;
    return wake_ms;
  }
  /* With a limit, the slot that the task has in the line may be the last one. */
  const struct p2p_turns turns = {dispatcher->candidates, dispatcher->numbers, dispatcher->length,
                                  now_ms};
  if (dispatcher->slots_max == 0 && p2p_turns_move(&turns)) {
    dispatcher->decide_again = true;
    return wake_ms;
  }
  uint32_t in_line = p2p_turns_add(&turns);
  struct p2p_schedule schedule = {
      .now_ms = now_ms,
      .waiting = p2p_package_needs_waiting(&dispatcher->needs) + in_line,
      .slots_max = dispatcher->slots_max,
      .may_open = p2p_workers_is_joined(dispatcher->workers),
      .links_min = p2p_package_needs_links(&dispatcher->needs),
      .workers = dispatcher->numbers,
      .length = dispatcher->length,
      .users = dispatcher->users,
  };
  wake_ms = earlier(wake_ms, p2p_schedule_decide(&schedule, dispatcher->steps));
  take_steps(dispatcher, schedule.waiting);
  /* The tasks of a broken link fail or wait again. */
  if (p2p_workers_close_broken_links(dispatcher->workers)) dispatcher->decide_again = true;
  return wake_ms;
}

static void set_timer(struct p2p_dispatcher *dispatcher, uint64_t wake_ms) {
  uint64_t now_ms = p2p_clock_ms();
  if (wake_ms == dispatcher->timer_ms) return;
  dispatcher->timer_ms = wake_ms;
  if (wake_ms == P2P_SCHEDULE_NEVER)
    p2p_timer_stop(dispatcher->timer);
  else
    p2p_timer_start(dispatcher->timer, wake_ms > now_ms ? wake_ms - now_ms : 1, 0);
}

static void decide(void *arg) {
  struct p2p_dispatcher *dispatcher = arg;
  if (dispatcher->is_deciding) { /* a step has changed something */
    dispatcher->decide_again = true;
    return;
  }
  uint64_t wake_ms;
  dispatcher->is_deciding = true;
  do {
    dispatcher->decide_again = false;
    wake_ms = decide_once(dispatcher);
  } while (dispatcher->decide_again);
  dispatcher->is_deciding = false;
  set_timer(dispatcher, wake_ms);
  dispatcher->callbacks.on_change(dispatcher->arg);
}

static void on_timer(void *arg) {
  struct p2p_dispatcher *dispatcher = arg;
  dispatcher->timer_ms = P2P_SCHEDULE_NEVER;
  decide(dispatcher);
}

/* Callbacks of the workers. */

static void on_task(void *arg) {
  struct p2p_dispatcher *dispatcher = arg;
  dispatcher->callbacks.on_task(dispatcher->arg);
}

/* The tasks of a lost worker are the next to run. */
static void on_lost(void *arg, struct p2p_task_queue *tasks) {
  struct p2p_dispatcher *dispatcher = arg;
  if (dispatcher->failed.code != P2P_OK) { /* no other worker will come */
    p2p_task_queue_fail(tasks, &dispatcher->failed);
    return;
  }
  p2p_task_queue_append(tasks, &dispatcher->waiting);
  dispatcher->waiting = *tasks;
}

/* Tasks. */

void p2p_dispatcher_update(struct p2p_dispatcher *dispatcher, struct p2p_task_queue *submitted,
                           bool has_cancelled) {
  if (dispatcher->failed.code != P2P_OK) {
    p2p_task_queue_fail(submitted, &dispatcher->failed);
    dispatcher->callbacks.on_task(dispatcher->arg);
  }
  p2p_task_queue_append(&dispatcher->waiting, submitted);
  if (has_cancelled) {
    p2p_task_queue_remove_ended(&dispatcher->waiting);
    p2p_workers_cancel_ended(dispatcher->workers);
  }
  decide(dispatcher);
}

/* The board. */

void p2p_dispatcher_on_joined(struct p2p_dispatcher *dispatcher, struct p2p_member *member) {
  p2p_workers_on_joined(dispatcher->workers, member);
  decide(dispatcher);
}

void p2p_dispatcher_on_line(struct p2p_dispatcher *dispatcher, const struct p2p_line *line) {
  if (!p2p_workers_on_line(dispatcher->workers, line)) return;
  uint64_t now_ms = p2p_clock_ms(), due_ms = dispatcher->line_ms + LINES_MS;
  if (due_ms > now_ms) {
    set_timer(dispatcher, earlier(dispatcher->timer_ms, due_ms));
  } else {
    dispatcher->line_ms = now_ms;
    decide(dispatcher);
  }
}

void p2p_dispatcher_on_disconnected(struct p2p_dispatcher *dispatcher) {
  p2p_workers_on_disconnected(dispatcher->workers);
  decide(dispatcher);
}

void p2p_dispatcher_on_expelled(struct p2p_dispatcher *dispatcher,
                                const struct p2p_sign_public *devices, size_t n) {
  p2p_workers_expel(dispatcher->workers, devices, n);
  decide(dispatcher);
}

void p2p_dispatcher_on_failed(struct p2p_dispatcher *dispatcher, const struct p2p_err *err) {
  dispatcher->failed = *err;
  p2p_task_queue_fail(&dispatcher->waiting, err);
  dispatcher->callbacks.on_task(dispatcher->arg);
  p2p_dispatcher_on_disconnected(dispatcher);
}

/* Reports. */

void p2p_dispatcher_count(const struct p2p_dispatcher *dispatcher, struct p2p_client_status *out) {
  p2p_roster_count(p2p_workers_roster(dispatcher->workers), out);
  out->waiting = dispatcher->waiting.length;
  out->waiting_with_needs = dispatcher->waiting.with_needs;
}

size_t p2p_dispatcher_workers(const struct p2p_dispatcher *dispatcher, struct p2p_worker_info *out,
                              size_t capacity) {
  return p2p_roster_describe(p2p_workers_roster(dispatcher->workers), out, capacity);
}

void p2p_dispatcher_explain(const struct p2p_dispatcher *dispatcher,
                            const struct p2p_requirements *needs, struct p2p_waiting *out) {
  struct p2p_waiting_query query = {.roster = p2p_workers_roster(dispatcher->workers),
                                    .is_joined = p2p_workers_is_joined(dispatcher->workers),
                                    .slots_max = dispatcher->slots_max,
                                    .needs = needs,
                                    .now_ms = p2p_clock_ms()};
  p2p_waiting_explain(&query, out);
}

/* Creation and end. */

int p2p_dispatcher_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                       const struct p2p_dispatcher_callbacks *callbacks, void *arg,
                       struct p2p_dispatcher **out, struct p2p_err *err) {
  static const struct p2p_workers_callbacks workers_callbacks = {decide, on_task, on_lost};
  struct p2p_dispatcher *dispatcher = calloc(1, sizeof *dispatcher);
  if (dispatcher == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  dispatcher->callbacks = *callbacks;
  dispatcher->arg = arg;
  dispatcher->slots_max = config->slots_max;
  dispatcher->timer_ms = P2P_SCHEDULE_NEVER;
  dispatcher->timer = p2p_timer_new(config->loop, on_timer, dispatcher);
  int code = P2P_OK;
  if (dispatcher->timer == NULL) code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code == P2P_OK)
    code = p2p_workers_new(config, log, &workers_callbacks, dispatcher, &dispatcher->workers, err);
  if (code == P2P_OK)
    *out = dispatcher;
  else
    p2p_dispatcher_free(dispatcher);
  return code;
}

void p2p_dispatcher_free(struct p2p_dispatcher *dispatcher) {
  if (dispatcher == NULL) return;
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_CANCELED, "the session has left the cluster");
  dispatcher->is_deciding = true; /* nothing is started any more */
  p2p_workers_free(dispatcher->workers, &err);
  p2p_task_queue_fail(&dispatcher->waiting, &err);
  p2p_timer_free(dispatcher->timer);
  free(dispatcher->candidates);
  free(dispatcher->numbers);
  free(dispatcher->steps);
  free(dispatcher->users);
  free(dispatcher);
}
