/* An open connection: bytes in and out, and its end. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "net/tcp_private.h"

/* After a write failed: time for what the peer said before it went, often why. */
#define LAST_WORDS_MS 100
#define KEEPALIVE_S 60

struct write {
  uv_write_t uv;
  uint8_t bytes[];
};

static void on_closed(uv_handle_t *handle) { free(handle->data); }

void p2p_tcp_drop_socket(struct p2p_tcp *tcp) {
  if (tcp->socket == NULL) return;
  tcp->socket->tcp = NULL;
  uv_close((uv_handle_t *)&tcp->socket->uv, on_closed);
  tcp->socket = NULL;
}

int p2p_tcp_new_socket(struct p2p_tcp *tcp) {
  p2p_tcp_drop_socket(tcp);
  struct p2p_socket *socket = calloc(1, sizeof *socket);
  if (socket == NULL) return P2P_ERR_MEMORY;
  uv_tcp_init(p2p_loop_uv(tcp->loop), &socket->uv); /* no descriptor yet: cannot fail */
  socket->uv.data = socket;
  socket->tcp = tcp;
  tcp->socket = socket;
  return P2P_OK;
}

/* The last event. The owner may free `tcp` within it, so it is told from a copy. */
static void tell_end(struct p2p_tcp *tcp) {
  struct p2p_err failure = tcp->failure;
  tcp->state = P2P_TCP_ENDED;
  p2p_timer_stop(tcp->timer);
  p2p_tcp_drop_socket(tcp);
  if (tcp->callbacks.on_close != NULL) tcp->callbacks.on_close(tcp->arg, &failure);
}

void p2p_tcp_end_soon(struct p2p_tcp *tcp, uint64_t delay_ms) {
  tcp->state = P2P_TCP_ENDING;
  p2p_timer_start(tcp->timer, delay_ms, 0);
}

/* The one place where a wait ends. */
static void on_time(void *arg) {
  struct p2p_tcp *tcp = arg;
  switch (tcp->state) {
  case P2P_TCP_CONNECTING: p2p_connect_timed_out(tcp); break;
  case P2P_TCP_ENDING: tell_end(tcp); break;
  case P2P_TCP_FINISHING: p2p_tcp_free(tcp); break;
  case P2P_TCP_OPEN:
  case P2P_TCP_ENDED: break;
  }
}

struct p2p_tcp *p2p_tcp_new(struct p2p_loop *loop, const char *name) {
  struct p2p_tcp *tcp = calloc(1, sizeof *tcp);
  if (tcp == NULL) return NULL;
  tcp->timer = p2p_timer_new(loop, on_time, tcp);
  if (tcp->timer == NULL) {
    free(tcp);
    return NULL;
  }
  tcp->loop = loop;
  tcp->state = P2P_TCP_CONNECTING;
  strncpy(tcp->name, name, sizeof tcp->name - 1);
  return tcp;
}

/* reading */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  struct p2p_socket *socket = handle->data;
  *buffer = uv_buf_init(NULL, 0);
  if (socket->tcp != NULL) buffer->base = p2p_loop_read_buffer(socket->tcp->loop, &buffer->len);
}

static void finish_if_both_ended(struct p2p_tcp *tcp) {
  if (tcp->said_end && tcp->heard_end) p2p_tcp_free(tcp);
}

static void on_read_end(struct p2p_tcp *tcp, int status) {
  if (tcp->state == P2P_TCP_FINISHING) {
    tcp->heard_end = true;
    if (status != UV_EOF)
      p2p_tcp_free(tcp);
    else
      finish_if_both_ended(tcp);
    return;
  }
  if (tcp->state == P2P_TCP_OPEN && status == UV_EOF)
    p2p_err_set(&tcp->failure, P2P_ERR_CLOSED, "The connection to %s was closed by the other side",
                tcp->name);
  else if (tcp->state == P2P_TCP_OPEN)
    p2p_err_set(&tcp->failure, P2P_ERR_NETWORK, "The connection to %s is lost: %s", tcp->name,
                uv_strerror(status));
  tell_end(tcp);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
  struct p2p_socket *socket = stream->data;
  struct p2p_tcp *tcp = socket->tcp;
  if (tcp == NULL || n == 0) return;
  if (n < 0)
    on_read_end(tcp, (int)n);
  else if (tcp->state != P2P_TCP_FINISHING && tcp->callbacks.on_data != NULL)
    tcp->callbacks.on_data(tcp->arg, (const uint8_t *)buffer->base, (size_t)n);
}

static uv_stream_t *stream_of(const struct p2p_tcp *tcp) { return (uv_stream_t *)&tcp->socket->uv; }

void p2p_tcp_pause(struct p2p_tcp *tcp) {
  tcp->paused = true;
  if (tcp->socket != NULL) uv_read_stop(stream_of(tcp));
}

void p2p_tcp_resume(struct p2p_tcp *tcp) {
  tcp->paused = false;
  if (tcp->state == P2P_TCP_OPEN) uv_read_start(stream_of(tcp), give_buffer, on_read);
}

void p2p_tcp_opened(struct p2p_tcp *tcp) {
  tcp->state = P2P_TCP_OPEN;
  uv_tcp_nodelay(&tcp->socket->uv, 1);
  uv_tcp_keepalive(&tcp->socket->uv, 1, KEEPALIVE_S);
  if (!tcp->paused) p2p_tcp_resume(tcp);
}

int p2p_tcp_attach(struct p2p_tcp *tcp, const struct p2p_tcp_callbacks *callbacks, void *arg) {
  tcp->callbacks = *callbacks;
  tcp->arg = arg;
  p2p_tcp_resume(tcp);
  return tcp->state == P2P_TCP_ENDED ? P2P_ERR_CLOSED : P2P_OK;
}

/* writing */

static void write_failed(struct p2p_tcp *tcp, int bad) {
  if (tcp->state != P2P_TCP_OPEN) return;
  p2p_err_set(&tcp->failure, P2P_ERR_NETWORK, "The connection to %s is lost: %s", tcp->name,
              uv_strerror(bad));
  p2p_tcp_end_soon(tcp, LAST_WORDS_MS);
}

static void on_written(uv_write_t *request, int status) {
  struct p2p_socket *socket = request->data;
  free(request); /* its address is that of the struct write */
  struct p2p_tcp *tcp = socket->tcp;
  if (tcp == NULL) return;
  if (status != 0)
    write_failed(tcp, status);
  else if (tcp->state == P2P_TCP_OPEN && tcp->callbacks.on_drain != NULL &&
           p2p_tcp_queued(tcp) < P2P_TCP_LOW)
    tcp->callbacks.on_drain(tcp->arg);
}

static int queue_copy(struct p2p_tcp *tcp, const uint8_t *bytes, size_t length) {
  struct write *write = malloc(sizeof *write + length);
  if (write == NULL) return P2P_ERR_MEMORY;
  memcpy(write->bytes, bytes, length);
  write->uv.data = tcp->socket;
  uv_buf_t buffer = uv_buf_init((char *)write->bytes, (unsigned)length);
  int bad = uv_write(&write->uv, stream_of(tcp), &buffer, 1, on_written);
  if (bad == 0) return P2P_OK;
  free(write);
  write_failed(tcp, bad);
  return P2P_ERR_CLOSED;
}

int p2p_tcp_write(struct p2p_tcp *tcp, const void *bytes, size_t length) {
  if (tcp->state != P2P_TCP_OPEN) return P2P_ERR_CLOSED;
  if (length > UINT32_MAX) return P2P_ERR_TOO_LARGE;
  const uint8_t *rest = bytes;
  if (length > 0 && p2p_tcp_queued(tcp) == 0) {
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)length);
    int n = uv_try_write(stream_of(tcp), &buffer, 1);
    if (n < 0 && n != UV_EAGAIN) {
      write_failed(tcp, n);
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

/* names */

static int name_of(const struct p2p_tcp *tcp,
                   int (*get)(const uv_tcp_t *, struct sockaddr *, int *), char *out, size_t size) {
  struct sockaddr_storage address;
  int length = sizeof address;
  if (tcp->socket == NULL || get(&tcp->socket->uv, (struct sockaddr *)&address, &length) != 0)
    return P2P_ERR_CLOSED;
  return p2p_address_format((struct sockaddr *)&address, out, size);
}

int p2p_tcp_peer_name(const struct p2p_tcp *tcp, char *out, size_t size) {
  return name_of(tcp, uv_tcp_getpeername, out, size);
}

int p2p_tcp_local_name(const struct p2p_tcp *tcp, char *out, size_t size) {
  return name_of(tcp, uv_tcp_getsockname, out, size);
}

/* the end */

/* libuv gives no descriptor away: the caller gets a second one of the same socket, before ours is
 * closed. */
int p2p_tcp_take_fd(struct p2p_tcp *tcp) {
  uv_os_fd_t ours;
  if (tcp->state != P2P_TCP_OPEN || uv_fileno((uv_handle_t *)&tcp->socket->uv, &ours) != 0)
    return P2P_ERR_INVALID;
  int fd = fcntl(ours, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return P2P_ERR_SYSTEM;
  p2p_tcp_free(tcp);
  return fd;
}

static void on_shut_down(uv_shutdown_t *request, int status) {
  struct p2p_socket *socket = request->data;
  struct p2p_tcp *tcp = socket->tcp;
  if (tcp == NULL) return;
  tcp->said_end = true;
  if (status != 0)
    p2p_tcp_free(tcp);
  else
    finish_if_both_ended(tcp);
}

/* A socket that is closed with unread bytes is reset, and the reset can overtake our last bytes. So
 * we say that we have ended, and drop what still comes until the peer has ended too. */
void p2p_tcp_finish(struct p2p_tcp *tcp, uint32_t linger_ms) {
  if (tcp->state != P2P_TCP_OPEN) {
    p2p_tcp_free(tcp);
    return;
  }
  tcp->state = P2P_TCP_FINISHING;
  tcp->callbacks = (struct p2p_tcp_callbacks){0};
  tcp->socket->shutdown.data = tcp->socket;
  if (uv_shutdown(&tcp->socket->shutdown, stream_of(tcp), on_shut_down) != 0) {
    p2p_tcp_free(tcp);
    return;
  }
  uv_read_start(stream_of(tcp), give_buffer, on_read);
  p2p_timer_start(tcp->timer, linger_ms, 0);
}

void p2p_tcp_free(struct p2p_tcp *tcp) {
  if (tcp == NULL) return;
  p2p_connect_clear(tcp);
  p2p_tcp_drop_socket(tcp);
  p2p_timer_free(tcp->timer);
  free(tcp);
}
