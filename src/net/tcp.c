/* An open TCP connection: bytes in and out, and its end. */
#include "net/tcp.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "net/address.h"
#include "net/timer.h"
#include "net/watch.h"

/* After a failed write: time to read what the peer sent before it closed, often the reason. */
#define LAST_READ_MS 100
#define KEEPALIVE_S 60

/* Lives until libuv has closed the handle, so that the connection can be freed at any time, within
 * its own callbacks too. */
struct socket {
  uv_tcp_t uv; /* first: the handle's address is that of the socket */
  uv_shutdown_t shutdown;
  struct p2p_tcp *tcp; /* NULL once the connection was freed or has another socket */
};

enum state {
  CONNECTING, /* a connector is at work, or nothing is */
  OPEN,       /* bytes go both ways */
  ENDING,     /* on_close is due; what the peer sent before is still read */
  FINISHING,  /* no callbacks: the queue is written, what is read is dropped */
  ENDED       /* on_close was called */
};

struct p2p_tcp {
  struct p2p_loop *loop;
  enum state state;
  struct p2p_tcp_callbacks callbacks;
  void *arg;
  struct socket *socket;   /* NULL before the first and after the end */
  struct p2p_timer *timer; /* states ENDING and FINISHING */
  struct p2p_err failure;  /* state ENDING */
  bool paused;             /* no reading */
  struct p2p_watch *end;   /* of end_fd, a duplicate: libuv polls its own for reading alone */
  int end_fd;
  bool has_sent_end;       /* state FINISHING: our last byte was written */
  bool has_received_end;   /* state FINISHING: the peer's last byte was read */
  void (*release)(void *); /* of the connector */
  void *connector;         /* state CONNECTING; may be NULL */
  char name[P2P_TCP_NAME_MAX];
};

struct write {
  uv_write_t uv;
  uint8_t bytes[];
};

/* --- sockets --- */

static void on_closed(uv_handle_t *handle) { free(handle); /* the struct socket */ }

static void stop_end_watch(struct p2p_tcp *tcp) {
  if (tcp->end == NULL) return;
  p2p_watch_free(tcp->end);
  tcp->end = NULL;
  close(tcp->end_fd);
}

static void drop_socket(struct p2p_tcp *tcp) {
  stop_end_watch(tcp);
  if (tcp->socket == NULL) return;
  tcp->socket->tcp = NULL;
  uv_close((uv_handle_t *)&tcp->socket->uv, on_closed);
  tcp->socket = NULL;
}

struct uv_tcp_s *p2p_tcp_new_socket(struct p2p_tcp *tcp) {
  drop_socket(tcp);
  struct socket *socket = calloc(1, sizeof *socket);
  if (socket == NULL) return NULL;
  uv_tcp_init(p2p_loop_uv(tcp->loop), &socket->uv); /* no descriptor yet: cannot fail */
  socket->uv.data = socket;
  socket->tcp = tcp;
  tcp->socket = socket;
  return &socket->uv;
}

struct uv_tcp_s *p2p_tcp_socket(const struct p2p_tcp *tcp) {
  return tcp->socket == NULL ? NULL : &tcp->socket->uv;
}

int p2p_tcp_fd(const struct p2p_tcp *tcp) {
  uv_os_fd_t fd;
  bool has_fd = tcp->socket != NULL && uv_fileno((const uv_handle_t *)&tcp->socket->uv, &fd) == 0;
  return has_fd ? fd : -1;
}

static uv_stream_t *stream_of(const struct p2p_tcp *tcp) { return (uv_stream_t *)&tcp->socket->uv; }

/* --- states --- */

/* The last callback. The owner may free `tcp` within it, and so the error is a copy. */
static void end(struct p2p_tcp *tcp) {
  struct p2p_err failure = tcp->failure;
  tcp->state = ENDED;
  p2p_timer_stop(tcp->timer);
  drop_socket(tcp);
  if (tcp->callbacks.on_close != NULL) tcp->callbacks.on_close(tcp->arg, &failure);
}

static void end_soon(struct p2p_tcp *tcp, uint64_t delay_ms) {
  tcp->state = ENDING;
  p2p_timer_start(tcp->timer, delay_ms, 0);
}

static void on_timer(void *arg) {
  struct p2p_tcp *tcp = arg;
  if (tcp->state == ENDING)
    end(tcp);
  else if (tcp->state == FINISHING)
    p2p_tcp_free(tcp);
}

struct p2p_tcp *p2p_tcp_new(struct p2p_loop *loop, const char *name) {
  struct p2p_tcp *tcp = calloc(1, sizeof *tcp);
  if (tcp == NULL) return NULL;
  tcp->timer = p2p_timer_new(loop, on_timer, tcp);
  if (tcp->timer == NULL) {
    free(tcp);
    return NULL;
  }
  tcp->loop = loop;
  tcp->state = CONNECTING;
  p2p_tcp_set_name(tcp, name);
  return tcp;
}

void p2p_tcp_set_name(struct p2p_tcp *tcp, const char *name) {
  snprintf(tcp->name, sizeof tcp->name, "%s", name);
}

void p2p_tcp_set_callbacks(struct p2p_tcp *tcp, const struct p2p_tcp_callbacks *callbacks,
                           void *arg) {
  tcp->callbacks = *callbacks;
  tcp->arg = arg;
}

void p2p_tcp_set_connector(struct p2p_tcp *tcp, void (*release)(void *connector), void *connector) {
  tcp->release = release;
  tcp->connector = connector;
}

void p2p_tcp_set_open(struct p2p_tcp *tcp) {
  tcp->connector = NULL;
  tcp->state = OPEN;
  uv_tcp_nodelay(&tcp->socket->uv, 1);
  uv_tcp_keepalive(&tcp->socket->uv, 1, KEEPALIVE_S);
  if (tcp->callbacks.on_close != NULL && !tcp->paused) p2p_tcp_resume(tcp);
}

void p2p_tcp_fail(struct p2p_tcp *tcp, const struct p2p_err *err) {
  tcp->connector = NULL;
  tcp->failure = *err;
  drop_socket(tcp);
  end_soon(tcp, 0);
}

int p2p_tcp_attach(struct p2p_tcp *tcp, const struct p2p_tcp_callbacks *callbacks, void *arg) {
  p2p_tcp_set_callbacks(tcp, callbacks, arg);
  p2p_tcp_resume(tcp);
  return tcp->state == ENDED ? P2P_ERR_CLOSED : P2P_OK;
}

/* --- reading --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  const struct socket *socket = handle->data;
  (void)suggested;
  *buffer = uv_buf_init(NULL, 0);
  if (socket->tcp != NULL) buffer->base = p2p_loop_read_buffer(socket->tcp->loop, &buffer->len);
}

static void free_if_both_ended(struct p2p_tcp *tcp) {
  if (tcp->has_sent_end && tcp->has_received_end) p2p_tcp_free(tcp);
}

static void on_read_end(struct p2p_tcp *tcp, int status) {
  if (tcp->state == FINISHING) {
    tcp->has_received_end = true;
    if (status != UV_EOF)
      p2p_tcp_free(tcp);
    else
      free_if_both_ended(tcp);
    return;
  }
  if (tcp->state == OPEN && status == UV_EOF)
    p2p_err_set(&tcp->failure, P2P_ERR_CLOSED, "the connection to %s was closed by the other side",
                tcp->name);
  else if (tcp->state == OPEN)
    p2p_err_set(&tcp->failure, P2P_ERR_NETWORK, "the connection to %s was lost: %s", tcp->name,
                uv_strerror(status));
  end(tcp);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
  struct socket *socket = stream->data;
  struct p2p_tcp *tcp = socket->tcp;
  if (tcp == NULL || n == 0) return;
  if (n < 0)
    on_read_end(tcp, (int)n);
  else if (tcp->state != FINISHING && tcp->callbacks.on_data != NULL)
    tcp->callbacks.on_data(tcp->arg, (const uint8_t *)buffer->base, (size_t)n);
}

static void on_end(void *arg, bool readable, bool writable) {
  struct p2p_tcp *tcp = arg;
  (void)readable, (void)writable;
  on_read_end(tcp, UV_EOF);
}

/* Without memory or descriptors, the end is noticed later. */
static void start_end_watch(struct p2p_tcp *tcp) {
  uv_os_fd_t ours;
  if (tcp->end != NULL || uv_fileno((uv_handle_t *)&tcp->socket->uv, &ours) != 0) return;
  tcp->end_fd = fcntl(ours, F_DUPFD_CLOEXEC, 3);
  if (tcp->end_fd < 0) return;
  tcp->end = p2p_watch_new(tcp->loop, tcp->end_fd, on_end, tcp);
  if (tcp->end == NULL)
    close(tcp->end_fd);
  else if (p2p_watch_for_end(tcp->end) != P2P_OK)
    stop_end_watch(tcp);
}

void p2p_tcp_watch_end(struct p2p_tcp *tcp) {
  if (tcp->paused && tcp->state == OPEN) start_end_watch(tcp);
}

void p2p_tcp_pause(struct p2p_tcp *tcp) {
  tcp->paused = true;
  if (tcp->socket != NULL) uv_read_stop(stream_of(tcp));
}

void p2p_tcp_resume(struct p2p_tcp *tcp) {
  tcp->paused = false;
  stop_end_watch(tcp);
  if (tcp->state == OPEN) uv_read_start(stream_of(tcp), on_alloc, on_read);
}

/* --- writing --- */

static void fail_write(struct p2p_tcp *tcp, int code, const char *reason) {
  if (tcp->state != OPEN) return;
  p2p_err_set(&tcp->failure, code, "the connection to %s was lost: %s", tcp->name, reason);
  end_soon(tcp, LAST_READ_MS);
}

static void on_written(uv_write_t *request, int status) {
  struct socket *socket = request->data;
  free(request); /* the struct write */
  struct p2p_tcp *tcp = socket->tcp;
  if (tcp == NULL) return;
  if (status != 0)
    fail_write(tcp, P2P_ERR_NETWORK, uv_strerror(status));
  else if (tcp->state == OPEN && tcp->callbacks.on_drain != NULL &&
           p2p_tcp_queued(tcp) < P2P_TCP_LOW)
    tcp->callbacks.on_drain(tcp->arg);
}

static int queue_copy(struct p2p_tcp *tcp, const uint8_t *bytes, size_t length) {
  struct write *write = malloc(sizeof *write + length);
  if (write == NULL) {
    /* What was written before is on its way: without these bytes, nothing may follow it. */
    fail_write(tcp, P2P_ERR_MEMORY, "out of memory");
    return P2P_ERR_MEMORY;
  }
  memcpy(write->bytes, bytes, length);
  write->uv.data = tcp->socket;
  uv_buf_t buffer = uv_buf_init((char *)write->bytes, (unsigned)length);
  int bad = uv_write(&write->uv, stream_of(tcp), &buffer, 1, on_written);
  if (bad == 0) return P2P_OK;
  free(write);
  fail_write(tcp, P2P_ERR_NETWORK, uv_strerror(bad));
  return P2P_ERR_CLOSED;
}

int p2p_tcp_write(struct p2p_tcp *tcp, const void *bytes, size_t length) {
  if (tcp->state != OPEN) return P2P_ERR_CLOSED;
  if (length > UINT32_MAX) return P2P_ERR_TOO_LARGE;
  const uint8_t *rest = bytes;
  if (length > 0 && p2p_tcp_queued(tcp) == 0) {
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)length);
    int n = uv_try_write(stream_of(tcp), &buffer, 1);
    if (n < 0 && n != UV_EAGAIN) {
      fail_write(tcp, P2P_ERR_NETWORK, uv_strerror(n));
      return P2P_ERR_CLOSED;
    }
    if (n > 0) {
      rest += n;
      length -= (size_t)n;
    }
  }
  return length == 0 ? P2P_OK : queue_copy(tcp, rest, length);
}

size_t p2p_tcp_queued(const struct p2p_tcp *tcp) {
  return tcp->socket == NULL ? 0 : uv_stream_get_write_queue_size(stream_of(tcp));
}

/* --- names --- */

static int format_name(const struct p2p_tcp *tcp,
                       int (*get)(const uv_tcp_t *, struct sockaddr *, int *), char *out,
                       size_t size) {
  struct sockaddr_storage address;
  int length = sizeof address;
  if (tcp->socket == NULL || get(&tcp->socket->uv, (struct sockaddr *)&address, &length) != 0)
    return P2P_ERR_CLOSED;
  return p2p_address_format((struct sockaddr *)&address, out, size);
}

int p2p_tcp_peer_name(const struct p2p_tcp *tcp, char *out, size_t size) {
  return format_name(tcp, uv_tcp_getpeername, out, size);
}

int p2p_tcp_local_name(const struct p2p_tcp *tcp, char *out, size_t size) {
  return format_name(tcp, uv_tcp_getsockname, out, size);
}

/* --- the end --- */

/* libuv does not give its descriptor away: the caller gets a duplicate. */
int p2p_tcp_take_fd(struct p2p_tcp *tcp) {
  uv_os_fd_t ours;
  if (tcp->state != OPEN || uv_fileno((uv_handle_t *)&tcp->socket->uv, &ours) != 0)
    return P2P_ERR_INVALID;
  int fd = fcntl(ours, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return P2P_ERR_SYSTEM;
  p2p_tcp_free(tcp);
  return fd;
}

static void on_shut_down(uv_shutdown_t *request, int status) {
  struct socket *socket = request->data;
  struct p2p_tcp *tcp = socket->tcp;
  if (tcp == NULL) return;
  tcp->has_sent_end = true;
  if (status != 0)
    p2p_tcp_free(tcp);
  else
    free_if_both_ended(tcp);
}

/* A socket that is closed with unread bytes is reset, and the reset can overtake our last bytes. So
 * this closes our direction, and drops what still arrives until the peer has closed the other. */
void p2p_tcp_finish(struct p2p_tcp *tcp, uint32_t linger_ms) {
  if (tcp->state != OPEN) {
    p2p_tcp_free(tcp);
    return;
  }
  stop_end_watch(tcp);
  tcp->state = FINISHING;
  tcp->callbacks = (struct p2p_tcp_callbacks){0};
  tcp->socket->shutdown.data = tcp->socket;
  if (uv_shutdown(&tcp->socket->shutdown, stream_of(tcp), on_shut_down) != 0) {
    p2p_tcp_free(tcp);
    return;
  }
  uv_read_start(stream_of(tcp), on_alloc, on_read);
  p2p_timer_start(tcp->timer, linger_ms, 0);
}

void p2p_tcp_free(struct p2p_tcp *tcp) {
  if (tcp == NULL) return;
  if (tcp->connector != NULL) tcp->release(tcp->connector);
  drop_socket(tcp);
  p2p_timer_free(tcp->timer);
  free(tcp);
}
