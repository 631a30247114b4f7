/* A child process with three pipes. Its end is reported after its output. */
#include "proc/pipe_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proc/process.h"

/* After its exit, or the end of its output, how long to wait for the other: a grandchild may keep
 * the pipes open, or the process may run on without them. */
#define GRACE_MS 500
#define HANDLES 4
#define CHUNK 32768

struct p2p_pipe_process {
  struct p2p_process *process;
  uv_pipe_t in, out, err;
  uv_timer_t grace;
  int open_handles, open_outputs;
  struct p2p_pipe_process_callbacks callbacks;
  void *arg;
  int exit_status;
  bool exited, reported;
  bool is_overdue; /* the grace is over; the pipes are read once more */
  bool freed;      /* no more callbacks; the memory stays until libuv has closed the handles */
  char errors[P2P_PIPE_PROCESS_ERRORS_MAX];
  size_t n_errors;
  char chunk[CHUNK];
};

struct message {
  uv_write_t request;
  char bytes[];
};

static void on_closed(uv_handle_t *handle) {
  struct p2p_pipe_process *piped = handle->data;
  if (--piped->open_handles == 0) free(piped);
}

static void close_all(struct p2p_pipe_process *piped) {
  p2p_process_free(piped->process);
  uv_close((uv_handle_t *)&piped->in, on_closed);
  uv_close((uv_handle_t *)&piped->out, on_closed);
  uv_close((uv_handle_t *)&piped->err, on_closed);
  uv_close((uv_handle_t *)&piped->grace, on_closed);
}

static void report_end(struct p2p_pipe_process *piped) {
  if (piped->reported) return;
  piped->reported = true;
  uv_timer_stop(&piped->grace);
  piped->callbacks.on_end(piped->arg, piped->exit_status, piped->errors);
}

/* If we were stopped meanwhile, output may wait in the kernel: it is read before the timer runs
 * again. */
static void on_grace(uv_timer_t *timer) {
  struct p2p_pipe_process *piped = timer->data;
  if (!piped->is_overdue) {
    piped->is_overdue = true;
    uv_timer_start(timer, on_grace, 1, 0);
    return;
  }
  if (!piped->exited) p2p_process_signal(piped->process, SIGKILL);
  report_end(piped);
}

static void check_end(struct p2p_pipe_process *piped) {
  if (piped->exited && piped->open_outputs == 0) {
    report_end(piped);
  } else if (piped->exited || piped->open_outputs == 0) {
    uv_timer_start(&piped->grace, on_grace, GRACE_MS, 0);
    p2p_process_expect_end(piped->process);
  }
}

static void on_process_end(void *arg, int exit_status, int term_signal) {
  struct p2p_pipe_process *piped = arg;
  piped->exited = true;
  piped->exit_status = term_signal > 0 ? -1 : exit_status;
  check_end(piped);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct p2p_pipe_process *piped = handle->data;
  (void)suggested;
  *out = uv_buf_init(piped->chunk, sizeof piped->chunk);
}

static void keep_errors(struct p2p_pipe_process *piped, const char *bytes, size_t length) {
  size_t room = sizeof piped->errors - 1 - piped->n_errors;
  if (length > room) length = room;
  memcpy(piped->errors + piped->n_errors, bytes, length);
  piped->n_errors += length;
  piped->errors[piped->n_errors] = '\0';
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *chunk) {
  struct p2p_pipe_process *piped = stream->data;
  if (length == 0 || piped->freed) return;
  if (length < 0) {
    uv_read_stop(stream);
    piped->open_outputs--;
    check_end(piped);
  } else if (stream == (uv_stream_t *)&piped->err) {
    keep_errors(piped, chunk->base, (size_t)length);
  } else {
    piped->callbacks.on_output(piped->arg, chunk->base, (size_t)length);
  }
}

static int spawn(struct p2p_pipe_process *piped, uv_loop_t *loop, const char *const *argv) {
  uv_stdio_container_t stdio[3] = {
      {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&piped->in},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&piped->out},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&piped->err}};
  uv_process_options_t options = {
      .file = argv[0], .args = (char **)argv, .stdio = stdio, .stdio_count = 3};
  int bad = p2p_process_spawn(loop, &options, on_process_end, piped, &piped->process);
#ifdef F_SETNOSIGPIPE /* macOS sends SIGPIPE to the process, not to the thread that writes */
  uv_os_fd_t in;
  if (bad == 0 && uv_fileno((uv_handle_t *)&piped->in, &in) == 0)
    (void)fcntl(in, F_SETNOSIGPIPE, 1);
#endif
  return bad;
}

int p2p_pipe_process_spawn(struct uv_loop_s *loop, const char *const *argv,
                           const struct p2p_pipe_process_callbacks *callbacks, void *arg,
                           struct p2p_pipe_process **out, struct p2p_err *err) {
  struct p2p_pipe_process *piped = calloc(1, sizeof *piped);
  if (piped == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  piped->callbacks = *callbacks;
  piped->arg = arg;
  piped->exit_status = -1;
  piped->open_handles = HANDLES;
  piped->open_outputs = 2;
  uv_pipe_init(loop, &piped->in, 0);
  uv_pipe_init(loop, &piped->out, 0);
  uv_pipe_init(loop, &piped->err, 0);
  uv_timer_init(loop, &piped->grace);
  piped->in.data = piped->out.data = piped->err.data = piped->grace.data = piped;
  int bad = spawn(piped, loop, argv);
  if (bad != 0) {
    close_all(piped);
    p2p_err_set(err, P2P_ERR_SYSTEM, "cannot start '%s': %s", argv[0], uv_strerror(bad));
    return p2p_err_of_limit(err, -bad, P2P_ERR_SYSTEM);
  }
  uv_read_start((uv_stream_t *)&piped->out, on_alloc, on_read);
  uv_read_start((uv_stream_t *)&piped->err, on_alloc, on_read);
  *out = piped;
  return P2P_OK;
}

static void on_written(uv_write_t *request, int status) {
  (void)status; /* a broken pipe is reported as the end of the process */
  free(request);
}

int p2p_pipe_process_write(struct p2p_pipe_process *piped, const void *bytes, size_t length) {
  if (piped->exited || piped->reported || piped->freed) return P2P_ERR_CLOSED;
  if (uv_stream_get_write_queue_size((uv_stream_t *)&piped->in) + length >
      P2P_PIPE_PROCESS_QUEUE_MAX)
    return P2P_ERR_TOO_LARGE;
  struct message *message = malloc(sizeof *message + length);
  if (message == NULL) return P2P_ERR_MEMORY;
  memcpy(message->bytes, bytes, length);
  uv_buf_t part = uv_buf_init(message->bytes, (unsigned)length);
  if (uv_write(&message->request, (uv_stream_t *)&piped->in, &part, 1, on_written) == 0)
    return P2P_OK;
  free(message);
  return P2P_ERR_CLOSED;
}

void p2p_pipe_process_free(struct p2p_pipe_process *piped) {
  if (piped == NULL || piped->freed) return;
  piped->freed = true;
  close_all(piped);
}
