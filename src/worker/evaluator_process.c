/* The process of an evaluator. This file guarantees that its frames are delivered before on_exit,
 * and that no member of its process group outlives it. */
#include "worker/evaluator_process.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pipe.h"
#include "base/sanitize.h"
#include "proc/cgroup.h"
#include "proc/process.h"
#include "protocol/evaluator_hello.h"

/* How long to read on after the process has ended, since a descendant may keep its end of the
 * frames open; and how long a process may run after it has closed its frames. */
#define GRACE_MS 500
#define HANDLES 3
/* What a control group may have besides the memory of a process: the kernel's records, and the
 * parts of files that it must keep. */
#define GROUP_BYTES (16 * 1024 * 1024)

struct p2p_evaluator_process {
  struct p2p_process *child;
  struct p2p_cgroup *group; /* NULL: none */
  uv_pipe_t frames, lifeline;
  uv_timer_t grace;
  int open_handles;
  int errors; /* the other end of its stderr, until its first frame; -1: closed */
  struct p2p_evaluator_process_callbacks callbacks;
  void *arg;
  struct p2p_buf in;
  int exit_status, term_signal;
  bool is_slow;       /* it was said; until its queue is empty */
  bool exited;        /* proc/process has reported the end */
  bool frames_ended;  /* no more will be read */
  bool is_overdue;    /* the grace is over; the frames are read once more */
  bool exit_reported; /* on_exit was called */
  /* No more callbacks. p2p_loop_defer is no substitute: the memory, which has the handles, must
   * stay until libuv has closed them all. */
  bool freed;
  char chunk[P2P_FRAME_PAYLOAD_MAX];
};

/* What the process has not taken at once. */
struct message {
  uv_write_t request;
  uint8_t frame[];
};

static void close_errors(struct p2p_evaluator_process *process) {
  if (process->errors >= 0) close(process->errors);
  process->errors = -1;
}

static void on_closed(uv_handle_t *handle) {
  struct p2p_evaluator_process *process = handle->data;
  if (--process->open_handles > 0) return;
  p2p_buf_clear(&process->in);
  free(process);
}

/* The process may run for a moment longer; proc/process reaps it. */
static void close_all(struct p2p_evaluator_process *process) {
  close_errors(process);
  p2p_process_free(process->child);
  p2p_cgroup_free(process->group);
  uv_close((uv_handle_t *)&process->frames, on_closed);
  uv_close((uv_handle_t *)&process->lifeline, on_closed);
  uv_close((uv_handle_t *)&process->grace, on_closed);
}

static void report_exit(struct p2p_evaluator_process *process) {
  if (!process->exited || !process->frames_ended || process->freed || process->exit_reported)
    return;
  process->exit_reported = true;
  uv_timer_stop(&process->grace);
  process->callbacks.on_exit(process->arg, process->exit_status, process->term_signal);
}

static void end_frames(struct p2p_evaluator_process *process) {
  uv_read_stop((uv_stream_t *)&process->frames);
  process->frames_ended = true;
}

/* If we were stopped meanwhile, frames may wait in the kernel: they are read before the timer runs
 * again. */
static void on_grace(uv_timer_t *timer) {
  struct p2p_evaluator_process *process = timer->data;
  if (!process->is_overdue) {
    process->is_overdue = true;
    uv_timer_start(timer, on_grace, 1, 0);
    return;
  }
  p2p_evaluator_process_kill(process);
  end_frames(process);
  report_exit(process);
}

static void deliver_frames(struct p2p_evaluator_process *process) {
  struct p2p_frame frame;
  long used = 0;
  while (!process->freed && (used = p2p_frame_get(p2p_buf_data(&process->in),
                                                  p2p_buf_len(&process->in), &frame)) > 0) {
    close_errors(process);
    process->callbacks.on_frame(process->arg, &frame);
    p2p_buf_consume(&process->in, (size_t)used);
  }
  if (used >= 0) return;
  /* Not a frame: the rest of the stream is meaningless. */
  p2p_evaluator_process_kill(process);
  end_frames(process);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct p2p_evaluator_process *process = handle->data;
  (void)suggested;
  *out = uv_buf_init(process->chunk, sizeof process->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *chunk) {
  struct p2p_evaluator_process *process = stream->data;
  if (length == 0 || process->freed) return;
  if (length > 0 && p2p_buf_put(&process->in, chunk->base, (size_t)length) == P2P_OK) {
    deliver_frames(process);
  } else {
    end_frames(process);
    if (!process->exited) uv_timer_start(&process->grace, on_grace, GRACE_MS, 0);
    p2p_process_expect_end(process->child);
  }
  report_exit(process);
}

static void on_process_end(void *arg, int exit_status, int term_signal) {
  struct p2p_evaluator_process *process = arg;
  process->exit_status = exit_status;
  process->term_signal = term_signal;
  process->exited = true;
  p2p_process_kill(process->child); /* its descendants */
  if (!process->frames_ended) {
    uv_read_start((uv_stream_t *)&process->frames, on_alloc, on_read); /* also when paused */
    uv_timer_start(&process->grace, on_grace, GRACE_MS, 0);
  }
  report_exit(process);
}

static void init_handles(struct p2p_evaluator_process *process, uv_loop_t *loop) {
  uv_pipe_init(loop, &process->frames, 0);
  uv_pipe_init(loop, &process->lifeline, 0);
  uv_timer_init(loop, &process->grace);
  process->frames.data = process->lifeline.data = process->grace.data = process;
  process->open_handles = HANDLES;
}

/* Makes its group. `procs`: the descriptor by which to join it; -1: none. */
static int make_group(struct p2p_evaluator_process *process, struct p2p_cgroups *groups, int *procs,
                      struct p2p_err *err) {
  *procs = -1;
  int code = groups == NULL ? P2P_OK : p2p_cgroup_new(groups, &process->group, err);
  return process->group == NULL ? code : p2p_cgroup_open(process->group, procs, err);
}

/* Returns 0 or an error of libuv. */
static int spawn(struct p2p_evaluator_process *process,
                 const struct p2p_evaluator_process_config *config, int errors, int procs) {
  uv_stdio_container_t stdio[P2P_EVALUATOR_PROCESS_FD_GROUP + 1] = {{.flags = UV_IGNORE}};
  stdio[1].flags = UV_IGNORE;
  stdio[2].flags = UV_INHERIT_FD;
  stdio[2].data.fd = errors;
  stdio[P2P_EVALUATOR_PROCESS_FD_FRAMES].flags =
      UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE;
  stdio[P2P_EVALUATOR_PROCESS_FD_FRAMES].data.stream = (uv_stream_t *)&process->frames;
  stdio[P2P_EVALUATOR_PROCESS_FD_LIFELINE].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
  stdio[P2P_EVALUATOR_PROCESS_FD_LIFELINE].data.stream = (uv_stream_t *)&process->lifeline;
  stdio[P2P_EVALUATOR_PROCESS_FD_GROUP].flags = UV_INHERIT_FD;
  stdio[P2P_EVALUATOR_PROCESS_FD_GROUP].data.fd = procs;
  uv_process_options_t options = {.file = config->argv[0],
                                  .args = (char **)config->argv,
                                  .env = (char **)config->env,
                                  .cwd = config->folder,
                                  .stdio = stdio,
                                  .stdio_count =
                                      P2P_EVALUATOR_PROCESS_FD_LIFELINE + (procs >= 0 ? 2 : 1)};
  int status = p2p_process_spawn(config->loop, &options, on_process_end, process, &process->child);
  if (status == 0 && config->is_kept) p2p_process_set_keeper(process->child);
  return status == 0 ? uv_read_start((uv_stream_t *)&process->frames, on_alloc, on_read) : status;
}

int p2p_evaluator_process_spawn(const struct p2p_evaluator_process_config *config,
                                const struct p2p_evaluator_process_callbacks *callbacks, void *arg,
                                struct p2p_evaluator_process **out, struct p2p_err *err) {
  struct p2p_evaluator_process *process = calloc(1, sizeof *process);
  if (process == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  process->callbacks = *callbacks;
  process->arg = arg;
  p2p_buf_init(&process->in, sizeof process->chunk + P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX);
  int errors[2], procs;
  int code = make_group(process, config->groups, &procs, err);
  if (code == P2P_OK) code = p2p_pipe_open(errors, true, err);
  if (code != P2P_OK) {
    if (procs >= 0) close(procs);
    p2p_cgroup_free(process->group);
    free(process);
    return p2p_err_prefix(err, "cannot start '%s'", config->argv[0]);
  }
  process->errors = errors[0];
  init_handles(process, config->loop);
  int status = spawn(process, config, errors[1], procs);
  close(errors[1]);
  if (procs >= 0) close(procs);
  if (status != 0) {
    close_all(process);
    if (config->folder != NULL && access(config->folder, X_OK) != 0)
      return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot start '%s' in folder '%s': %s",
                         config->argv[0], config->folder, uv_strerror(status));
    p2p_err_set(err, P2P_ERR_SYSTEM, "cannot start '%s': %s", config->argv[0], uv_strerror(status));
    return p2p_err_of_limit(err, -status, P2P_ERR_SYSTEM);
  }
  *out = process;
  return P2P_OK;
}

static void on_written(uv_write_t *request, int status) {
  struct p2p_evaluator_process *process = request->handle->data;
  free(request); /* the struct message */
  if (status != 0 || process->freed || p2p_evaluator_process_queued(process) > 0) return;
  process->is_slow = false;
  if (process->callbacks.on_drain != NULL) process->callbacks.on_drain(process->arg);
}

bool p2p_evaluator_process_is_open(const struct p2p_evaluator_process *process) {
  return !process->freed && !process->exited && !process->frames_ended;
}

bool p2p_evaluator_process_runs(const struct p2p_evaluator_process *process) {
  return p2p_evaluator_process_is_open(process) && !p2p_process_has_ended(process->child);
}

/* Queues what the process has not taken of a frame. */
static int queue_rest(struct p2p_evaluator_process *process, const uint8_t *header,
                      const void *payload, size_t length, size_t taken) {
  struct message *message = malloc(sizeof *message + P2P_FRAME_HEADER_LEN + length);
  if (message == NULL) {
    if (taken > 0) p2p_evaluator_process_kill(process); /* half a frame must not be followed */
    return P2P_ERR_MEMORY;
  }
  memcpy(message->frame, header, P2P_FRAME_HEADER_LEN);
  if (length > 0) memcpy(message->frame + P2P_FRAME_HEADER_LEN, payload, length);
  uv_buf_t rest = uv_buf_init((char *)message->frame + taken,
                              (unsigned)(P2P_FRAME_HEADER_LEN + length - taken));
  if (uv_write(&message->request, (uv_stream_t *)&process->frames, &rest, 1, on_written) == 0)
    return P2P_OK;
  free(message);
  return P2P_ERR_CLOSED;
}

int p2p_evaluator_process_send(struct p2p_evaluator_process *process, uint8_t type, uint32_t task,
                               const void *payload, size_t length) {
  if (!p2p_evaluator_process_is_open(process)) return P2P_ERR_CLOSED;
  if (length > P2P_FRAME_PAYLOAD_MAX) return P2P_ERR_TOO_LARGE;
  uint8_t header[P2P_FRAME_HEADER_LEN];
  p2p_frame_write_header(type, task, (uint32_t)length, header);
  uv_buf_t parts[2] = {uv_buf_init((char *)header, sizeof header),
                       uv_buf_init((char *)(uintptr_t)payload, (unsigned)length)};
  /* Negative: nothing was taken. If that is for good, the end of the frames will say so. */
  int taken = uv_try_write((uv_stream_t *)&process->frames, parts, length > 0 ? 2 : 1);
  if (taken == (int)(sizeof header + length)) return P2P_OK;
  return queue_rest(process, header, payload, length, taken > 0 ? (size_t)taken : 0);
}

void p2p_evaluator_process_errors(const struct p2p_evaluator_process *process,
                                  char out[P2P_EVALUATOR_PROCESS_ERRORS_MAX]) {
  char text[P2P_EVALUATOR_PROCESS_ERRORS_MAX];
  ssize_t length = process->errors < 0 ? 0 : read(process->errors, text, sizeof text);
  while (length > 0 && text[length - 1] == '\n') length--;
  for (ssize_t i = 0; i < length; i++)
    if (text[i] == '\n') text[i] = ' ';
  p2p_sanitize(text, length > 0 ? (size_t)length : 0, out, P2P_EVALUATOR_PROCESS_ERRORS_MAX);
}

bool p2p_evaluator_process_limit(const struct p2p_evaluator_process *process, uint64_t memory_bytes,
                                 const struct p2p_frame *hello) {
  if (process->group == NULL || memory_bytes == 0) return true;
  uint64_t used_bytes = p2p_evaluator_hello_data_bytes(hello->payload, hello->length);
  return p2p_cgroup_limit(process->group, memory_bytes + used_bytes + GROUP_BYTES, NULL) == P2P_OK;
}

bool p2p_evaluator_process_was_full(const struct p2p_evaluator_process *process) {
  return process->group != NULL && p2p_cgroup_was_full(process->group);
}

uint64_t p2p_evaluator_process_growth_bytes(const struct p2p_evaluator_process *process,
                                            uint64_t since_bytes) {
  uint64_t peak_bytes = p2p_process_peak_bytes(process->child);
  return peak_bytes > since_bytes ? peak_bytes - since_bytes : 0;
}

size_t p2p_evaluator_process_queued(const struct p2p_evaluator_process *process) {
  return uv_stream_get_write_queue_size((const uv_stream_t *)&process->frames);
}

enum p2p_evaluator_pace p2p_evaluator_process_pace(struct p2p_evaluator_process *process) {
  size_t queued = p2p_evaluator_process_queued(process);
  if (queued > P2P_EVALUATOR_PROCESS_QUEUE_HIGH) return P2P_EVALUATOR_IS_FULL;
  if (queued == 0) process->is_slow = false;
  if (queued <= P2P_EVALUATOR_PROCESS_QUEUE_SLOW || process->is_slow) return P2P_EVALUATOR_KEEPS_UP;
  process->is_slow = true;
  return P2P_EVALUATOR_IS_SLOW;
}

void p2p_evaluator_process_pause(struct p2p_evaluator_process *process) {
  if (!process->exited) uv_read_stop((uv_stream_t *)&process->frames);
}

void p2p_evaluator_process_resume(struct p2p_evaluator_process *process) {
  if (process->exited || process->frames_ended || process->freed) return;
  uv_read_start((uv_stream_t *)&process->frames, on_alloc,
                on_read); /* fails harmlessly when it already reads */
}

void p2p_evaluator_process_interrupt(struct p2p_evaluator_process *process) {
  if (!process->exited) p2p_process_signal(process->child, SIGINT);
}

void p2p_evaluator_process_suspend(struct p2p_evaluator_process *process, bool is_suspended) {
  if (!process->exited) p2p_process_suspend(process->child, is_suspended);
}

void p2p_evaluator_process_kill(struct p2p_evaluator_process *process) {
  if (process->exited) return;
  p2p_process_kill(process->child);
  p2p_process_expect_end(process->child);
}

void p2p_evaluator_process_free(struct p2p_evaluator_process *process) {
  if (process == NULL || process->freed) return;
  process->freed = true;
  close_all(process);
}
