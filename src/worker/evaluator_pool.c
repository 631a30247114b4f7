/* The evaluators' lives, and the part of the protocol on their pipes that a supervisor has to
 * watch: what belongs to the task that runs, and when it is over. What user code writes there is
 * not believed. */
#include "worker/evaluator_pool.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "protocol/member_name.h"
#include "worker/evaluator_process.h"
#include "worker/stranger.h"

#define RETRY_MS 1000 /* after the operating system refused a process */
#define REASON_MAX 256

struct p2p_evaluator {
  struct p2p_evaluator_pool *pool;
  struct p2p_evaluator_process *child; /* NULL: could not be started; again in RETRY_MS */
  struct p2p_timer *
      timer; /* bounds the start, an evaluation, a cancellation, its time as a stale one, a retry */
  bool ready;                     /* has said HELLO */
  char user[P2P_MEMBER_NAME_MAX]; /* whose futures it resolves; "": it is fresh */
  uint64_t used_ms;               /* when its last task ended */
  char doom[REASON_MAX];          /* why we kill it; "": we do not */
  bool has_task;
  bool overdue; /* the task has reached the time limit: its answer is not passed on */
  uint32_t task;
  uint64_t incoming; /* bytes of the task that have not come yet */
  uint8_t open;      /* what it is sending: CONDITION, RESULT; 0: nothing */
  uint64_t outgoing; /* bytes of that which have not come yet */
  bool cancelled;
  bool has_listener;
  struct p2p_evaluator_callbacks callbacks;
  void *arg;
};

struct p2p_evaluator_pool {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_evaluator_pool_callbacks callbacks;
  void *arg;
  char **argv, **env;
  struct p2p_limits limits;
  uint32_t failures; /* ends in a row before any was ready */
  uint64_t used_ms;  /* when the last task ended */
  uint32_t slots, count;
  struct p2p_evaluator all[];
};

/* ---- the task that runs ---- */

/* The task is over for whoever waits; `death` as in p2p_evaluator_callbacks. */
static void end_task(struct p2p_evaluator *evaluator, const struct p2p_exit_reason *reason) {
  bool has_listener = evaluator->has_listener;
  struct p2p_exit_reason late;
  if (evaluator->overdue) {
    p2p_exit_reason_by_time(&late, &evaluator->pool->limits);
    reason = &late;
  }
  evaluator->has_task = evaluator->has_listener = evaluator->cancelled = evaluator->overdue = false;
  evaluator->open = 0;
  evaluator->incoming = evaluator->outgoing = 0;
  evaluator->used_ms = evaluator->pool->used_ms = p2p_clock_ms();
  if (has_listener) evaluator->callbacks.on_end(evaluator->arg, reason);
}

static void doom(struct p2p_evaluator *evaluator, const char *reason) {
  if (evaluator->doom[0] == '\0') snprintf(evaluator->doom, sizeof evaluator->doom, "%s", reason);
  p2p_evaluator_process_kill(evaluator->child);
}

static void finish_task(struct p2p_evaluator *evaluator) {
  p2p_timer_start(evaluator->timer, P2P_EVALUATOR_STALE_MS, 0);
  p2p_evaluator_process_resume(evaluator->child);
  end_task(evaluator, NULL);
  evaluator->pool->callbacks.on_change(evaluator->pool->arg);
}

static void pass_on(struct p2p_evaluator *evaluator, const struct p2p_frame *frame) {
  if (evaluator->has_listener && !evaluator->overdue)
    evaluator->callbacks.on_frame(evaluator->arg, frame);
}

/* The clock of an evaluation runs from when all of the task is here. */
static void watch_time(struct p2p_evaluator *evaluator) {
  if (evaluator->ready && !evaluator->cancelled && evaluator->incoming == 0 &&
      evaluator->pool->limits.time_ms > 0)
    p2p_timer_start(evaluator->timer, evaluator->pool->limits.time_ms, 0);
}

/* False: breaks the protocol. *over: the task has its answer. */
static bool take_answer(struct p2p_evaluator *evaluator, const struct p2p_frame *frame,
                        bool *over) {
  switch (frame->type) {
  case P2P_FRAME_RESULT:
    if (evaluator->incoming > 0) return false;
    /* fall through */
  case P2P_FRAME_CONDITION:
    if (evaluator->open != 0 || frame->length != 8) return false;
    evaluator->open = frame->type;
    evaluator->outgoing = p2p_get_u64(frame->payload);
    break;
  case P2P_FRAME_DATA:
    if (evaluator->open == 0 || frame->length > evaluator->outgoing) return false;
    evaluator->outgoing -= frame->length;
    break;
  case P2P_FRAME_LOST:
    if (evaluator->open != 0) return false;
    *over = true;
    return true;
  default: return false;
  }
  if (evaluator->outgoing > 0) return true;
  *over = evaluator->open == P2P_FRAME_RESULT;
  evaluator->open = 0;
  return true;
}

/* ---- its life ---- */

static void on_timer(void *arg);
static int start(struct p2p_evaluator *evaluator, struct p2p_err *err);

/* `error=...`: it cannot work. */
static void take_hello(struct p2p_evaluator *evaluator, const struct p2p_frame *frame) {
  char text[REASON_MAX - 32], reason[REASON_MAX];
  if (p2p_stranger_value(frame->payload, frame->length, "error", text, sizeof text)) {
    snprintf(reason, sizeof reason, "cannot work: %s", text);
    doom(evaluator, reason);
    return;
  }
  evaluator->ready = true;
  evaluator->pool->failures = 0;
  if (evaluator->cancelled)
    p2p_timer_start(evaluator->timer, P2P_EVALUATOR_CANCEL_MS, 0);
  else
    p2p_timer_stop(evaluator->timer);
  if (evaluator->has_task) watch_time(evaluator);
  evaluator->pool->callbacks.on_change(evaluator->pool->arg);
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct p2p_evaluator *evaluator = arg;
  bool over = false;
  if (evaluator->doom[0] != '\0') return;
  if (frame->type == P2P_FRAME_HELLO && !evaluator->ready) {
    take_hello(evaluator, frame);
    return;
  }
  if (!evaluator->ready || !evaluator->has_task || frame->task != evaluator->task ||
      !take_answer(evaluator, frame, &over)) {
    doom(evaluator, "was ended because it wrote to its supervisor what is no answer");
    return;
  }
  pass_on(evaluator, frame);
  if (over) finish_task(evaluator);
}

/* One more end, or no beginning, before any was ready. True: that was the last one, and the pool
 * may be gone. */
static bool count_failure(struct p2p_evaluator_pool *pool, const char *how) {
  struct p2p_err err;
  if (++pool->failures < P2P_EVALUATOR_FAILURES_MAX) return false;
  p2p_err_set(
      &err, P2P_ERR_SYSTEM,
      "No evaluator can be started: '%s' %s, %d times in a row; does it work when started by hand?",
      pool->argv[0], how, P2P_EVALUATOR_FAILURES_MAX);
  pool->callbacks.on_failed(pool->arg, &err);
  return true;
}

static bool try_start(struct p2p_evaluator *evaluator) {
  struct p2p_err err;
  if (start(evaluator, &err) == P2P_OK) return true;
  p2p_log_error(evaluator->pool->log, P2P_LOG_WARN, &err);
  p2p_timer_start(evaluator->timer, RETRY_MS, 0);
  return false;
}

static void start_again(struct p2p_evaluator *evaluator) {
  if (!try_start(evaluator)) (void)count_failure(evaluator->pool, "cannot be started");
}

static void tell_death(const struct p2p_evaluator *evaluator, int exit_status, int term_signal,
                       struct p2p_exit_reason *reason) {
  char end[96];
  p2p_evaluator_process_describe_end(exit_status, term_signal, end, sizeof end);
  if (!evaluator->ready)
    snprintf(end + strlen(end), sizeof end - strlen(end), " before it was ready");
  if (evaluator->doom[0] != '\0')
    p2p_exit_reason_by_us(reason, evaluator->doom);
  else
    p2p_exit_reason_by_itself(reason, exit_status, term_signal, end, &evaluator->pool->limits);
}

/* What is no more, so that it can be started anew. */
static void drop_child(struct p2p_evaluator *evaluator) {
  p2p_timer_stop(evaluator->timer);
  p2p_evaluator_process_free(evaluator->child);
  evaluator->child = NULL;
  evaluator->ready = false;
  evaluator->doom[0] = evaluator->user[0] = '\0';
}

static void on_end(void *arg, int exit_status, int term_signal) {
  struct p2p_evaluator *evaluator = arg;
  struct p2p_evaluator_pool *pool = evaluator->pool;
  struct p2p_exit_reason reason;
  bool was_ready = evaluator->ready;
  tell_death(evaluator, exit_status, term_signal, &reason);
  drop_child(evaluator);
  p2p_log_write(pool->log, P2P_LOG_WARN, "An evaluator %s; it is replaced", reason.how);
  if (evaluator->has_task) end_task(evaluator, &reason);
  if (!was_ready && count_failure(pool, reason.how)) return;
  pool->callbacks.on_change(pool->arg);
  start_again(evaluator);
}

static void replace(struct p2p_evaluator *evaluator) {
  p2p_log_write(evaluator->pool->log, P2P_LOG_DEBUG,
                "The evaluator of user %s is replaced by a fresh one", evaluator->user);
  drop_child(evaluator);
  (void)try_start(evaluator); /* not start_again(), whose last failure ends the pool: somebody may
                                 be about to give this one a task */
}

/* One that has closed its pipe is dying, though its end is not told yet. */
static bool is_alive(const struct p2p_evaluator *evaluator) {
  return evaluator->child != NULL && evaluator->doom[0] == '\0' &&
         p2p_evaluator_process_is_open(evaluator->child);
}

/* Of this user ("" for a fresh one), and ready or still starting: that one reads its task when it
 * is up. The system is asked whether it runs: the loop may not have heard of its death yet. */
static struct p2p_evaluator *find(struct p2p_evaluator_pool *pool, const char *user, bool ready) {
  for (uint32_t i = 0; i < pool->count; i++) {
    struct p2p_evaluator *evaluator = &pool->all[i];
    bool fits = is_alive(evaluator) && !evaluator->has_task && evaluator->ready == ready &&
                strcmp(evaluator->user, user) == 0;
    if (fits && p2p_evaluator_process_runs(evaluator->child)) return evaluator;
  }
  return NULL;
}

static bool has_fresh(struct p2p_evaluator_pool *pool) {
  return find(pool, "", true) != NULL || find(pool, "", false) != NULL;
}

/* One whose result is on its way has kept within the limit. */
static void stop_overdue(struct p2p_evaluator *evaluator) {
  if (evaluator->open == P2P_FRAME_RESULT) return;
  evaluator->overdue = true;
  p2p_evaluator_cancel(evaluator);
}

static void on_timer(void *arg) {
  struct p2p_evaluator *evaluator = arg;
  if (evaluator->child == NULL)
    start_again(evaluator);
  else if (!evaluator->ready)
    doom(evaluator, "was not ready within 60 s");
  else if (evaluator->cancelled)
    doom(evaluator, "did not stop within 5 s after it was interrupted, and was killed");
  else if (evaluator->has_task)
    stop_overdue(evaluator);
  else if (!has_fresh(evaluator->pool))
    replace(evaluator);
}

static int start(struct p2p_evaluator *evaluator, struct p2p_err *err) {
  static const struct p2p_evaluator_process_callbacks callbacks = {on_frame, NULL, on_end};
  struct p2p_evaluator_pool *pool = evaluator->pool;
  int code = p2p_evaluator_process_spawn(p2p_loop_uv(pool->loop), (const char *const *)pool->argv,
                                         (const char *const *)pool->env, &callbacks, evaluator,
                                         &evaluator->child, err);
  if (code == P2P_OK) p2p_timer_start(evaluator->timer, P2P_EVALUATOR_START_MS, 0);
  return code;
}

/* ---- the pool ---- */

static int start_all(struct p2p_evaluator_pool *pool, struct p2p_err *err) {
  for (uint32_t i = 0; i < pool->count; i++) {
    struct p2p_evaluator *evaluator = &pool->all[i];
    evaluator->pool = pool;
    evaluator->timer = p2p_timer_new(pool->loop, on_timer, evaluator);
    if (evaluator->timer == NULL)
      return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for the evaluators");
    int code = start(evaluator, err);
    if (code != P2P_OK) return code;
  }
  return P2P_OK;
}

int p2p_evaluator_pool_new(const struct p2p_evaluator_pool_config *config,
                           const struct p2p_evaluator_pool_callbacks *callbacks, void *arg,
                           struct p2p_evaluator_pool **out, struct p2p_err *err) {
  uint32_t count = config->slots + 1;
  struct p2p_evaluator_pool *pool = calloc(1, sizeof *pool + count * sizeof pool->all[0]);
  if (pool == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for the evaluators");
  pool->loop = config->loop;
  pool->log = config->log;
  pool->callbacks = *callbacks;
  pool->arg = arg;
  pool->limits = config->limits;
  pool->used_ms = p2p_clock_ms();
  pool->slots = config->slots;
  pool->count = count;
  pool->argv = p2p_strings_copy(config->argv);
  pool->env = config->env == NULL ? NULL : p2p_strings_copy(config->env);
  bool copied = pool->argv != NULL && (pool->env != NULL || config->env == NULL);
  int code = copied ? start_all(pool, err)
                    : p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for the evaluators");
  if (code != P2P_OK) {
    p2p_evaluator_pool_free(pool);
    return code;
  }
  *out = pool;
  return P2P_OK;
}

void p2p_evaluator_pool_free(struct p2p_evaluator_pool *pool) {
  if (pool == NULL) return;
  for (uint32_t i = 0; i < pool->count; i++) {
    p2p_evaluator_process_free(pool->all[i].child);
    p2p_timer_free(pool->all[i].timer);
  }
  p2p_strings_free(pool->argv);
  p2p_strings_free(pool->env);
  free(pool);
}

uint32_t p2p_evaluator_pool_usable(const struct p2p_evaluator_pool *pool) {
  uint32_t usable = 0;
  for (uint32_t i = 0; i < pool->count; i++) {
    const struct p2p_evaluator *evaluator = &pool->all[i];
    if (is_alive(evaluator) && (evaluator->has_task ? evaluator->has_listener : evaluator->ready))
      usable++;
  }
  return usable < pool->slots ? usable : pool->slots;
}

uint64_t p2p_evaluator_pool_idle_ms(const struct p2p_evaluator_pool *pool) {
  for (uint32_t i = 0; i < pool->count; i++)
    if (pool->all[i].has_task) return 0;
  return p2p_clock_ms() - pool->used_ms;
}

/* One without a task that is dying, or else the one that was used longest ago; started anew. */
static struct p2p_evaluator *refresh(struct p2p_evaluator_pool *pool) {
  struct p2p_evaluator *oldest = NULL;
  for (uint32_t i = 0; i < pool->count; i++) {
    struct p2p_evaluator *evaluator = &pool->all[i];
    if (evaluator->has_task) continue;
    if (oldest == NULL || !is_alive(evaluator) ||
        (is_alive(oldest) && evaluator->used_ms < oldest->used_ms))
      oldest = evaluator;
  }
  if (oldest == NULL) return NULL;
  replace(oldest);
  return oldest->child != NULL ? oldest : NULL;
}

static struct p2p_evaluator *find_for(struct p2p_evaluator_pool *pool, const char *user) {
  struct p2p_evaluator *evaluator = find(pool, user, true);
  if (evaluator == NULL) evaluator = find(pool, "", true);
  if (evaluator == NULL) evaluator = find(pool, "", false);
  return evaluator != NULL ? evaluator : refresh(pool);
}

struct p2p_evaluator *p2p_evaluator_pool_submit(struct p2p_evaluator_pool *pool, const char *user,
                                                const struct p2p_frame *task,
                                                const struct p2p_evaluator_callbacks *callbacks,
                                                void *arg) {
  struct p2p_evaluator *evaluator = find_for(pool, user);
  if (evaluator == NULL) return NULL;
  if (p2p_evaluator_process_send(evaluator->child, P2P_FRAME_TASK, task->task, task->payload,
                                 task->length) != P2P_OK)
    return NULL;
  if (evaluator->ready) p2p_timer_stop(evaluator->timer);
  snprintf(evaluator->user, sizeof evaluator->user, "%s", user);
  evaluator->has_task = evaluator->has_listener = true;
  evaluator->task = task->task;
  evaluator->incoming = p2p_get_u64(task->payload);
  evaluator->callbacks = *callbacks;
  evaluator->arg = arg;
  watch_time(evaluator);
  return evaluator;
}

/* What cannot be sent is lost with the evaluator, whose end is about to be told; but out of memory
 * is said by nobody. */
static void send(struct p2p_evaluator *evaluator, const struct p2p_frame *frame) {
  int code = p2p_evaluator_process_send(evaluator->child, frame->type, frame->task, frame->payload,
                                        frame->length);
  if (code == P2P_ERR_MEMORY) doom(evaluator, "was ended because its supervisor is out of memory");
}

void p2p_evaluator_data(struct p2p_evaluator *evaluator, const struct p2p_frame *data) {
  evaluator->incoming -= data->length < evaluator->incoming ? data->length : evaluator->incoming;
  send(evaluator, data);
  watch_time(evaluator);
}

/* The frame comes first: an evaluator that has not begun yet drops the task when it reads it. One
 * that still starts must not be interrupted. */
void p2p_evaluator_cancel(struct p2p_evaluator *evaluator) {
  if (evaluator->cancelled) return;
  evaluator->cancelled = true;
  send(evaluator, &(struct p2p_frame){.type = P2P_FRAME_CANCEL, .task = evaluator->task});
  p2p_evaluator_process_resume(evaluator->child);
  if (!evaluator->ready) return;
  p2p_evaluator_process_interrupt(evaluator->child);
  p2p_timer_start(evaluator->timer, P2P_EVALUATOR_CANCEL_MS, 0);
}

void p2p_evaluator_abandon(struct p2p_evaluator *evaluator) {
  evaluator->has_listener = false;
  p2p_evaluator_cancel(evaluator);
}

void p2p_evaluator_pause(struct p2p_evaluator *evaluator) {
  p2p_evaluator_process_pause(evaluator->child);
}

void p2p_evaluator_resume(struct p2p_evaluator *evaluator) {
  p2p_evaluator_process_resume(evaluator->child);
}
