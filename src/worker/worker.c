/* The worker service: connects the announcer on the board, the links to the clients, the slots
 * between the clients and the evaluators. */
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/service.h"
#include "proc/cgroup.h"
#include "worker/admission.h"
#include "worker/announcer.h"
#include "worker/client_link.h"
#include "worker/evaluator_pool.h"
#include "worker/file_tree.h"
#include "worker/lending.h"
#include "worker/links.h"
#include "worker/scratch.h"
#include "worker/slots.h"
#include "worker/wakeup.h"

struct p2p_worker {
  struct p2p_service *service;
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_worker_texts texts; /* mailbox, relay NULL: those of the board */
  struct p2p_machine machine;
  char offer[128];            /* the slots and their limits, for the log */
  struct p2p_cgroups *groups; /* of the evaluators; NULL: none */
  struct p2p_announcer *announcer;
  struct p2p_evaluator_pool *pool;
  struct p2p_slots slots;
  struct p2p_tally tally;
  struct p2p_links links;
  struct p2p_admission admission;
  struct p2p_lending *lending;
  struct p2p_client_link_shared shared;
  struct p2p_wakeup *poll; /* runs poll_slots: after a change, and at the slots' deadline */
  bool announced;          /* the offer has been logged */
  bool drained;
  bool done;   /* drained, and no slot is held */
  bool failed; /* all but this struct has been freed */
};

/* ---- on the io thread ---- */

static void poll_soon(void *arg) {
  struct p2p_worker *worker = arg;
  p2p_wakeup_soon(worker->poll);
}

static void free_link(struct p2p_worker *worker, size_t number, const char *why) {
  struct p2p_client_link *link = worker->links.of[number];
  worker->links.of[number] = NULL;
  p2p_client_link_free(link, why);
}

static void run_step(struct p2p_worker *worker, const struct p2p_slots_step *step) {
  struct p2p_client_link *link = worker->links.of[step->client];
  switch (step->op) {
  case P2P_SLOTS_GRANT: p2p_client_link_send_slot(link, P2P_SLOT_GRANT, step->count); break;
  case P2P_SLOTS_RECALL: p2p_client_link_send_slot(link, P2P_SLOT_RECALL, step->count); break;
  case P2P_SLOTS_EVICT:
    p2p_log_write(worker->log, P2P_LOG_WARN,
                  "closing the link to client '%s', which kept an idle slot that others wait for",
                  p2p_client_link_name(link));
    free_link(worker, step->client, "this client kept a slot idle that other clients wait for");
  }
}

/* By the wakeup only, never within a callback of a link or an evaluator: it may free links. */
static void poll_slots(void *arg) {
  struct p2p_worker *worker = arg;
  struct p2p_slots_step step;
  uint64_t now_ms = p2p_clock_ms();
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++)
    if (worker->links.of[i] != NULL && p2p_client_link_is_broken(worker->links.of[i]))
      free_link(worker, i, "this client does not read, or the worker is out of memory");
  p2p_slots_set_available(&worker->slots, p2p_evaluator_pool_usable(worker->pool));
  p2p_lending_apply(worker->lending, now_ms);
  p2p_links_start_tasks(&worker->links, &worker->slots);
  p2p_evaluator_pool_suspend(worker->pool, p2p_lending_pauses(worker->lending) && !worker->drained);
  while (p2p_slots_next(&worker->slots, now_ms, &step)) run_step(worker, &step);
  uint64_t deadline_ms = p2p_slots_deadline(&worker->slots, now_ms);
  uint64_t report_ms = p2p_lending_report(worker->lending, now_ms);
  if (report_ms < deadline_ms) deadline_ms = report_ms;
  if (deadline_ms != P2P_SLOTS_NEVER)
    p2p_wakeup_after(worker->poll, deadline_ms > now_ms ? deadline_ms - now_ms : 1);
  /* While a slot is held, a task for it may be on its way. */
  if (!worker->drained || worker->done || p2p_slots_held(&worker->slots) > 0) return;
  worker->done = true;
  p2p_log_event(worker->log, P2P_LOG_INFO, "leaving", "leaving the cluster");
}

/* Frees all that lives on the io thread. Running tasks are lost. */
static void stop_with(struct p2p_worker *worker, const char *why) {
  if (worker->pool != NULL) p2p_evaluator_pool_close(worker->pool);
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) free_link(worker, i, why);
  p2p_recording_free(worker->shared.recording);
  worker->shared.recording = NULL;
  if (worker->announcer != NULL) p2p_announcer_leave(worker->announcer);
  p2p_announcer_free(worker->announcer);
  p2p_lending_free(worker->lending);
  p2p_evaluator_pool_free(worker->pool);
  worker->announcer = NULL;
  worker->lending = NULL;
  worker->pool = NULL;
  p2p_wakeup_free(worker->poll);
  worker->poll = NULL;
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_worker *worker = arg;
  struct p2p_err copy = *err; /* `err` may be part of what is freed now */
  worker->failed = true;
  stop_with(worker, "the worker has failed");
  p2p_log_error(worker->log, P2P_LOG_FATAL, &copy);
}

static void log_offer(struct p2p_worker *worker) {
  const char *account = worker->texts.account;
  if (worker->announced) return;
  worker->announced = true;
  p2p_log_event(worker->log, P2P_LOG_INFO, "lending",
                "lending %s to cluster '%s'; its members can run any R code here%s%s%s",
                worker->offer, p2p_member_cluster(p2p_announcer_member(worker->announcer)),
                account != NULL ? " as '" : "", account != NULL ? account : "",
                account != NULL ? "'" : "");
}

static void on_joined(void *arg) {
  struct p2p_worker *worker = arg;
  log_offer(worker);
  worker->shared.member = p2p_announcer_member(worker->announcer);
  worker->shared.worker_key = p2p_announcer_key(worker->announcer);
}

static void on_link_end(void *arg, size_t number) {
  struct p2p_worker *worker = arg;
  worker->links.of[number] = NULL;
  poll_soon(worker);
}

static void open_link(struct p2p_worker *worker, const struct p2p_accept *accept, size_t number) {
  const struct p2p_member *member = p2p_announcer_member(worker->announcer);
  struct p2p_client_link_config config = {
      .number = number,
      .client = &accept->client,
      .is_ambiguous = p2p_links_has_namesake(&worker->links, &accept->client),
      .code = accept->code,
      .mailbox = worker->texts.mailbox != NULL ? worker->texts.mailbox : p2p_member_mailbox(member),
      .relay = worker->texts.relay != NULL ? worker->texts.relay : p2p_member_relay(member)};
  struct p2p_err err;
  worker->links.started_ms[number] = p2p_clock_ms();
  if (p2p_client_link_new(&worker->shared, &config, &worker->links.of[number], &err) == P2P_OK) {
    p2p_log_write(worker->log, P2P_LOG_DEBUG, "opening a link to client '%s'",
                  p2p_client_link_name(worker->links.of[number]));
    return;
  }
  p2p_slots_remove(&worker->slots, number);
  p2p_err_prefix(&err, "cannot open a link to client '%s'", accept->client.name);
  p2p_log_error(worker->log, P2P_LOG_WARN, &err);
}

/* Ends a link if that is needed for another one to `client`. False: none may end. */
static bool make_room(struct p2p_worker *worker, const struct p2p_identity *client) {
  int number = p2p_links_choose(&worker->links, &worker->slots, client, p2p_clock_ms());
  if (number >= 0)
    free_link(worker, (size_t)number, "this link was not used, and another client needs its place");
  return number != P2P_ADMISSION_FULL;
}

static void on_accept(void *arg, const struct p2p_accept *accept) {
  struct p2p_worker *worker = arg;
  if (worker->drained) return;
  const char *why = p2p_admission_check(&worker->admission, accept->code, p2p_clock_ms());
  int number =
      why == NULL && make_room(worker, &accept->client) ? p2p_slots_add(&worker->slots) : -1;
  if (why == NULL) why = "too many links are open or being opened";
  if (number >= 0)
    open_link(worker, accept, (size_t)number);
  else
    p2p_log_write(worker->log, P2P_LOG_DEBUG, "ignoring an accept of client '%s': %s",
                  accept->client.name, why);
}

static void on_expelled(void *arg, const struct p2p_sign_public *devices, size_t n) {
  struct p2p_worker *worker = arg;
  for (int i; (i = p2p_links_find(&worker->links, devices, n)) >= 0;)
    free_link(worker, (size_t)i, "the owner of the cluster has expelled this client");
}

/* ---- start ---- */

static int start_evaluators(struct p2p_worker *worker, const struct p2p_worker_config *config,
                            struct p2p_err *err) {
  static const struct p2p_evaluator_pool_callbacks callbacks = {poll_soon, on_failed};
  const struct p2p_evaluator_pool_config pool_config = {.loop = config->loop,
                                                        .log = worker->log,
                                                        .argv = config->evaluator_argv,
                                                        .env = config->evaluator_env,
                                                        .is_kept = config->is_kept,
                                                        .groups = worker->groups,
                                                        .scratch = worker->texts.scratch,
                                                        .workdir = config->workdir,
                                                        .slots = config->slots,
                                                        .gpus = config->gpus,
                                                        .opens_devices = config->is_launched,
                                                        .limits = config->limits};
  return p2p_evaluator_pool_new(&pool_config, &callbacks, worker, &worker->pool, err);
}

static int start_announcer(struct p2p_worker *worker, const struct p2p_worker_config *config,
                           struct p2p_err *err) {
  static const struct p2p_announcer_callbacks callbacks = {on_joined, on_accept, on_expelled,
                                                           on_failed};
  const struct p2p_announcer_config announcer = {.member = {.loop = config->loop,
                                                            .board = config->board,
                                                            .role = P2P_ROLE_WORKER,
                                                            .log = worker->log},
                                                 .log = worker->log,
                                                 .r_version = worker->texts.r_version,
                                                 .future_version = worker->texts.future_version,
                                                 .machine = worker->machine,
                                                 .gpu_models = worker->texts.gpu_models,
                                                 .slots = config->slots};
  return p2p_announcer_new(&announcer, &callbacks, worker, &worker->announcer, err);
}

static void drain(void *state, void *unused);
static void on_drain(void *arg) { drain(arg, NULL); }

static int start_lending(struct p2p_worker *worker, const struct p2p_worker_config *config,
                         struct p2p_err *err) {
  const struct p2p_lending_config lending = {.watch = {.loop = worker->loop,
                                                       .log = worker->log,
                                                       .idle_argv = config->idle_argv,
                                                       .on_change = poll_soon,
                                                       .arg = worker},
                                             .slots = &worker->slots,
                                             .links = &worker->links,
                                             .tally = &worker->tally,
                                             .n_slots = config->slots,
                                             .file = config->policy_file,
                                             .control_folder = config->control_folder,
                                             .on_drain = on_drain};
  int code = p2p_lending_new(&lending, &worker->lending, err);
  if (code == P2P_OK) p2p_lending_set_policy(worker->lending, &config->policy);
  return code;
}

static int start(void *state, const void *arg, struct p2p_err *err) {
  struct p2p_worker *worker = state;
  const struct p2p_worker_config *config = arg;
  worker->poll = p2p_wakeup_new(config->loop, poll_slots, worker);
  int code = worker->poll == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory")
                                  : start_lending(worker, config, err);
  if (code == P2P_OK) code = start_announcer(worker, config, err);
  if (code == P2P_OK) p2p_lending_set_announcer(worker->lending, worker->announcer);
  if (code == P2P_OK) code = start_evaluators(worker, config, err);
  worker->shared = (struct p2p_client_link_shared){.loop = worker->loop,
                                                   .log = worker->log,
                                                   .slots = &worker->slots,
                                                   .reservations = &worker->links.reservations,
                                                   .pool = worker->pool,
                                                   .tally = &worker->tally,
                                                   .r_version = worker->texts.r_version,
                                                   .future_version = worker->texts.future_version,
                                                   .machine = worker->machine,
                                                   .libraries = worker->texts.libraries,
                                                   .n_slots = config->slots,
                                                   .limits = config->limits,
                                                   .object_cap_bytes = config->object_cap_bytes,
                                                   .on_change = poll_soon,
                                                   .on_end = on_link_end,
                                                   .arg = worker};
  worker->shared.recording = p2p_recording_new(worker->loop, worker->log, config->recorder);
  return code;
}

static void stop(void *worker) { stop_with(worker, "the worker was stopped by its owner"); }

/* ---- on any other thread ---- */

static void destroy(void *state) {
  struct p2p_worker *worker = state;
  p2p_cgroups_free(worker->groups);
  if (worker->texts.scratch != NULL) (void)!p2p_file_tree_remove(worker->texts.scratch);
  p2p_worker_texts_free(&worker->texts);
  free(worker);
}

int p2p_worker_new(const struct p2p_worker_config *config, struct p2p_log_queue *log,
                   struct p2p_worker **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, destroy};
  struct p2p_service *service;
  int code = p2p_worker_config_check(config, err);
  if (code != P2P_OK) return code;
  struct p2p_worker *worker = calloc(1, sizeof *worker);
  if (worker == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  worker->loop = config->loop;
  worker->log = log;
  p2p_slots_init(&worker->slots);
  p2p_admission_init(&worker->admission, p2p_clock_ms());
  p2p_worker_config_machine(config, &worker->machine);
  p2p_links_init(&worker->links, &worker->machine);
  if (!p2p_worker_texts_copy(config, &worker->texts)) {
    destroy(worker);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  p2p_limits_describe(&config->limits, config->slots, worker->offer, sizeof worker->offer);
  p2p_scratch_sweep(worker->texts.scratch);
  worker->groups = p2p_worker_config_groups(config, log);
  code = p2p_service_start(config->loop, &type, worker, config, &service, err);
  if (code == P2P_OK) (*out = worker)->service = service;
  return code;
}

static void drain(void *state, void *unused) {
  struct p2p_worker *worker = state;
  (void)unused;
  if (worker->failed || worker->drained) return;
  worker->drained = true;
  p2p_log_event(worker->log, P2P_LOG_INFO, "draining", "taking no new futures");
  p2p_announcer_leave(worker->announcer);
  p2p_slots_close(&worker->slots, p2p_clock_ms());
  poll_soon(worker);
}

void p2p_worker_drain(struct p2p_worker *worker) {
  struct p2p_err err;
  if (p2p_service_call(worker->service, drain, NULL, &err) != P2P_OK)
    p2p_log_error(worker->log, P2P_LOG_WARN, &err);
}

static void set_policy(void *state, void *policy) {
  struct p2p_worker *worker = state;
  if (worker->failed) return;
  p2p_lending_set_policy(worker->lending, policy);
  poll_soon(worker);
}

void p2p_worker_set_policy(struct p2p_worker *worker, const struct p2p_policy *policy) {
  struct p2p_policy copy = *policy;
  struct p2p_err err;
  if (p2p_service_call(worker->service, set_policy, &copy, &err) != P2P_OK)
    p2p_log_error(worker->log, P2P_LOG_WARN, &err);
}

static void get_news(void *state, void *news) {
  const struct p2p_worker *worker = state;
  *(struct p2p_worker_news *)news = (struct p2p_worker_news){
      !worker->failed && p2p_lending_take_change(worker->lending), worker->drained};
}

struct p2p_worker_news p2p_worker_news(struct p2p_worker *worker) {
  struct p2p_worker_news news = {false, false};
  (void)!p2p_service_call(worker->service, get_news, &news, NULL);
  return news;
}

static void get_done(void *state, void *done) {
  const struct p2p_worker *worker = state;
  *(bool *)done = worker->failed || worker->done;
}

bool p2p_worker_is_done(struct p2p_worker *worker) {
  bool done = true; /* when the io thread has ended */
  return p2p_service_call(worker->service, get_done, &done, NULL) == P2P_ERR_TIMEOUT ? false : done;
}

static void get_idle_ms(void *state, void *idle_ms) {
  const struct p2p_worker *worker = state;
  if (!worker->failed && !p2p_slots_are_wanted(&worker->slots))
    *(uint64_t *)idle_ms = p2p_evaluator_pool_idle_ms(worker->pool);
}

uint64_t p2p_worker_idle_ms(struct p2p_worker *worker) {
  uint64_t idle_ms = 0;
  return p2p_service_call(worker->service, get_idle_ms, &idle_ms, NULL) == P2P_OK ? idle_ms : 0;
}

static void get_report(void *state, void *report) {
  const struct p2p_worker *worker = state;
  ((struct p2p_worker_report *)report)->ended = worker->tally;
  p2p_links_report(&worker->links, report);
  if (!worker->failed) p2p_lending_describe(worker->lending, report);
}

void p2p_worker_report(struct p2p_worker *worker, struct p2p_worker_report *out) {
  struct p2p_err err;
  *out = (struct p2p_worker_report){0};
  if (p2p_service_call(worker->service, get_report, out, &err) != P2P_OK)
    p2p_log_error(worker->log, P2P_LOG_WARN, &err);
}

void p2p_worker_free(struct p2p_worker *worker) {
  if (worker != NULL) p2p_service_stop(worker->service);
}
