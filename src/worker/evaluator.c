/* The states of an evaluator: of its process, and of the task that it has. */
#include "worker/evaluator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "protocol/evaluator_hello.h"
#include "protocol/task_header.h"
#include "worker/deadline.h"
#include "worker/task_frames.h"

#define RETRY_MS 1000 /* after the operating system refused a process */
#define REASON_MAX 256

struct task {
  bool active;
  uint32_t id;
  struct p2p_task_frames frames;
  bool cancelled;
  bool timed;                     /* the time limit runs, or stands still */
  struct p2p_exit_reason stopped; /* why we stopped it: overrides its answer; how "": we did not */
  bool has_caller;
  struct p2p_evaluator_callbacks callbacks;
  void *arg;
};

struct p2p_evaluator {
  const struct p2p_evaluator_owner *owner;
  struct p2p_evaluator_process *process; /* NULL: could not be started */
  struct p2p_scratch_folder *folder;     /* of the process */
  struct p2p_deadline deadline;
  bool ready;                   /* its HELLO has arrived */
  bool is_for_one;              /* the process ends with its task */
  bool is_suspended;            /* the process is stopped, and its time limit */
  uint64_t peak_bytes;          /* of its memory, then */
  const void *client;           /* NULL: no task so far */
  uint64_t used_ms;             /* when its last task ended */
  char kill_reason[REASON_MAX]; /* "": it was not killed by us */
  struct task task;
};

static void kill_process(struct p2p_evaluator *evaluator, const char *reason) {
  if (evaluator->kill_reason[0] == '\0')
    snprintf(evaluator->kill_reason, sizeof evaluator->kill_reason, "%s", reason);
  p2p_evaluator_process_kill(evaluator->process);
}

/* ---- the time of a task ---- */

/* Chooses the deadline of a task that has just been submitted, has just arrived, or whose process
 * has just become ready. The time limit starts once, when the task is complete: no later frame
 * starts it again. */
static void time_task(struct p2p_evaluator *evaluator) {
  struct task *task = &evaluator->task;
  if (!evaluator->ready || task->cancelled || task->timed || evaluator->is_suspended ||
      evaluator->owner->limits.time_ms == 0)
    return;
  if (task->frames.to_receive > 0) {
    if (evaluator->deadline.kind == P2P_DEADLINE_RECEIVE) return;
    p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_RECEIVE,
                     evaluator->owner->receive_ms +
                         p2p_task_frames_expected(&task->frames) / P2P_EVALUATOR_RECEIVE_BYTES);
    return;
  }
  task->timed = true;
  evaluator->deadline.left_ms = evaluator->owner->limits.time_ms;
  p2p_deadline_run_limit(&evaluator->deadline);
}

static void time_reading(struct p2p_evaluator *evaluator) {
  if (evaluator->ready && !evaluator->is_suspended && evaluator->deadline.kind == P2P_DEADLINE_NONE)
    p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_TAKE, P2P_EVALUATOR_TAKE_MS);
}

/* ---- the frames of a task ---- */

static void end_task(struct p2p_evaluator *evaluator, const struct p2p_exit_reason *reason) {
  struct task ended = evaluator->task;
  evaluator->task = (struct task){0};
  evaluator->used_ms = p2p_clock_ms();
  if (ended.stopped.how[0] != '\0') reason = &ended.stopped;
  if (ended.has_caller) ended.callbacks.on_end(ended.arg, reason);
}

static void complete_task(struct p2p_evaluator *evaluator) {
  const struct p2p_evaluator_owner *owner = evaluator->owner;
  bool is_over = !evaluator->task.has_caller || evaluator->is_for_one;
  p2p_evaluator_continue(evaluator);
  p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_UNUSED, P2P_EVALUATOR_UNUSED_MS);
  p2p_evaluator_process_resume(evaluator->process);
  end_task(evaluator, NULL);
  if (is_over) owner->on_abandoned(owner->arg, evaluator);
  owner->on_change(owner->arg);
}

static void on_hello(struct p2p_evaluator *evaluator, const struct p2p_frame *frame) {
  char text[REASON_MAX - 32], reason[REASON_MAX];
  bool failed = p2p_evaluator_hello_read(frame->payload, frame->length, text, sizeof text);
  uint64_t memory_bytes = evaluator->owner->limits.memory_bytes;
  if (failed || !p2p_evaluator_process_limit(evaluator->process, memory_bytes, frame)) {
    snprintf(reason, sizeof reason, "failed to start: %s", failed ? text : "cannot limit memory");
    kill_process(evaluator, reason);
    return;
  }
  evaluator->ready = true;
  evaluator->peak_bytes = p2p_evaluator_hello_peak_bytes(frame->payload, frame->length);
  p2p_deadline_set(&evaluator->deadline,
                   evaluator->task.cancelled ? P2P_DEADLINE_CANCEL : P2P_DEADLINE_NONE,
                   P2P_EVALUATOR_CANCEL_MS);
  if (evaluator->task.active) time_task(evaluator);
  if (evaluator->owner->is_suspended) p2p_evaluator_suspend(evaluator);
  evaluator->owner->on_change(evaluator->owner->arg);
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct p2p_evaluator *evaluator = arg;
  struct task *task = &evaluator->task;
  bool ends = false;
  if (evaluator->kill_reason[0] != '\0') return;
  if (frame->type == P2P_FRAME_HELLO && !evaluator->ready) {
    on_hello(evaluator, frame);
    return;
  }
  if (!evaluator->ready || !task->active || frame->task != task->id ||
      !p2p_task_frames_sent(&task->frames, frame, &ends)) {
    kill_process(evaluator, "was killed because it sent an unexpected frame");
    return;
  }
  if (task->has_caller && task->stopped.how[0] == '\0') task->callbacks.on_frame(task->arg, frame);
  if (ends) complete_task(evaluator);
}

static void on_drain(void *arg) {
  struct p2p_evaluator *evaluator = arg;
  struct task *task = &evaluator->task;
  if (task->active) p2p_task_frames_delivered(&task->frames);
  if (evaluator->deadline.kind == P2P_DEADLINE_TAKE)
    p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_NONE, 0);
  if (task->has_caller) task->callbacks.on_drain(task->arg);
}

/* ---- the process ---- */

static void describe_exit(const struct p2p_evaluator *evaluator, int exit_status, int term_signal,
                          struct p2p_exit_reason *reason) {
  bool is_ready = evaluator->ready, had_begun = is_ready && evaluator->task.frames.is_delivered;
  uint64_t used_bytes = p2p_evaluator_process_growth_bytes(
      evaluator->process, is_ready ? evaluator->peak_bytes : UINT64_MAX);
  bool was_full = p2p_evaluator_process_was_full(evaluator->process);
  const struct p2p_evaluator_end end = {exit_status, term_signal, is_ready,
                                        had_begun,   used_bytes,  was_full};
  if (evaluator->kill_reason[0] == '\0')
    p2p_exit_reason_of_end(reason, &end, &evaluator->owner->limits);
  else
    p2p_exit_reason_of_own_kill(reason, evaluator->kill_reason, had_begun);
}

static void drop_process(struct p2p_evaluator *evaluator) {
  p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_NONE, 0);
  p2p_evaluator_process_free(evaluator->process);
  p2p_scratch_folder_free(evaluator->folder);
  evaluator->process = NULL;
  evaluator->folder = NULL;
  evaluator->ready = evaluator->is_suspended = false;
  evaluator->client = NULL;
  evaluator->kill_reason[0] = '\0';
}

static void on_process_exit(void *arg, int exit_status, int term_signal) {
  struct p2p_evaluator *evaluator = arg;
  const struct p2p_evaluator_owner *owner = evaluator->owner;
  struct p2p_exit_reason reason;
  char errors[P2P_EVALUATOR_PROCESS_ERRORS_MAX];
  char how[P2P_EXIT_REASON_TEXT_MAX + sizeof errors + 4];
  bool was_ready = evaluator->ready;
  describe_exit(evaluator, exit_status, term_signal, &reason);
  p2p_evaluator_process_errors(evaluator->process, errors);
  drop_process(evaluator);
  snprintf(how, sizeof how, errors[0] == '\0' ? "%s" : "%s (%s)", reason.how, errors);
  p2p_log_write(owner->log, P2P_LOG_WARN, "an evaluator %s; starting another", how);
  if (evaluator->task.active) end_task(evaluator, &reason);
  owner->on_exit(owner->arg, evaluator, was_ready, how);
}

static void stop_task(struct p2p_evaluator *evaluator) {
  if (evaluator->deadline.kind == P2P_DEADLINE_RECEIVE)
    p2p_exit_reason_of_kill(&evaluator->task.stopped,
                            "was stopped because the future took too long to arrive", false);
  else
    p2p_exit_reason_of_time_limit(&evaluator->task.stopped, &evaluator->owner->limits);
  p2p_evaluator_cancel(evaluator);
}

static void on_deadline(void *arg) {
  struct p2p_evaluator *evaluator = arg;
  const struct p2p_evaluator_owner *owner = evaluator->owner;
  switch (evaluator->deadline.kind) {
  case P2P_DEADLINE_NONE: break;
  case P2P_DEADLINE_RETRY: owner->on_retry(owner->arg, evaluator); break;
  case P2P_DEADLINE_START:
    kill_process(evaluator, "was killed because it was not ready within 60 s");
    break;
  case P2P_DEADLINE_RECEIVE:
  case P2P_DEADLINE_TIME:
  case P2P_DEADLINE_PAUSE: stop_task(evaluator); break;
  case P2P_DEADLINE_TAKE: kill_process(evaluator, "was killed because it did not read"); break;
  case P2P_DEADLINE_CANCEL:
    kill_process(evaluator, "was killed because it did not stop within 5 s of an interrupt");
    break;
  case P2P_DEADLINE_UNUSED: owner->on_unused(owner->arg, evaluator); break;
  }
}

/* ---- for the owner ---- */

struct p2p_evaluator *p2p_evaluator_new(const struct p2p_evaluator_owner *owner) {
  struct p2p_evaluator *evaluator = calloc(1, sizeof *evaluator);
  if (evaluator == NULL) return NULL;
  evaluator->owner = owner;
  if (p2p_deadline_init(&evaluator->deadline, owner->loop, on_deadline, evaluator))
    return evaluator;
  free(evaluator);
  return NULL;
}

void p2p_evaluator_free(struct p2p_evaluator *evaluator) {
  if (evaluator == NULL) return;
  p2p_evaluator_process_free(evaluator->process);
  p2p_scratch_folder_free(evaluator->folder);
  p2p_deadline_close(&evaluator->deadline);
  free(evaluator);
}

static int spawn(struct p2p_evaluator *evaluator, const struct p2p_evaluator_launch *launch,
                 struct p2p_err *err) {
  static const struct p2p_evaluator_process_callbacks callbacks = {on_frame, on_drain,
                                                                   on_process_exit};
  const struct p2p_evaluator_owner *owner = evaluator->owner;
  int code = p2p_scratch_folder_new(owner->scratch, launch->env, &evaluator->folder, err);
  if (code != P2P_OK) return code;
  const struct p2p_evaluator_process_config config = {
      .loop = p2p_loop_uv(owner->loop),
      .argv = launch->argv,
      .is_kept = owner->is_kept,
      .groups = owner->groups,
      .env = p2p_scratch_folder_env(evaluator->folder),
      .folder =
          owner->workdir != NULL ? owner->workdir : p2p_scratch_folder_work(evaluator->folder)};
  return p2p_evaluator_process_spawn(&config, &callbacks, evaluator, &evaluator->process, err);
}

int p2p_evaluator_start(struct p2p_evaluator *evaluator, const struct p2p_evaluator_launch *launch,
                        struct p2p_err *err) {
  drop_process(evaluator);
  evaluator->is_for_one = launch->is_for_one;
  int code = spawn(evaluator, launch, err);
  if (code == P2P_OK)
    p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_START, P2P_EVALUATOR_START_MS);
  else
    p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_RETRY, RETRY_MS);
  return code;
}

bool p2p_evaluator_is_alive(const struct p2p_evaluator *evaluator) {
  return evaluator->process != NULL && evaluator->kill_reason[0] == '\0' &&
         p2p_evaluator_process_is_open(evaluator->process);
}

bool p2p_evaluator_has_task(const struct p2p_evaluator *evaluator) {
  return evaluator->task.active;
}

bool p2p_evaluator_is_usable(const struct p2p_evaluator *evaluator) {
  return p2p_evaluator_is_alive(evaluator) &&
         (evaluator->task.active ? evaluator->task.has_caller : evaluator->ready);
}

bool p2p_evaluator_is_free_for(const struct p2p_evaluator *evaluator, const void *client,
                               bool ready) {
  return p2p_evaluator_is_alive(evaluator) && !evaluator->task.active &&
         evaluator->ready == ready && evaluator->client == client &&
         p2p_evaluator_process_runs(evaluator->process);
}

const void *p2p_evaluator_client(const struct p2p_evaluator *evaluator) {
  return evaluator->client;
}

uint64_t p2p_evaluator_used_ms(const struct p2p_evaluator *evaluator) { return evaluator->used_ms; }
/* ---- for the caller that submits a task ---- */

static int forward(struct p2p_evaluator *evaluator, const struct p2p_frame *frame) {
  return p2p_evaluator_process_send(evaluator->process, frame->type, frame->task, frame->payload,
                                    frame->length);
}

static void note_if_delivered(struct p2p_evaluator *evaluator) {
  if (p2p_evaluator_process_queued(evaluator->process) == 0)
    p2p_task_frames_delivered(&evaluator->task.frames);
}

int p2p_evaluator_submit(struct p2p_evaluator *evaluator, const void *client,
                         const struct p2p_frame *given, const struct p2p_frame *task,
                         const struct p2p_evaluator_callbacks *callbacks, void *arg) {
  struct p2p_task_header header;
  int code = p2p_task_header_read(task->payload, task->length, &header);
  if (code == P2P_OK && given != NULL) code = forward(evaluator, given);
  if (code == P2P_OK) code = forward(evaluator, task);
  if (code != P2P_OK) return code;
  if (evaluator->ready) p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_NONE, 0);
  evaluator->client = client;
  evaluator->task = (struct task){.active = true,
                                  .id = task->task,
                                  .frames = {.to_receive = header.size, .parts = header.parts},
                                  .has_caller = true,
                                  .callbacks = *callbacks,
                                  .arg = arg};
  note_if_delivered(evaluator);
  time_task(evaluator);
  if (evaluator->owner->is_suspended) p2p_evaluator_suspend(evaluator);
  return P2P_OK;
}

/* A frame that cannot be sent is lost with the process, whose end will be reported; but nothing
 * else reports a lack of memory. */
static void send(struct p2p_evaluator *evaluator, const struct p2p_frame *frame) {
  if (forward(evaluator, frame) == P2P_ERR_MEMORY)
    kill_process(evaluator, "was killed because its worker is out of memory");
}

enum p2p_evaluator_pace p2p_evaluator_data(struct p2p_evaluator *evaluator,
                                           const struct p2p_frame *data) {
  size_t length = data->type == P2P_FRAME_DATA ? data->length : 0;
  if (!p2p_task_frames_received(&evaluator->task.frames, length)) return P2P_EVALUATOR_REFUSES;
  send(evaluator, data);
  time_task(evaluator);
  note_if_delivered(evaluator);
  enum p2p_evaluator_pace pace = p2p_evaluator_process_pace(evaluator->process);
  if (pace == P2P_EVALUATOR_IS_FULL) time_reading(evaluator);
  return pace;
}

/* The frame is sent before the signal: an evaluator that has not begun the task drops it when it
 * reads the frame. A process that still starts must not be interrupted. */
void p2p_evaluator_cancel(struct p2p_evaluator *evaluator) {
  if (evaluator->task.cancelled) return;
  p2p_evaluator_continue(evaluator);
  evaluator->task.cancelled = true;
  send(evaluator, &(struct p2p_frame){.type = P2P_FRAME_CANCEL, .task = evaluator->task.id});
  p2p_evaluator_process_resume(evaluator->process);
  if (!evaluator->ready) return;
  p2p_evaluator_process_interrupt(evaluator->process);
  p2p_deadline_set(&evaluator->deadline, P2P_DEADLINE_CANCEL, P2P_EVALUATOR_CANCEL_MS);
}

void p2p_evaluator_abandon(struct p2p_evaluator *evaluator) {
  evaluator->task.has_caller = false;
  p2p_evaluator_cancel(evaluator);
}

/* A result that is slowed down by the client's link costs the future no time, for a while. */
void p2p_evaluator_pause(struct p2p_evaluator *evaluator) {
  struct p2p_deadline *deadline = &evaluator->deadline;
  p2p_evaluator_process_pause(evaluator->process);
  if (deadline->kind != P2P_DEADLINE_TIME || evaluator->task.frames.sending != P2P_FRAME_RESULT)
    return;
  p2p_deadline_stop(deadline);
  p2p_deadline_set(deadline, P2P_DEADLINE_PAUSE, evaluator->owner->pause_ms);
}

void p2p_evaluator_resume(struct p2p_evaluator *evaluator) {
  p2p_evaluator_process_resume(evaluator->process);
  if (evaluator->deadline.kind == P2P_DEADLINE_PAUSE) p2p_deadline_run_limit(&evaluator->deadline);
}

/* ---- for the owner of the machine ---- */

void p2p_evaluator_suspend(struct p2p_evaluator *evaluator) {
  if (!evaluator->task.active || evaluator->task.cancelled || !evaluator->ready ||
      evaluator->is_suspended)
    return;
  evaluator->is_suspended = true;
  p2p_evaluator_process_suspend(evaluator->process, true);
  p2p_deadline_stop(&evaluator->deadline);
}

void p2p_evaluator_continue(struct p2p_evaluator *evaluator) {
  if (!evaluator->is_suspended) return;
  evaluator->is_suspended = false;
  p2p_evaluator_process_suspend(evaluator->process, false);
  if (evaluator->task.timed && evaluator->deadline.kind == P2P_DEADLINE_NONE)
    p2p_deadline_run_limit(&evaluator->deadline);
  else
    time_task(evaluator);
  if (p2p_evaluator_process_pace(evaluator->process) == P2P_EVALUATOR_IS_FULL)
    time_reading(evaluator);
}
