/* Which evaluator gets a task, and when an evaluator is started or replaced. */
#include "worker/evaluator_pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "worker/gpu_launch.h"

struct p2p_evaluator_pool {
  struct p2p_evaluator_pool_callbacks callbacks;
  void *arg;
  struct p2p_evaluator_owner owner;
  char **argv, **env, *workdir;
  struct p2p_evaluator_launch usual; /* of argv and env */
  struct p2p_gpus gpus;
  bool opens_devices;
  uint32_t failures; /* evaluators in a row that have ended before they were ready */
  bool is_closed;
  uint64_t started_ms;
  uint32_t slots, count;
  struct p2p_evaluator *all[];
};

/* ---- starting evaluators ---- */

/* Counts an evaluator that has ended before it was ready, or did not start. True: too many, and the
 * pool may have been freed. */
static bool count_failure(struct p2p_evaluator_pool *pool, const char *how, const char *reason) {
  struct p2p_err err;
  if (++pool->failures < P2P_EVALUATOR_POOL_FAILURES_MAX) return false;
  p2p_err_because(&err, reason != NULL ? reason : "evaluators_fail",
                  p2p_err_set(&err, P2P_ERR_SYSTEM,
                              "cannot start an evaluator: '%s' %s, %d times in a row",
                              pool->argv[0], how, P2P_EVALUATOR_POOL_FAILURES_MAX));
  pool->callbacks.on_failed(pool->arg, &err);
  return true;
}

/* On failure *reason is that of the error, or NULL. */
static bool try_start(struct p2p_evaluator_pool *pool, struct p2p_evaluator *evaluator,
                      const char **reason) {
  struct p2p_err err;
  *reason = NULL;
  if (pool->is_closed) return false;
  if (p2p_evaluator_start(evaluator, &pool->usual, &err) == P2P_OK) return true;
  p2p_log_error(pool->owner.log, P2P_LOG_WARN, &err);
  *reason = err.reason;
  return false;
}

static void on_retry(void *arg, struct p2p_evaluator *evaluator) {
  struct p2p_evaluator_pool *pool = arg;
  const char *reason;
  if (!try_start(pool, evaluator, &reason)) (void)count_failure(pool, "did not start", reason);
}

static void on_evaluator_exit(void *arg, struct p2p_evaluator *evaluator, bool was_ready,
                              const char *how) {
  struct p2p_evaluator_pool *pool = arg;
  if (!was_ready && count_failure(pool, how, NULL)) return;
  pool->callbacks.on_change(pool->arg);
  on_retry(pool, evaluator);
}

/* Not counted as a failure, which could free the pool: the caller may be about to submit a task. */
static bool replace(struct p2p_evaluator_pool *pool, struct p2p_evaluator *evaluator) {
  p2p_log_write(pool->owner.log, P2P_LOG_DEBUG, "replacing an evaluator that a client has used");
  const char *reason;
  return try_start(pool, evaluator, &reason);
}

static void on_change(void *arg) {
  struct p2p_evaluator_pool *pool = arg;
  pool->failures = 0;
  pool->callbacks.on_change(pool->arg);
}

/* ---- choosing an evaluator ---- */

static struct p2p_evaluator *find(const struct p2p_evaluator_pool *pool, const void *client,
                                  bool ready) {
  for (uint32_t i = 0; i < pool->count; i++)
    if (p2p_evaluator_is_free_for(pool->all[i], client, ready)) return pool->all[i];
  return NULL;
}

static bool has_unused(const struct p2p_evaluator_pool *pool) {
  return find(pool, NULL, true) != NULL || find(pool, NULL, false) != NULL;
}

static void on_unused(void *arg, struct p2p_evaluator *evaluator) {
  struct p2p_evaluator_pool *pool = arg;
  if (!has_unused(pool)) (void)replace(pool, evaluator);
}

static void on_abandoned(void *arg, struct p2p_evaluator *evaluator) {
  (void)replace(arg, evaluator);
}

/* An evaluator without a task: one that is dying, else the one that was used longest ago. */
static struct p2p_evaluator *find_oldest(const struct p2p_evaluator_pool *pool) {
  struct p2p_evaluator *oldest = NULL;
  for (uint32_t i = 0; i < pool->count; i++) {
    struct p2p_evaluator *evaluator = pool->all[i];
    if (p2p_evaluator_has_task(evaluator)) continue;
    if (oldest == NULL || !p2p_evaluator_is_alive(evaluator) ||
        (p2p_evaluator_is_alive(oldest) &&
         p2p_evaluator_used_ms(evaluator) < p2p_evaluator_used_ms(oldest)))
      oldest = evaluator;
  }
  return oldest;
}

static struct p2p_evaluator *replace_oldest(struct p2p_evaluator_pool *pool) {
  struct p2p_evaluator *oldest = find_oldest(pool);
  return oldest != NULL && replace(pool, oldest) ? oldest : NULL;
}

static struct p2p_evaluator *start_with_gpus(struct p2p_evaluator_pool *pool, uint64_t which) {
  struct p2p_evaluator *evaluator = find_oldest(pool);
  struct p2p_gpu_launch launch = {.argv = NULL};
  struct p2p_err err = {0};
  if (evaluator == NULL || pool->is_closed) return NULL;
  bool done = p2p_gpu_launch_make(&launch, &pool->usual, &pool->gpus, which, pool->opens_devices) &&
              p2p_evaluator_start(evaluator, &launch.command, &err) == P2P_OK;
  p2p_gpu_launch_clear(&launch);
  if (!done && err.code != P2P_OK) p2p_log_error(pool->owner.log, P2P_LOG_WARN, &err);
  return done ? evaluator : NULL;
}

static struct p2p_evaluator *choose(struct p2p_evaluator_pool *pool, const void *client) {
  struct p2p_evaluator *evaluator = find(pool, client, true);
  if (evaluator == NULL) evaluator = find(pool, NULL, true);
  if (evaluator == NULL) evaluator = find(pool, NULL, false);
  return evaluator != NULL ? evaluator : replace_oldest(pool);
}

struct p2p_evaluator *p2p_evaluator_pool_submit(struct p2p_evaluator_pool *pool, const void *client,
                                                const struct p2p_given *given,
                                                const struct p2p_frame *task,
                                                const struct p2p_evaluator_callbacks *callbacks,
                                                void *arg) {
  char text[P2P_GIVEN_MAX];
  struct p2p_frame told = {P2P_FRAME_REQUEST, task->task, 0, (const uint8_t *)text};
  struct p2p_evaluator *evaluator =
      given != NULL && given->gpus != 0 ? start_with_gpus(pool, given->gpus) : choose(pool, client);
  if (evaluator == NULL) return NULL;
  if (given != NULL) told.length = (uint32_t)p2p_given_write(given, text);
  int code =
      p2p_evaluator_submit(evaluator, client, given != NULL ? &told : NULL, task, callbacks, arg);
  return code == P2P_OK ? evaluator : NULL;
}

void p2p_evaluator_pool_remove_client(struct p2p_evaluator_pool *pool, const void *client) {
  for (uint32_t i = 0; i < pool->count; i++) {
    struct p2p_evaluator *evaluator = pool->all[i];
    if (p2p_evaluator_client(evaluator) == client && !p2p_evaluator_has_task(evaluator))
      (void)replace(pool, evaluator);
  }
  pool->callbacks.on_change(pool->arg);
}

/* ---- the pool ---- */

static int start_all(struct p2p_evaluator_pool *pool, struct p2p_err *err) {
  for (uint32_t i = 0; i < pool->count; i++) {
    pool->all[i] = p2p_evaluator_new(&pool->owner);
    if (pool->all[i] == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
    int code = p2p_evaluator_start(pool->all[i], &pool->usual, err);
    if (code != P2P_OK) return code;
  }
  return P2P_OK;
}

static uint64_t or_default(uint64_t ms, uint64_t default_ms) { return ms > 0 ? ms : default_ms; }

/* NULL: out of memory. */
static char **copy_argv(const struct p2p_evaluator_pool_config *config) {
  size_t count = 1;
  if (config->groups == NULL) return p2p_strings_copy(config->argv);
  while (config->argv[count - 1] != NULL) count++;
  const char **argv = calloc(count + 1, sizeof *argv);
  if (argv == NULL) return NULL;
  argv[0] = config->argv[0];
  argv[1] = "--cgroup";
  memcpy(argv + 2, config->argv + 1, (count - 1) * sizeof *argv);
  char **copy = p2p_strings_copy(argv);
  free(argv);
  return copy;
}

static int init_owner(struct p2p_evaluator_pool *pool,
                      const struct p2p_evaluator_pool_config *config, struct p2p_err *err) {
  pool->argv = copy_argv(config);
  pool->env = p2p_strings_copy(config->env);
  pool->workdir = config->workdir == NULL ? NULL : strdup(config->workdir);
  if (pool->argv == NULL || pool->env == NULL || (pool->workdir == NULL && config->workdir != NULL))
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  pool->usual = (struct p2p_evaluator_launch){.argv = (const char *const *)pool->argv,
                                              .env = (const char *const *)pool->env};
  pool->owner = (struct p2p_evaluator_owner){
      .loop = config->loop,
      .log = config->log,
      .is_kept = config->is_kept,
      .groups = config->groups,
      .workdir = pool->workdir,
      .limits = config->limits,
      .receive_ms = or_default(config->receive_ms, P2P_EVALUATOR_RECEIVE_MS),
      .pause_ms = or_default(config->pause_ms, P2P_EVALUATOR_PAUSE_MS),
      .on_change = on_change,
      .on_exit = on_evaluator_exit,
      .on_retry = on_retry,
      .on_abandoned = on_abandoned,
      .on_unused = on_unused,
      .arg = pool};
  pool->opens_devices = config->opens_devices;
  if (config->gpus != NULL &&
      p2p_gpus_read(config->gpus, strlen(config->gpus), &pool->gpus) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_INVALID, "the list of GPUs is malformed");
  return p2p_scratch_new(config->loop, config->scratch, &pool->owner.scratch, err);
}

int p2p_evaluator_pool_new(const struct p2p_evaluator_pool_config *config,
                           const struct p2p_evaluator_pool_callbacks *callbacks, void *arg,
                           struct p2p_evaluator_pool **out, struct p2p_err *err) {
  uint32_t count = config->slots + 1;
  struct p2p_evaluator_pool *pool = calloc(1, sizeof *pool + count * sizeof pool->all[0]);
  if (pool == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  pool->callbacks = *callbacks;
  pool->arg = arg;
  pool->started_ms = p2p_clock_ms();
  pool->slots = config->slots;
  pool->count = count;
  int code = init_owner(pool, config, err);
  if (code == P2P_OK) code = start_all(pool, err);
  if (code != P2P_OK) {
    p2p_evaluator_pool_free(pool);
    return code;
  }
  *out = pool;
  return P2P_OK;
}

void p2p_evaluator_pool_suspend(struct p2p_evaluator_pool *pool, bool is_suspended) {
  if (pool->owner.is_suspended == is_suspended) return;
  pool->owner.is_suspended = is_suspended;
  for (uint32_t i = 0; i < pool->count; i++)
    (is_suspended ? p2p_evaluator_suspend : p2p_evaluator_continue)(pool->all[i]);
}

void p2p_evaluator_pool_close(struct p2p_evaluator_pool *pool) { pool->is_closed = true; }

void p2p_evaluator_pool_free(struct p2p_evaluator_pool *pool) {
  if (pool == NULL) return;
  for (uint32_t i = 0; i < pool->count; i++) p2p_evaluator_free(pool->all[i]);
  p2p_scratch_free(pool->owner.scratch);
  free(pool->workdir);
  p2p_strings_free(pool->argv);
  p2p_strings_free(pool->env);
  free(pool);
}

uint32_t p2p_evaluator_pool_usable(const struct p2p_evaluator_pool *pool) {
  uint32_t usable = 0;
  for (uint32_t i = 0; i < pool->count; i++)
    if (p2p_evaluator_is_usable(pool->all[i])) usable++;
  return usable < pool->slots ? usable : pool->slots;
}

uint64_t p2p_evaluator_pool_idle_ms(const struct p2p_evaluator_pool *pool) {
  uint64_t since_ms = pool->started_ms;
  for (uint32_t i = 0; i < pool->count; i++) {
    if (p2p_evaluator_has_task(pool->all[i])) return 0;
    uint64_t used_ms = p2p_evaluator_used_ms(pool->all[i]);
    if (used_ms > since_ms) since_ms = used_ms;
  }
  return p2p_clock_ms() - since_ms;
}
