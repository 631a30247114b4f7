/* The evaluator's end of the frames. */
#include "worker/evaluator_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/unix_socket.h"
#include "proc/memory_limit.h"
#include "proc/process.h"
#include "protocol/evaluator_hello.h"
#include "protocol/task_header.h"
#include "worker/evaluator_process.h"
#include "worker/lifeline.h"

struct p2p_evaluator_channel {
  struct p2p_lifeline lifeline;
  pid_t owner;       /* forks of this process have no watcher, and no part in the frames */
  sigset_t old_mask; /* of the thread that opened the channel */
  /* The task that was announced last, and is being received. */
  bool has_task, is_canceled, has_result;
  uint32_t task;
  uint64_t size; /* of its object */
  struct p2p_given given;
  struct p2p_task_parts parts;
  uint32_t needed, stored; /* of these: those that are to come; those that come first */
  bool waits;              /* for p2p_evaluator_channel_need(), and the reply to that */
  uint64_t missing;        /* bytes of what is being read that were not read */
  size_t payload_left;     /* of the DATA frame that was begun */
  size_t start, end;       /* what was received and not read: */
  uint8_t in[P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX];
};

static void mask_interrupts(int how, sigset_t *before) {
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(how, &interrupt, before);
}

static bool is_socket(int fd) {
  int type;
  socklen_t length = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

/* Returns 0 or an errno. */
static int set_up(struct p2p_evaluator_channel *channel) {
  if (fcntl(P2P_EVALUATOR_PROCESS_FD_FRAMES, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(P2P_EVALUATOR_PROCESS_FD_LIFELINE, F_SETFD, FD_CLOEXEC) != 0)
    return errno;
  p2p_unix_socket_no_sigpipe(P2P_EVALUATOR_PROCESS_FD_FRAMES);
  channel->owner = getpid();
  return p2p_lifeline_watch(&channel->lifeline, P2P_EVALUATOR_PROCESS_FD_LIFELINE);
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

void p2p_evaluator_channel_free(struct p2p_evaluator_channel *channel) {
  if (channel == NULL) return;
  p2p_lifeline_end(&channel->lifeline, channel->owner != getpid());
  close(P2P_EVALUATOR_PROCESS_FD_FRAMES);
  pthread_sigmask(SIG_SETMASK, &channel->old_mask, NULL);
  free(channel);
}

static bool is_fork(const struct p2p_evaluator_channel *channel) {
  return channel->owner != getpid();
}

/* ---- Reading: what is long goes to where it belongs, the rest by way of `in` ---- */

static size_t received(const struct p2p_evaluator_channel *channel) {
  return channel->end - channel->start;
}

/* Receives once, at first to `out`, then to `in`, of which at most `in_max` bytes. With
 * MSG_DONTWAIT only what has arrived. P2P_ERR_CLOSED at the end of the stream or after a reset.
 * Otherwise how many bytes went to `out`. */
static long receive(struct p2p_evaluator_channel *channel, void *out, size_t length, size_t in_max,
                    int flags) {
  struct iovec parts[2] = {{out, length}, {channel->in + channel->end, in_max}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  ssize_t n;
  if (is_fork(channel)) return P2P_ERR_INVALID;
  do n = recvmsg(P2P_EVALUATOR_PROCESS_FD_FRAMES, &message, flags);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  if (n <= 0) return P2P_ERR_CLOSED;
  size_t to_out = (size_t)n < length ? (size_t)n : length;
  channel->end += (size_t)n - to_out;
  return (long)to_out;
}

/* Receives once to `in`, which has less than a frame. */
static int fill(struct p2p_evaluator_channel *channel, int flags) {
  if (channel->start > 0) {
    memmove(channel->in, channel->in + channel->start, received(channel));
    channel->end -= channel->start;
    channel->start = 0;
  }
  return (int)receive(channel, NULL, 0, sizeof channel->in - channel->end, flags);
}

/* Receives until `in` has so many bytes. */
static int await(struct p2p_evaluator_channel *channel, size_t length) {
  int code = P2P_OK;
  while (code == P2P_OK && received(channel) < length) code = fill(channel, 0);
  return code;
}

/* A SIGINT that is pending when a task arrives was sent for an earlier task. POSIX discards pending
 * signals when they become ignored (sigaction). */
static void discard_interrupts(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  if (sigaction(SIGINT, &ignore, &before) == 0) sigaction(SIGINT, &before, NULL);
}

static int on_task(struct p2p_evaluator_channel *channel, const struct p2p_frame *frame) {
  struct p2p_task_header header;
  if (channel->has_task || p2p_task_header_read(frame->payload, frame->length, &header) != P2P_OK)
    return P2P_ERR_PROTOCOL;
  discard_interrupts();
  channel->has_task = true;
  channel->is_canceled = false;
  channel->task = frame->task;
  channel->size = channel->missing = header.size; /* the supervisor has checked it */
  channel->parts = header.parts;
  channel->needed = channel->stored = 0;
  channel->waits = header.parts.n > 0;
  return P2P_OK;
}

static int on_frame(struct p2p_evaluator_channel *channel, const struct p2p_frame *frame) {
  static const char why[] = "was interrupted before the evaluation started";
  if (frame->type == P2P_FRAME_TASK) return on_task(channel, frame);
  if (frame->type == P2P_FRAME_REQUEST)
    return p2p_given_read(frame->payload, frame->length, &channel->given);
  bool is_current = channel->has_task && !channel->is_canceled && frame->task == channel->task;
  if (frame->type == P2P_FRAME_NEED && is_current) {
    channel->waits = false;
    return p2p_need_read(frame->payload, frame->length, channel->parts.n, &channel->stored);
  }
  if (frame->type != P2P_FRAME_CANCEL || !is_current)
    return P2P_OK; /* of a task that has ended or was refused */
  channel->is_canceled = true;
  return p2p_evaluator_channel_send(channel, P2P_FRAME_LOST, channel->task, why, sizeof why - 1);
}

/* Begins the frame whose header has been received: of a DATA frame of the task, the payload is what
 * comes next, and others are handled. */
static int begin_frame(struct p2p_evaluator_channel *channel) {
  struct p2p_frame frame;
  int code = p2p_frame_read_header(channel->in + channel->start, &frame);
  if (code != P2P_OK) return P2P_ERR_PROTOCOL;
  if (frame.type == P2P_FRAME_DATA && channel->has_task && !channel->is_canceled &&
      frame.task == channel->task) {
    if (frame.length > channel->missing) return P2P_ERR_PROTOCOL;
    channel->start += P2P_FRAME_HEADER_LEN;
    channel->payload_left = frame.length;
    return P2P_OK;
  }
  if ((code = await(channel, P2P_FRAME_HEADER_LEN + frame.length)) != P2P_OK) return code;
  frame.payload = channel->in + channel->start + P2P_FRAME_HEADER_LEN;
  code = on_frame(channel, &frame);
  channel->start += P2P_FRAME_HEADER_LEN + frame.length;
  return code;
}

static int next_frame(struct p2p_evaluator_channel *channel) {
  int code = await(channel, P2P_FRAME_HEADER_LEN);
  return code != P2P_OK ? code : begin_frame(channel);
}

/* Waits for bytes of the object. */
static int await_payload(struct p2p_evaluator_channel *channel) {
  int code = P2P_OK;
  while (code == P2P_OK && channel->payload_left == 0) {
    if (channel->is_canceled) return P2P_ERR_CANCELED;
    if (channel->missing == 0 || channel->waits) return P2P_ERR_INVALID;
    code = next_frame(channel);
  }
  return code;
}

static long take(struct p2p_evaluator_channel *channel, size_t length) {
  channel->payload_left -= length;
  channel->missing -= length;
  return (long)length;
}

long p2p_evaluator_channel_span(struct p2p_evaluator_channel *channel, const uint8_t **bytes) {
  int code = await_payload(channel);
  if (code == P2P_OK) code = await(channel, 1);
  if (code != P2P_OK) return code;
  size_t length = received(channel);
  if (length > channel->payload_left) length = channel->payload_left;
  *bytes = channel->in + channel->start;
  channel->start += length;
  return take(channel, length);
}

long p2p_evaluator_channel_read(struct p2p_evaluator_channel *channel, void *out, size_t length) {
  const uint8_t *bytes;
  int code = await_payload(channel);
  if (code != P2P_OK) return code;
  if (length > channel->payload_left) length = channel->payload_left;
  if (received(channel) > 0) {
    if (length > received(channel)) length = received(channel);
    bytes = channel->in + channel->start;
    memcpy(out, bytes, length);
    channel->start += length;
    return take(channel, length);
  }
  channel->start = channel->end = 0;
  /* After the payload comes a header. */
  long got =
      receive(channel, out, length, length == channel->payload_left ? P2P_FRAME_HEADER_LEN : 0, 0);
  return got < 0 ? got : take(channel, (size_t)got);
}

const struct p2p_given *p2p_evaluator_channel_given(const struct p2p_evaluator_channel *channel) {
  return &channel->given;
}

const struct p2p_task_parts *p2p_evaluator_channel_parts(
    const struct p2p_evaluator_channel *channel) {
  return &channel->parts;
}

int p2p_evaluator_channel_next_part(const struct p2p_evaluator_channel *channel) {
  uint32_t stored = channel->needed & channel->stored;
  return p2p_part_first(stored != 0 ? stored : channel->needed);
}

/* The next one of the needed parts; else the object. */
static void begin_object(struct p2p_evaluator_channel *channel) {
  int i = p2p_evaluator_channel_next_part(channel);
  channel->missing = i >= 0 ? channel->parts.list[i].size : channel->size;
}

int p2p_evaluator_channel_need(struct p2p_evaluator_channel *channel, uint32_t needed) {
  uint8_t payload[P2P_NEED_LEN];
  if (!channel->waits || channel->is_canceled) return P2P_OK;
  channel->needed = needed;
  channel->waits = needed != 0;
  p2p_need_write(needed, payload);
  int code =
      p2p_evaluator_channel_send(channel, P2P_FRAME_NEED, channel->task, payload, sizeof payload);
  while (code == P2P_OK && channel->waits && !channel->is_canceled) code = next_frame(channel);
  channel->waits = false;
  begin_object(channel);
  return code;
}

bool p2p_evaluator_channel_end_part(struct p2p_evaluator_channel *channel) {
  int i = p2p_evaluator_channel_next_part(channel);
  if (i < 0 || channel->missing > 0) return false;
  channel->needed &= ~(UINT32_C(1) << i);
  begin_object(channel);
  return true;
}

static int next_error(int code, struct p2p_err *err) {
  switch (code) {
  case P2P_ERR_CLOSED: return p2p_err_set(err, code, "the supervisor has closed the channel");
  case P2P_ERR_INVALID:
    return p2p_err_set(err, code, "this process is a fork, which has no part in the channel");
  default: return p2p_err_set(err, P2P_ERR_PROTOCOL, "the supervisor sent a malformed frame");
  }
}

bool p2p_evaluator_channel_wait(const struct p2p_evaluator_channel *channel, int timeout_ms) {
  struct pollfd frames = {.fd = P2P_EVALUATOR_PROCESS_FD_FRAMES, .events = POLLIN};
  int n;
  if (received(channel) > 0) return true;
  do n = poll(&frames, 1, timeout_ms);
  while (n < 0 && errno == EINTR);
  return n != 0;
}

int p2p_evaluator_channel_next(struct p2p_evaluator_channel *channel, uint32_t *task,
                               uint64_t *size, struct p2p_err *err) {
  int code = P2P_OK;
  mask_interrupts(SIG_BLOCK, NULL); /* the last task may have failed without a RESULT */
  channel->has_task = channel->has_result = false;
  channel->given = (struct p2p_given){.amounts = {0}};
  while (code == P2P_OK && !channel->has_task) code = next_frame(channel);
  if (code != P2P_OK) return next_error(code, err);
  *task = channel->task;
  *size = channel->missing;
  return P2P_OK;
}

/* The frames that have arrived: a CANCEL may be among them. */
static int look_ahead(struct p2p_evaluator_channel *channel) {
  int code = received(channel) < P2P_FRAME_HEADER_LEN ? fill(channel, MSG_DONTWAIT) : P2P_OK;
  while (code == P2P_OK && !channel->is_canceled && received(channel) >= P2P_FRAME_HEADER_LEN)
    code = begin_frame(channel);
  return code;
}

int p2p_evaluator_channel_begin(struct p2p_evaluator_channel *channel) {
  const uint8_t *rest;
  long code = P2P_OK;
  if (channel->waits) code = p2p_evaluator_channel_need(channel, 0);
  while (code >= 0 && !channel->is_canceled &&
         (channel->missing > 0 || p2p_evaluator_channel_end_part(channel)))
    if (channel->missing > 0) code = p2p_evaluator_channel_span(channel, &rest);
  if (code >= 0 && !channel->is_canceled) code = look_ahead(channel);
  channel->payload_left = 0;
  if (channel->is_canceled) return P2P_ERR_CANCELED;
  if (code >= 0) mask_interrupts(SIG_UNBLOCK, NULL);
  return code >= 0 ? P2P_OK : (int)code;
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
  uint8_t header[P2P_FRAME_HEADER_LEN];
  struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)payload, length}};
  if (is_fork(channel)) return P2P_ERR_INVALID;
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

int p2p_evaluator_channel_send_result(struct p2p_evaluator_channel *channel, uint32_t task,
                                      uint64_t size, const void *bytes, size_t length) {
  uint8_t head[P2P_FRAME_HEADER_LEN + P2P_SIZE_HEADER_LEN + P2P_FRAME_HEADER_LEN];
  uint8_t *data = head + sizeof head - P2P_FRAME_HEADER_LEN;
  size_t head_length = length > 0 ? sizeof head : sizeof head - P2P_FRAME_HEADER_LEN;
  struct iovec parts[2] = {{head, head_length}, {(void *)(uintptr_t)bytes, length}};
  if (is_fork(channel)) return P2P_ERR_INVALID;
  if (length > P2P_FRAME_PAYLOAD_MAX) return P2P_ERR_TOO_LARGE;
  mask_interrupts(SIG_BLOCK, NULL);
  channel->has_result = true;
  p2p_frame_write_header(P2P_FRAME_RESULT, task, P2P_SIZE_HEADER_LEN, head);
  p2p_size_header_write(size, head + P2P_FRAME_HEADER_LEN);
  p2p_frame_write_header(P2P_FRAME_DATA, task, (uint32_t)length, data);
  return send_all(parts, length > 0 ? 2 : 1);
}

bool p2p_evaluator_channel_has_result(const struct p2p_evaluator_channel *channel) {
  return channel->has_result;
}
