/* The evaluator's end of the frames and of the lifeline. A thread watches the lifeline, since R may
 * be busy for hours when the supervisor dies. */
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
#include <sys/uio.h>
#include <unistd.h>

#include "proc/memory_limit.h"
#include "proc/process.h"
#include "protocol/evaluator_hello.h"
#include "protocol/task_header.h"
#include "worker/evaluator_process.h"

#include "base/pipe.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE instead */
#endif

struct p2p_evaluator_channel {
  pthread_t watcher;
  pid_t owner;       /* the watcher exists in this process only, not in forks of it */
  int stop[2];       /* a byte in this channel ends the watcher */
  sigset_t old_mask; /* of the thread that opened the channel */
  struct p2p_buf in;
  /* The task that is being received, while object is not NULL. */
  struct p2p_blob *object;
  uint32_t task;
  uint64_t size;
};

/* on the watcher's thread */
static void *watch(void *arg) {
  struct p2p_evaluator_channel *channel = arg;
  struct pollfd fds[2] = {{.fd = P2P_EVALUATOR_PROCESS_FD_LIFELINE, .events = POLLIN},
                          {.fd = channel->stop[0], .events = POLLIN}};
  for (;;) {
    char byte;
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return NULL;
    if (read(P2P_EVALUATOR_PROCESS_FD_LIFELINE, &byte, 1) <= 0) kill(0, SIGKILL);
  }
}

static void mask_interrupts(int how, sigset_t *before) {
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(how, &interrupt, before);
}

static int start_watcher(struct p2p_evaluator_channel *channel) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the thread */
  int code = pthread_create(&channel->watcher, NULL, watch, channel);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

static bool is_socket(int fd) {
  int type;
  socklen_t length = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

static int set_cloexec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

/* Returns 0 or an errno. */
static int set_up(struct p2p_evaluator_channel *channel) {
  if (set_cloexec(P2P_EVALUATOR_PROCESS_FD_FRAMES) != 0 ||
      set_cloexec(P2P_EVALUATOR_PROCESS_FD_LIFELINE) != 0 ||
      p2p_pipe_open(channel->stop, false, NULL) != P2P_OK)
    return errno;
#ifdef SO_NOSIGPIPE
  setsockopt(P2P_EVALUATOR_PROCESS_FD_FRAMES, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
  channel->owner = getpid();
  p2p_buf_init(&channel->in, 2 * (P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX));
  int code = start_watcher(channel);
  if (code != 0) {
    close(channel->stop[0]);
    close(channel->stop[1]);
  }
  return code;
}

int p2p_evaluator_channel_open(struct p2p_evaluator_channel **out, struct p2p_err *err) {
  if (!is_socket(P2P_EVALUATOR_PROCESS_FD_FRAMES) ||
      !is_socket(P2P_EVALUATOR_PROCESS_FD_LIFELINE) || (getpgrp() != getpid() && getpgrp() != 0))
    return p2p_err_because(
        err, "not_an_evaluator",
        p2p_err_set(err, P2P_ERR_SYSTEM, "this process was not started by a worker"));
  struct p2p_evaluator_channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  int code = set_up(channel);
  if (code != 0) {
    free(channel);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot set up the channel to the supervisor: %s",
                       strerror(code));
  }
  mask_interrupts(SIG_BLOCK, &channel->old_mask);
  *out = channel;
  return P2P_OK;
}

/* A byte, not the end of the channel: forks of the evaluator (parallel::mcparallel) hold it open.
 */
static void stop_watcher(struct p2p_evaluator_channel *channel) {
  ssize_t sent;
  do sent = write(channel->stop[1], "", 1);
  while (sent < 0 && errno == EINTR);
  if (sent == 1) pthread_join(channel->watcher, NULL);
}

void p2p_evaluator_channel_free(struct p2p_evaluator_channel *channel) {
  if (channel == NULL) return;
  if (channel->owner == getpid()) stop_watcher(channel);
  close(channel->stop[0]);
  close(channel->stop[1]);
  close(P2P_EVALUATOR_PROCESS_FD_FRAMES);
  close(P2P_EVALUATOR_PROCESS_FD_LIFELINE);
  pthread_sigmask(SIG_SETMASK, &channel->old_mask, NULL);
  p2p_blob_free(channel->object);
  p2p_buf_clear(&channel->in);
  free(channel);
}

/* Reads once; with MSG_DONTWAIT only what has arrived. P2P_ERR_CLOSED at the end of the stream or
 * after a reset. */
static int fill(struct p2p_evaluator_channel *channel, int flags) {
  char chunk[P2P_FRAME_PAYLOAD_MAX];
  ssize_t length;
  do length = recv(P2P_EVALUATOR_PROCESS_FD_FRAMES, chunk, sizeof chunk, flags);
  while (length < 0 && errno == EINTR);
  if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return P2P_OK;
  if (length <= 0) return P2P_ERR_CLOSED;
  return p2p_buf_put(&channel->in, chunk, (size_t)length);
}

static void drop_task(struct p2p_evaluator_channel *channel) {
  p2p_blob_free(channel->object);
  channel->object = NULL;
}

/* A SIGINT that is pending when a task arrives was sent for an earlier task. POSIX discards pending
 * signals when they become ignored (sigaction). */
static void discard_interrupts(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  if (sigaction(SIGINT, &ignore, &before) == 0) sigaction(SIGINT, &before, NULL);
}

/* Drops the task; the rest of its frames will be ignored. */
static int refuse_task(struct p2p_evaluator_channel *channel, const char *why) {
  drop_task(channel);
  return p2p_evaluator_channel_send(channel, P2P_FRAME_LOST, channel->task, why, strlen(why));
}

static int refuse_for_memory(struct p2p_evaluator_channel *channel) {
  return refuse_task(channel, "does not have enough memory for this future");
}

static int on_task(struct p2p_evaluator_channel *channel, const struct p2p_frame *frame) {
  struct p2p_task_header header;
  if (channel->object != NULL ||
      p2p_task_header_read(frame->payload, frame->length, &header) != P2P_OK)
    return P2P_ERR_PROTOCOL;
  discard_interrupts();
  channel->size = header.size;
  channel->task = frame->task;
  channel->object = p2p_blob_new(channel->size); /* the supervisor has checked the size */
  return channel->object == NULL ? refuse_for_memory(channel) : P2P_OK;
}

static int on_data(struct p2p_evaluator_channel *channel, const struct p2p_frame *frame) {
  int code = p2p_blob_append(channel->object, frame->payload, frame->length);
  return code == P2P_ERR_MEMORY ? refuse_for_memory(channel) : code;
}

static int on_frame(struct p2p_evaluator_channel *channel, const struct p2p_frame *frame) {
  if (frame->type == P2P_FRAME_TASK) return on_task(channel, frame);
  if (channel->object == NULL || frame->task != channel->task)
    return P2P_OK; /* of a task that has ended or was refused */
  if (frame->type == P2P_FRAME_CANCEL)
    return refuse_task(channel, "was interrupted before the evaluation started");
  if (frame->type == P2P_FRAME_DATA) return on_data(channel, frame);
  return P2P_OK;
}

static bool is_complete(const struct p2p_evaluator_channel *channel) {
  return channel->object != NULL && p2p_blob_size(channel->object) == channel->size;
}

/* Handles the frames that have arrived. */
static int parse_frames(struct p2p_evaluator_channel *channel) {
  struct p2p_frame frame;
  long used;
  while ((used = p2p_frame_get(p2p_buf_data(&channel->in), p2p_buf_len(&channel->in), &frame)) >
         0) {
    int code = on_frame(channel, &frame);
    p2p_buf_consume(&channel->in, (size_t)used);
    if (code != P2P_OK) return code;
  }
  return (int)used;
}

static int read_task(struct p2p_evaluator_channel *channel) {
  int code = parse_frames(channel);
  while (code == P2P_OK && !is_complete(channel)) {
    code = fill(channel, 0);
    if (code == P2P_OK) code = parse_frames(channel);
    if (code != P2P_OK || !is_complete(channel)) continue;
    /* Complete; a CANCEL may have arrived meanwhile. */
    code = fill(channel, MSG_DONTWAIT);
    if (code == P2P_OK) code = parse_frames(channel);
  }
  return code;
}

static int next_error(int code, struct p2p_err *err) {
  switch (code) {
  case P2P_ERR_CLOSED: return p2p_err_set(err, code, "the supervisor has closed the channel");
  case P2P_ERR_MEMORY: return p2p_err_set(err, code, "out of memory for the next future");
  default: return p2p_err_set(err, P2P_ERR_PROTOCOL, "the supervisor sent a malformed frame");
  }
}

int p2p_evaluator_channel_next(struct p2p_evaluator_channel *channel, uint32_t *task,
                               struct p2p_blob **object, struct p2p_err *err) {
  mask_interrupts(SIG_BLOCK, NULL); /* the last task may have failed without a RESULT */
  int code = read_task(channel);
  if (code != P2P_OK) return next_error(code, err);
  *task = channel->task;
  *object = channel->object;
  channel->object = NULL;
  mask_interrupts(SIG_UNBLOCK, NULL);
  return P2P_OK;
}

/* sendmsg() raises no SIGPIPE when the supervisor has closed its end. */
static int send_all(struct iovec *parts, size_t n_parts) {
  while (n_parts > 0) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = n_parts};
    ssize_t sent = sendmsg(P2P_EVALUATOR_PROCESS_FD_FRAMES, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return P2P_ERR_CLOSED;
    size_t left = (size_t)sent;
    for (; n_parts > 0 && left >= parts->iov_len; parts++, n_parts--) left -= parts->iov_len;
    if (n_parts == 0) break;
    parts->iov_base = (uint8_t *)parts->iov_base + left;
    parts->iov_len -= left;
  }
  return P2P_OK;
}

int p2p_evaluator_channel_send(struct p2p_evaluator_channel *channel, uint8_t type, uint32_t task,
                               const void *payload, size_t length) {
  (void)channel;
  uint8_t header[P2P_FRAME_HEADER_LEN];
  struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)payload, length}};
  if (length > P2P_FRAME_PAYLOAD_MAX) return P2P_ERR_TOO_LARGE;
  p2p_frame_write_header(type, task, (uint32_t)length, header);
  return send_all(parts, length > 0 ? 2 : 1);
}

int p2p_evaluator_channel_hello(struct p2p_evaluator_channel *channel, const char *text) {
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, STDERR_FILENO) < 0) return P2P_ERR_SYSTEM;
  close(null);
  char hello[P2P_EVALUATOR_HELLO_MAX];
  long length =
      p2p_evaluator_hello_write(p2p_process_own_peak_bytes(), p2p_memory_limit_used(), text, hello);
  if (length < 0) return (int)length;
  return p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, hello, (size_t)length);
}

int p2p_evaluator_channel_send_object(struct p2p_evaluator_channel *channel, uint8_t type,
                                      uint32_t task, const struct p2p_blob *object) {
  uint8_t header[P2P_SIZE_HEADER_LEN];
  const uint8_t *bytes;
  size_t length;
  if (type == P2P_FRAME_RESULT) mask_interrupts(SIG_BLOCK, NULL);
  p2p_size_header_write(p2p_blob_size(object), header);
  int code = p2p_evaluator_channel_send(channel, type, task, header, sizeof header);
  for (uint64_t offset = 0; code == P2P_OK && (length = p2p_blob_span(object, offset, &bytes)) > 0;
       offset += length) {
    if (length > P2P_FRAME_PAYLOAD_MAX) length = P2P_FRAME_PAYLOAD_MAX;
    code = p2p_evaluator_channel_send(channel, P2P_FRAME_DATA, task, bytes, length);
  }
  return code;
}
