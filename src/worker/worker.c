/* The worker program: composes its presence on the board, a session for each client, the slots
 * between them and the evaluators under them; and brings calls from other threads to the io thread.
 */
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "net/service.h"
#include "worker/announcer.h"
#include "worker/client_link.h"
#include "worker/evaluator_pool.h"
#include "worker/slots.h"
#include "worker/wakeup.h"

#define SLOTS_MOST 1024
#define OPENING_MOST 16 /* links under way at once */

struct p2p_worker {
  struct p2p_service *service;
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  char *mailbox, *relay; /* NULL: as the board says */
  char *r_version, *future_version;
  struct p2p_machine machine;
  char *packages, *account, *lends;
  struct p2p_announcer *announcer;
  struct p2p_evaluator_pool *pool;
  struct p2p_slots slots;
  struct p2p_client_link *sessions[P2P_SLOTS_CLIENTS_MAX]; /* by their number in slots */
  struct p2p_client_link_host host;
  struct p2p_wakeup *poll; /* shares the slots out: after a change, or at their deadline */
  bool announced;          /* has logged what it lends */
  bool drained;
  bool done;  /* drained, and nothing is left to do: its people know */
  bool ended; /* by itself */
};

/* ---- on the io thread ---- */

static void poll_soon(void *arg) {
  struct p2p_worker *worker = arg;
  p2p_wakeup_soon(worker->poll);
}

static void drop_session(struct p2p_worker *worker, size_t number, const char *why) {
  struct p2p_client_link *session = worker->sessions[number];
  worker->sessions[number] = NULL;
  p2p_client_link_free(session, why);
}

static void evict(struct p2p_worker *worker, size_t number) {
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_PROTOCOL,
              "%s kept a slot idle that others wait for; its link is closed",
              p2p_client_link_client(worker->sessions[number]));
  p2p_log_error(worker->log, P2P_LOG_WARN, &err);
  drop_session(worker, number, "a slot was kept idle that others wait for");
}

static void take_step(struct p2p_worker *worker, const struct p2p_slots_step *step) {
  struct p2p_client_link *session = worker->sessions[step->client];
  switch (step->op) {
  case P2P_SLOTS_GRANT: p2p_client_link_say_slots(session, P2P_SLOT_GRANT, step->count); break;
  case P2P_SLOTS_RECALL: p2p_client_link_say_slots(session, P2P_SLOT_RECALL, step->count); break;
  case P2P_SLOTS_EVICT: evict(worker, step->client); break;
  }
}

/* Always from the loop itself, never within an event of a session or an evaluator: it may free
 * either. */
static void poll_slots(void *arg) {
  struct p2p_worker *worker = arg;
  struct p2p_slots_step step;
  uint64_t now_ms = p2p_clock_ms();
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++)
    if (worker->sessions[i] != NULL && p2p_client_link_is_broken(worker->sessions[i]))
      drop_session(worker, i, "the worker is out of memory");
  p2p_slots_set_available(&worker->slots, p2p_evaluator_pool_usable(worker->pool));
  while (p2p_slots_next(&worker->slots, now_ms, &step)) take_step(worker, &step);
  uint64_t deadline_ms = p2p_slots_deadline(&worker->slots, now_ms);
  if (deadline_ms != P2P_SLOTS_NEVER)
    p2p_wakeup_after(worker->poll, deadline_ms > now_ms ? deadline_ms - now_ms : 1);
  if (!worker->drained || worker->done || p2p_slots_held(&worker->slots) > 0) return;
  worker->done = true; /* a slot that is held may still get a task that is under way */
  p2p_log_write(worker->log, P2P_LOG_INFO, "No future is left here: leaving.");
}

/* Everything ends: running tasks are lost, the others on the board are told. */
static void stop(struct p2p_worker *worker, const char *why) {
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) drop_session(worker, i, why);
  if (worker->announcer != NULL) p2p_announcer_leave(worker->announcer);
  p2p_announcer_free(worker->announcer);
  p2p_evaluator_pool_free(worker->pool);
  worker->announcer = NULL;
  worker->pool = NULL;
  p2p_wakeup_free(worker->poll);
  worker->poll = NULL;
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_worker *worker = arg;
  struct p2p_err told = *err; /* it may live in what is freed now */
  worker->ended = true;
  stop(worker, "the worker has failed");
  p2p_log_error(worker->log, P2P_LOG_FATAL, &told);
}

static void announce(struct p2p_worker *worker) {
  if (worker->announced) return;
  worker->announced = true;
  p2p_log_write(worker->log, P2P_LOG_INFO,
                "Lending %s to %s; anyone on it can run R code%s%s here. Stop with Ctrl-C.",
                worker->lends, p2p_member_cluster(p2p_announcer_member(worker->announcer)),
                worker->account != NULL ? " as " : "",
                worker->account != NULL ? worker->account : "");
}

static void on_joined(void *arg) {
  struct p2p_worker *worker = arg;
  announce(worker);
  worker->host.name = p2p_member_name(p2p_announcer_member(worker->announcer));
}

static void on_session_end(void *arg, size_t number) {
  struct p2p_worker *worker = arg;
  worker->sessions[number] = NULL;
  poll_soon(worker);
}

static size_t count_opening(const struct p2p_worker *worker) {
  size_t count = 0;
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++)
    if (worker->sessions[i] != NULL && !p2p_client_link_is_open(worker->sessions[i])) count++;
  return count;
}

static void open_session(struct p2p_worker *worker, const struct p2p_accept *accept,
                         size_t number) {
  const struct p2p_member *member = p2p_announcer_member(worker->announcer);
  struct p2p_client_link_config config = {
      .number = number,
      .client = accept->client,
      .code = accept->code,
      .mailbox = worker->mailbox != NULL ? worker->mailbox : p2p_member_mailbox(member),
      .relay = worker->relay != NULL ? worker->relay : p2p_member_relay(member)};
  struct p2p_err err;
  if (p2p_client_link_new(&worker->host, &config, &worker->sessions[number], &err) == P2P_OK) {
    p2p_log_write(worker->log, P2P_LOG_DEBUG, "Opening a link with %s", accept->client);
    return;
  }
  p2p_slots_remove(&worker->slots, number);
  p2p_err_prefix(&err, "No link with %s", accept->client);
  p2p_log_error(worker->log, P2P_LOG_WARN, &err);
}

static void on_accept(void *arg, const struct p2p_accept *accept) {
  struct p2p_worker *worker = arg;
  if (worker->drained) return;
  int number = count_opening(worker) < OPENING_MOST ? p2p_slots_add(&worker->slots) : -1;
  if (number >= 0)
    open_session(worker, accept, (size_t)number);
  else
    p2p_log_write(worker->log, P2P_LOG_DEBUG, "Too many links: the call of %s is not answered",
                  accept->client);
}

/* ---- start ---- */

static int start_evaluators(struct p2p_worker *worker, const struct p2p_worker_config *config,
                            struct p2p_err *err) {
  static const struct p2p_evaluator_pool_callbacks callbacks = {poll_soon, on_failed};
  const struct p2p_evaluator_pool_config pool = {.loop = config->loop,
                                                 .log = worker->log,
                                                 .argv = config->evaluator_argv,
                                                 .env = config->evaluator_env,
                                                 .slots = config->slots,
                                                 .limits = config->limits};
  return p2p_evaluator_pool_new(&pool, &callbacks, worker, &worker->pool, err);
}

static int join(struct p2p_worker *worker, const struct p2p_worker_config *config,
                struct p2p_err *err) {
  static const struct p2p_announcer_callbacks callbacks = {on_joined, on_accept, on_failed};
  const struct p2p_announcer_config announcer = {.member = {.loop = config->loop,
                                                            .board = config->board,
                                                            .role = P2P_ROLE_WORKER,
                                                            .log = worker->log},
                                                 .log = worker->log,
                                                 .r_version = worker->r_version,
                                                 .future_version = worker->future_version,
                                                 .machine = worker->machine,
                                                 .slots = config->slots};
  return p2p_announcer_new(&announcer, &callbacks, worker, &worker->announcer, err);
}

static int start(void *state, const void *arg, struct p2p_err *err) {
  struct p2p_worker *worker = state;
  const struct p2p_worker_config *config = arg;
  worker->poll = p2p_wakeup_new(config->loop, poll_slots, worker);
  int code = worker->poll == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for a worker")
                                  : join(worker, config, err);
  if (code == P2P_OK) code = start_evaluators(worker, config, err);
  worker->host = (struct p2p_client_link_host){.loop = worker->loop,
                                               .log = worker->log,
                                               .slots = &worker->slots,
                                               .pool = worker->pool,
                                               .name = "",
                                               .r_version = worker->r_version,
                                               .future_version = worker->future_version,
                                               .machine = worker->machine,
                                               .packages = worker->packages,
                                               .n_slots = config->slots,
                                               .limits = config->limits,
                                               .object_cap_bytes = config->object_cap_bytes,
                                               .on_slots = poll_soon,
                                               .on_end = on_session_end,
                                               .arg = worker};
  return code;
}

static void end(void *worker) { stop(worker, "the worker was stopped"); }

/* ---- on any other thread ---- */

static int check(const struct p2p_worker_config *config, struct p2p_err *err) {
  if (config->slots < 1 || config->slots > SLOTS_MOST)
    return p2p_err_set(err, P2P_ERR_INVALID, "A worker has from 1 to %d evaluators, not %u",
                       SLOTS_MOST, (unsigned)config->slots);
  if (config->evaluator_argv == NULL || config->evaluator_argv[0] == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "A worker needs the command of its evaluators");
  if (p2p_crypto_init() != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "libsodium cannot be initialized");
  return P2P_OK;
}

/* NULL stays NULL. False: out of memory. */
static bool copy(const char *text, char **out) {
  *out = text == NULL ? NULL : strdup(text);
  return text == NULL || *out != NULL;
}

static uint32_t at_most(uint32_t number, uint32_t cap) { return number < cap ? number : cap; }

/* What is unknown or not valid is not reported. */
static void describe_machine(const struct p2p_worker_config *config, struct p2p_machine *out) {
  *out = (struct p2p_machine){.cores = at_most(config->cores, P2P_MACHINE_CORES_MAX),
                              .memory_mib = at_most(config->memory_mib, P2P_MACHINE_MEMORY_MAX)};
  if (config->platform != NULL && p2p_platform_is_valid(config->platform))
    snprintf(out->platform, sizeof out->platform, "%s", config->platform);
}

static bool describe_limits(const struct p2p_worker_config *config, char **lends) {
  char text[256];
  p2p_limits_describe(&config->limits, config->slots, text, sizeof text);
  *lends = strdup(text);
  return *lends != NULL;
}

static void destroy(void *state) {
  struct p2p_worker *worker = state;
  free(worker->mailbox);
  free(worker->relay);
  free(worker->r_version);
  free(worker->future_version);
  free(worker->packages);
  free(worker->account);
  free(worker->lends);
  free(worker);
}

int p2p_worker_new(const struct p2p_worker_config *config, struct p2p_log_queue *log,
                   struct p2p_worker **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start, end, destroy};
  struct p2p_service *service;
  int code = check(config, err);
  if (code != P2P_OK) return code;
  struct p2p_worker *worker = calloc(1, sizeof *worker);
  if (worker == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for a worker");
  worker->loop = config->loop;
  worker->log = log;
  p2p_slots_init(&worker->slots);
  describe_machine(config, &worker->machine);
  if (!copy(config->board.mailbox, &worker->mailbox) ||
      !copy(config->board.relay, &worker->relay) || !copy(config->r_version, &worker->r_version) ||
      !copy(config->future_version, &worker->future_version) ||
      !copy(config->packages, &worker->packages) || !copy(config->account, &worker->account) ||
      !describe_limits(config, &worker->lends)) {
    destroy(worker);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for a worker");
  }
  code = p2p_service_start(config->loop, &type, worker, config, &service, err);
  if (code != P2P_OK) return code;
  worker->service = service;
  *out = worker;
  return P2P_OK;
}

static void drain(void *state, void *unused) {
  struct p2p_worker *worker = state;
  (void)unused;
  if (worker->ended || worker->drained) return;
  worker->drained = true;
  p2p_announcer_leave(worker->announcer);
  p2p_slots_close(&worker->slots, p2p_clock_ms());
  poll_soon(worker);
}

void p2p_worker_drain(struct p2p_worker *worker) {
  struct p2p_err err;
  if (p2p_service_call(worker->service, drain, NULL, &err) != P2P_OK)
    p2p_log_error(worker->log, P2P_LOG_WARN, &err);
}

static void get_done(void *state, void *done) {
  const struct p2p_worker *worker = state;
  *(bool *)done = worker->ended || worker->done;
}

bool p2p_worker_is_done(struct p2p_worker *worker) {
  bool done = true; /* when the io thread has ended */
  return p2p_service_call(worker->service, get_done, &done, NULL) == P2P_ERR_TIMEOUT ? false : done;
}

static void get_idle_ms(void *state, void *idle_ms) {
  const struct p2p_worker *worker = state;
  if (!worker->ended) *(uint64_t *)idle_ms = p2p_evaluator_pool_idle_ms(worker->pool);
}

uint64_t p2p_worker_idle_ms(struct p2p_worker *worker) {
  uint64_t idle_ms = 0;
  return p2p_service_call(worker->service, get_idle_ms, &idle_ms, NULL) == P2P_OK ? idle_ms : 0;
}

void p2p_worker_free(struct p2p_worker *worker) {
  if (worker != NULL) p2p_service_stop(worker->service);
}
