/* A child process with a pipe of frames and a lifeline. This file owns the order in which its end
 * is told (all its frames, then on_exit) and that nothing of its process group stays behind. */
#include "worker/evaluator_process.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "proc/process.h"

/* A descendant that outlives the process may keep its end of the frames open: how long we still
 * read. Likewise, how long a process may live on after it has closed its frames. */
#define GRACE_MS 500
#define HANDLES 3

struct p2p_evaluator_process {
  struct p2p_process *process;
  uv_pipe_t frames, lifeline;
  uv_timer_t grace;
  int open_handles;
  struct p2p_evaluator_process_callbacks callbacks;
  void *arg;
  struct p2p_buf in;
  int exit_status, term_signal;
  bool exited;       /* as the process tells */
  bool frames_ended; /* nothing more will be read */
  bool told;         /* on_exit was called */
  bool freed;        /* nobody listens */
  char chunk[P2P_FRAME_PAYLOAD_MAX];
};

struct message {
  uv_write_t request;
  struct p2p_buf bytes;
};

static void on_closed(uv_handle_t *handle) {
  struct p2p_evaluator_process *child = handle->data;
  if (--child->open_handles > 0) return;
  p2p_buf_clear(&child->in);
  free(child);
}

/* The process may live on for a moment: it is reaped without us. */
static void close_all(struct p2p_evaluator_process *child) {
  p2p_process_free(child->process);
  uv_close((uv_handle_t *)&child->frames, on_closed);
  uv_close((uv_handle_t *)&child->lifeline, on_closed);
  uv_close((uv_handle_t *)&child->grace, on_closed);
}

static void finish(struct p2p_evaluator_process *child) {
  if (!child->exited || !child->frames_ended || child->freed || child->told) return;
  child->told = true;
  uv_timer_stop(&child->grace);
  child->callbacks.on_exit(child->arg, child->exit_status, child->term_signal);
}

static void end_frames(struct p2p_evaluator_process *child) {
  uv_read_stop((uv_stream_t *)&child->frames);
  child->frames_ended = true;
}

static void on_grace(uv_timer_t *timer) {
  struct p2p_evaluator_process *child = timer->data;
  p2p_evaluator_process_kill(child);
  end_frames(child);
  finish(child);
}

static void take_frames(struct p2p_evaluator_process *child) {
  struct p2p_frame frame;
  long used = 0;
  while (!child->freed &&
         (used = p2p_frame_get(p2p_buf_data(&child->in), p2p_buf_len(&child->in), &frame)) > 0) {
    child->callbacks.on_frame(child->arg, &frame);
    p2p_buf_consume(&child->in, (size_t)used);
  }
  if (used >= 0) return;
  /* Someone else's bytes on the pipe: nothing after them can be believed. */
  p2p_evaluator_process_kill(child);
  end_frames(child);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct p2p_evaluator_process *child = handle->data;
  (void)suggested;
  *out = uv_buf_init(child->chunk, sizeof child->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *chunk) {
  struct p2p_evaluator_process *child = stream->data;
  if (length == 0 || child->freed) return;
  if (length > 0 && p2p_buf_put(&child->in, chunk->base, (size_t)length) == P2P_OK) {
    take_frames(child);
  } else {
    end_frames(child);
    if (!child->exited) uv_timer_start(&child->grace, on_grace, GRACE_MS, 0);
    p2p_process_expect_end(child->process);
  }
  finish(child);
}

static void on_process_end(void *arg, int exit_status, int term_signal) {
  struct p2p_evaluator_process *child = arg;
  child->exit_status = exit_status;
  child->term_signal = term_signal;
  child->exited = true;
  p2p_process_signal(child->process, SIGKILL); /* what it had started goes with it */
  if (!child->frames_ended) {
    uv_read_start((uv_stream_t *)&child->frames, on_alloc, on_read); /* it may be paused */
    uv_timer_start(&child->grace, on_grace, GRACE_MS, 0);
  }
  finish(child);
}

static void init_handles(struct p2p_evaluator_process *child, uv_loop_t *loop) {
  uv_pipe_init(loop, &child->frames, 0);
  uv_pipe_init(loop, &child->lifeline, 0);
  uv_timer_init(loop, &child->grace);
  child->frames.data = child->lifeline.data = child->grace.data = child;
  child->open_handles = HANDLES;
}

static int spawn(struct p2p_evaluator_process *child, uv_loop_t *loop, const char *const *argv,
                 const char *const *env) {
  uv_stdio_container_t stdio[P2P_EVALUATOR_PROCESS_FD_LIFELINE + 1] = {{.flags = UV_IGNORE}};
  stdio[1].flags = stdio[2].flags = UV_INHERIT_FD;
  stdio[1].data.fd = 1;
  stdio[2].data.fd = 2;
  stdio[P2P_EVALUATOR_PROCESS_FD_FRAMES].flags =
      UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE;
  stdio[P2P_EVALUATOR_PROCESS_FD_FRAMES].data.stream = (uv_stream_t *)&child->frames;
  stdio[P2P_EVALUATOR_PROCESS_FD_LIFELINE].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
  stdio[P2P_EVALUATOR_PROCESS_FD_LIFELINE].data.stream = (uv_stream_t *)&child->lifeline;
  uv_process_options_t options = {.file = argv[0],
                                  .args = (char **)argv,
                                  .env = (char **)env,
                                  .stdio = stdio,
                                  .stdio_count = P2P_EVALUATOR_PROCESS_FD_LIFELINE + 1};
  return p2p_process_spawn(loop, &options, on_process_end, child, &child->process);
}

int p2p_evaluator_process_spawn(struct uv_loop_s *loop, const char *const *argv,
                                const char *const *env,
                                const struct p2p_evaluator_process_callbacks *callbacks, void *arg,
                                struct p2p_evaluator_process **out, struct p2p_err *err) {
  struct p2p_evaluator_process *child = calloc(1, sizeof *child);
  if (child == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for a child process");
  child->callbacks = *callbacks;
  child->arg = arg;
  p2p_buf_init(&child->in, sizeof child->chunk + P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX);
  init_handles(child, loop);
  int status = spawn(child, loop, argv, env);
  if (status != 0) {
    close_all(child);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "Cannot start '%s': %s", argv[0], uv_strerror(status));
  }
  uv_read_start((uv_stream_t *)&child->frames, on_alloc, on_read);
  *out = child;
  return P2P_OK;
}

static void on_written(uv_write_t *request, int status) {
  struct p2p_evaluator_process *child = request->handle->data;
  struct message *message = (struct message *)request;
  p2p_buf_clear(&message->bytes);
  free(message);
  if (status == 0 && !child->freed && child->callbacks.on_drain != NULL &&
      p2p_evaluator_process_queued(child) == 0)
    child->callbacks.on_drain(child->arg);
}

bool p2p_evaluator_process_is_open(const struct p2p_evaluator_process *child) {
  return !child->freed && !child->exited && !child->frames_ended;
}

bool p2p_evaluator_process_runs(const struct p2p_evaluator_process *child) {
  return p2p_evaluator_process_is_open(child) && !p2p_process_has_ended(child->process);
}

int p2p_evaluator_process_send(struct p2p_evaluator_process *child, uint8_t type, uint32_t task,
                               const void *payload, size_t length) {
  if (!p2p_evaluator_process_is_open(child)) return P2P_ERR_CLOSED;
  struct message *message = malloc(sizeof *message);
  if (message == NULL) return P2P_ERR_MEMORY;
  p2p_buf_init(&message->bytes, P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX);
  int code = p2p_frame_put(&message->bytes, type, task, payload, length);
  if (code == P2P_OK) {
    uv_buf_t part =
        uv_buf_init((char *)p2p_buf_data(&message->bytes), (unsigned)p2p_buf_len(&message->bytes));
    if (uv_write(&message->request, (uv_stream_t *)&child->frames, &part, 1, on_written) == 0)
      return P2P_OK;
    code = P2P_ERR_CLOSED;
  }
  p2p_buf_clear(&message->bytes);
  free(message);
  return code;
}

size_t p2p_evaluator_process_queued(const struct p2p_evaluator_process *child) {
  return uv_stream_get_write_queue_size((const uv_stream_t *)&child->frames);
}

void p2p_evaluator_process_pause(struct p2p_evaluator_process *child) {
  if (!child->exited) uv_read_stop((uv_stream_t *)&child->frames);
}

void p2p_evaluator_process_resume(struct p2p_evaluator_process *child) {
  if (child->exited || child->frames_ended || child->freed) return;
  uv_read_start((uv_stream_t *)&child->frames, on_alloc,
                on_read); /* already reading: an error that says so */
}

void p2p_evaluator_process_interrupt(struct p2p_evaluator_process *child) {
  if (!child->exited) p2p_process_signal(child->process, SIGINT);
}

void p2p_evaluator_process_kill(struct p2p_evaluator_process *child) {
  if (child->exited) return;
  p2p_process_signal(child->process, SIGKILL);
  p2p_process_expect_end(child->process);
}

void p2p_evaluator_process_free(struct p2p_evaluator_process *child) {
  if (child == NULL || child->freed) return;
  child->freed = true;
  close_all(child);
}

void p2p_evaluator_process_describe_end(int exit_status, int term_signal, char *out, size_t size) {
  static const struct {
    int number;
    const char *name;
  } names[] = {
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
      {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
      {SIGKILL, "SIGKILL"}, {SIGSEGV, "SIGSEGV"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},
      {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};
  if (term_signal <= 0) {
    if (exit_status == P2P_PROCESS_UNKNOWN)
      snprintf(out, size, "an exit status that the system did not tell");
    else
      snprintf(out, size, "exit status %d", exit_status);
    return;
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].number != term_signal) continue;
    snprintf(out, size, "signal %d (%s)", term_signal, names[i].name);
    return;
  }
  snprintf(out, size, "signal %d", term_signal);
}
