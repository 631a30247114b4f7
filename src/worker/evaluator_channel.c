/* The evaluator's end of the pipe. Speaks TASK, DATA and CANCEL inwards, everything that the caller
 * sends outwards, and watches the lifeline on a thread of its own, since R may be busy for hours
 * when the supervisor dies. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif
#include "worker/evaluator_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/object_header.h"
#include "worker/evaluator_process.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE instead */
#endif

struct p2p_evaluator_channel {
  pthread_t watcher;
  pid_t owner;     /* the watcher exists in this process only, not in forks of it */
  int stop[2];     /* a byte in this pipe ends the watcher */
  sigset_t before; /* the caller's signal mask */
  struct p2p_buf in;
  /* The task that arrives, while object != NULL. */
  struct p2p_blob *object;
  uint32_t task;
  uint64_t size;
};

/* On the watcher's thread. */
static void *watch(void *arg) {
  struct p2p_evaluator_channel *pipe = arg;
  struct pollfd fds[2] = {{.fd = P2P_EVALUATOR_PROCESS_FD_LIFELINE, .events = POLLIN},
                          {.fd = pipe->stop[0], .events = POLLIN}};
  for (;;) {
    char byte;
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return NULL;
    if (read(P2P_EVALUATOR_PROCESS_FD_LIFELINE, &byte, 1) <= 0) kill(0, SIGKILL);
  }
}

static void hold_interrupts(int how, sigset_t *before) {
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(how, &interrupt, before);
}

static int start_watcher(struct p2p_evaluator_channel *pipe) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the thread */
  int code = pthread_create(&pipe->watcher, NULL, watch, pipe);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

static bool is_socket(int fd) {
  int type;
  socklen_t length = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

static int set_cloexec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

static int open_pipe(int fds[2]) {
#ifdef __linux__
  return pipe2(fds, O_CLOEXEC);
#else
  if (pipe(fds) != 0) return -1;
  if (set_cloexec(fds[0]) == 0 && set_cloexec(fds[1]) == 0) return 0;
  close(fds[0]);
  close(fds[1]);
  return -1;
#endif
}

/* Returns 0 or an errno. */
static int set_up(struct p2p_evaluator_channel *pipe) {
  if (set_cloexec(P2P_EVALUATOR_PROCESS_FD_FRAMES) != 0 ||
      set_cloexec(P2P_EVALUATOR_PROCESS_FD_LIFELINE) != 0 || open_pipe(pipe->stop) != 0)
    return errno;
#ifdef SO_NOSIGPIPE
  setsockopt(P2P_EVALUATOR_PROCESS_FD_FRAMES, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
  pipe->owner = getpid();
  p2p_buf_init(&pipe->in, 2 * (P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX));
  int code = start_watcher(pipe);
  if (code != 0) {
    close(pipe->stop[0]);
    close(pipe->stop[1]);
  }
  return code;
}

int p2p_evaluator_channel_open(struct p2p_evaluator_channel **out, struct p2p_err *err) {
  if (!is_socket(P2P_EVALUATOR_PROCESS_FD_FRAMES) ||
      !is_socket(P2P_EVALUATOR_PROCESS_FD_LIFELINE) || getpgrp() != getpid())
    return p2p_err_because(
        err, "not_an_evaluator",
        p2p_err_set(err, P2P_ERR_SYSTEM, "this process was not started by a worker"));
  struct p2p_evaluator_channel *pipe = calloc(1, sizeof *pipe);
  if (pipe == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  int code = set_up(pipe);
  if (code != 0) {
    free(pipe);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot set up the channel to the supervisor: %s",
                       strerror(code));
  }
  hold_interrupts(SIG_BLOCK, &pipe->before);
  *out = pipe;
  return P2P_OK;
}

/* A byte, not the end of the pipe: forks of the evaluator (parallel::mcparallel) hold it open. */
static void stop_watcher(struct p2p_evaluator_channel *pipe) {
  ssize_t sent;
  do sent = write(pipe->stop[1], "", 1);
  while (sent < 0 && errno == EINTR);
  if (sent == 1) pthread_join(pipe->watcher, NULL);
}

void p2p_evaluator_channel_free(struct p2p_evaluator_channel *pipe) {
  if (pipe == NULL) return;
  if (pipe->owner == getpid()) stop_watcher(pipe);
  close(pipe->stop[0]);
  close(pipe->stop[1]);
  close(P2P_EVALUATOR_PROCESS_FD_FRAMES);
  close(P2P_EVALUATOR_PROCESS_FD_LIFELINE);
  pthread_sigmask(SIG_SETMASK, &pipe->before, NULL);
  p2p_blob_free(pipe->object);
  p2p_buf_clear(&pipe->in);
  free(pipe);
}

/* One read; with MSG_DONTWAIT only what is there. P2P_ERR_CLOSED at the end and for a connection
 * that was reset. */
static int fill(struct p2p_evaluator_channel *pipe, int flags) {
  char chunk[P2P_FRAME_PAYLOAD_MAX];
  ssize_t length;
  do length = recv(P2P_EVALUATOR_PROCESS_FD_FRAMES, chunk, sizeof chunk, flags);
  while (length < 0 && errno == EINTR);
  if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return P2P_OK;
  if (length <= 0) return P2P_ERR_CLOSED;
  return p2p_buf_put(&pipe->in, chunk, (size_t)length);
}

static void drop_task(struct p2p_evaluator_channel *pipe) {
  p2p_blob_free(pipe->object);
  pipe->object = NULL;
}

/* A SIGINT that is pending when a task begins was meant for one before it: the supervisor had sent
 * it earlier. What is pending is discarded when a signal becomes ignored (POSIX, sigaction). */
static void discard_interrupts(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  if (sigaction(SIGINT, &ignore, &before) == 0) sigaction(SIGINT, &before, NULL);
}

/* The task will not be evaluated; what still comes of it is read over. */
static int refuse_task(struct p2p_evaluator_channel *pipe, const char *why) {
  drop_task(pipe);
  return p2p_evaluator_channel_send(pipe, P2P_FRAME_LOST, pipe->task, why, strlen(why));
}

static int refuse_size(struct p2p_evaluator_channel *pipe) {
  return refuse_task(pipe, "has not the memory that the future itself needs, and gave it up");
}

static int begin_task(struct p2p_evaluator_channel *pipe, const struct p2p_frame *frame) {
  struct p2p_task_header header;
  if (pipe->object != NULL ||
      p2p_task_header_read(frame->payload, frame->length, &header) != P2P_OK)
    return P2P_ERR_PROTOCOL;
  discard_interrupts();
  pipe->size = header.size;
  pipe->task = frame->task;
  pipe->object = p2p_blob_new(pipe->size); /* the supervisor has checked the size against its cap */
  return pipe->object == NULL ? refuse_size(pipe) : P2P_OK;
}

static int take_data(struct p2p_evaluator_channel *pipe, const struct p2p_frame *frame) {
  int code = p2p_blob_append(pipe->object, frame->payload, frame->length);
  return code == P2P_ERR_MEMORY ? refuse_size(pipe) : code;
}

static int take_frame(struct p2p_evaluator_channel *pipe, const struct p2p_frame *frame) {
  if (frame->type == P2P_FRAME_TASK) return begin_task(pipe, frame);
  if (pipe->object == NULL || frame->task != pipe->task)
    return P2P_OK; /* too late: that task is over */
  if (frame->type == P2P_FRAME_CANCEL)
    return refuse_task(pipe, "was interrupted before it had begun");
  if (frame->type == P2P_FRAME_DATA) return take_data(pipe, frame);
  return P2P_OK;
}

static bool is_whole(const struct p2p_evaluator_channel *pipe) {
  return pipe->object != NULL && p2p_blob_size(pipe->object) == pipe->size;
}

/* Takes the frames that are there. */
static int take_frames(struct p2p_evaluator_channel *pipe) {
  struct p2p_frame frame;
  long used;
  while ((used = p2p_frame_get(p2p_buf_data(&pipe->in), p2p_buf_len(&pipe->in), &frame)) > 0) {
    int code = take_frame(pipe, &frame);
    p2p_buf_consume(&pipe->in, (size_t)used);
    if (code != P2P_OK) return code;
  }
  return (int)used;
}

static int read_task(struct p2p_evaluator_channel *pipe) {
  int code = take_frames(pipe);
  while (code == P2P_OK && !is_whole(pipe)) {
    code = fill(pipe, 0);
    if (code == P2P_OK) code = take_frames(pipe);
    if (code != P2P_OK || !is_whole(pipe)) continue;
    /* Whole; but perhaps cancelled meanwhile. */
    code = fill(pipe, MSG_DONTWAIT);
    if (code == P2P_OK) code = take_frames(pipe);
  }
  return code;
}

static int next_error(int code, struct p2p_err *err) {
  switch (code) {
  case P2P_ERR_CLOSED: return p2p_err_set(err, code, "The supervisor has closed the pipe");
  case P2P_ERR_MEMORY: return p2p_err_set(err, code, "Out of memory for the next future");
  default: return p2p_err_set(err, P2P_ERR_PROTOCOL, "The supervisor's frames cannot be read");
  }
}

int p2p_evaluator_channel_next(struct p2p_evaluator_channel *pipe, uint32_t *task,
                               struct p2p_blob **object, struct p2p_err *err) {
  hold_interrupts(SIG_BLOCK, NULL); /* the task before may have failed without a RESULT */
  int code = read_task(pipe);
  if (code != P2P_OK) return next_error(code, err);
  *task = pipe->task;
  *object = pipe->object;
  pipe->object = NULL;
  hold_interrupts(SIG_UNBLOCK, NULL);
  return P2P_OK;
}

/* send() rather than write(): no SIGPIPE when the supervisor is gone. */
static int send_all(const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = send(P2P_EVALUATOR_PROCESS_FD_FRAMES, bytes, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return P2P_ERR_CLOSED;
    bytes += sent;
    length -= (size_t)sent;
  }
  return P2P_OK;
}

int p2p_evaluator_channel_send(struct p2p_evaluator_channel *pipe, uint8_t type, uint32_t task,
                               const void *payload, size_t length) {
  (void)pipe;
  struct p2p_buf out;
  p2p_buf_init(&out, P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX);
  int code = p2p_frame_put(&out, type, task, payload, length);
  if (code == P2P_OK) code = send_all(p2p_buf_data(&out), p2p_buf_len(&out));
  p2p_buf_clear(&out);
  return code;
}

int p2p_evaluator_channel_send_object(struct p2p_evaluator_channel *pipe, uint8_t type,
                                      uint32_t task, const struct p2p_blob *object) {
  uint8_t header[P2P_OBJECT_HEADER_LEN];
  const uint8_t *bytes;
  size_t length;
  if (type == P2P_FRAME_RESULT) hold_interrupts(SIG_BLOCK, NULL);
  p2p_object_header_write(p2p_blob_size(object), header);
  int code = p2p_evaluator_channel_send(pipe, type, task, header, sizeof header);
  for (uint64_t offset = 0; code == P2P_OK && (length = p2p_blob_span(object, offset, &bytes)) > 0;
       offset += length) {
    if (length > P2P_FRAME_PAYLOAD_MAX) length = P2P_FRAME_PAYLOAD_MAX;
    code = p2p_evaluator_channel_send(pipe, P2P_FRAME_DATA, task, bytes, length);
  }
  return code;
}
