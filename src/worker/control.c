/* A listening Unix socket, and its short connections. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* struct ucred, getpeereid() */
#endif
#include "worker/control.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "keys/folder.h"
#include "net/timer.h"
#include "net/unix_socket.h"

struct connection {
  uv_pipe_t uv; /* first */
  struct connection *next;
  struct p2p_control *control;
  struct p2p_timer *timer;
  char line[P2P_CONTROL_LINE_MAX + 1];
  size_t used;
};

struct p2p_control {
  uv_pipe_t uv; /* first */
  struct p2p_control_config config;
  struct connection *connections;
  char path[P2P_CONTROL_PATH_MAX]; /* "": not listening */
};

/* ---- files ---- */

bool p2p_control_path(const char *folder, long pid, char out[static P2P_CONTROL_PATH_MAX]) {
  int length = snprintf(out, P2P_CONTROL_PATH_MAX, "%s/worker-%ld.sock", folder, pid);
  return length > 0 && length < P2P_CONTROL_PATH_MAX;
}

/* The socket of a process that has ended refuses connections. */
static bool is_dead(const char *path) {
  int fd = p2p_unix_socket_connect(path);
  if (fd < 0) return errno == ECONNREFUSED;
  close(fd);
  return false;
}

static void sweep(const char *folder) {
  DIR *entries = opendir(folder);
  if (entries == NULL) return;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    char path[P2P_CONTROL_PATH_MAX], end;
    long pid;
    if (sscanf(entry->d_name, "worker-%ld.soc%c", &pid, &end) == 2 && end == 'k' &&
        p2p_control_path(folder, pid, path) && is_dead(path))
      (void)unlink(path);
  }
  closedir(entries);
}

int p2p_control_prepare(const char *folder, struct p2p_err *err) {
  struct p2p_key_folder opened;
  int code = p2p_key_folder_open(folder, true, &opened, err);
  if (code != P2P_OK) return code;
  p2p_key_folder_close(&opened);
  sweep(folder);
  return P2P_OK;
}

/* ---- connections ---- */

static void on_closed(uv_handle_t *handle) { free(handle); }

static void end(struct connection *connection) {
  struct connection **at = &connection->control->connections;
  while (*at != connection) at = &(*at)->next;
  *at = connection->next;
  p2p_timer_free(connection->timer);
  uv_close((uv_handle_t *)&connection->uv, on_closed);
}

static void on_timeout(void *connection) { end(connection); }

/* The account of the owner, or root's. */
static bool is_owner(const uv_pipe_t *pipe) {
  uv_os_fd_t fd;
  if (uv_fileno((const uv_handle_t *)pipe, &fd) != 0) return false;
#ifdef SO_PEERCRED
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  uid_t uid = peer.uid;
#else
  uid_t uid;
  gid_t gid;
  if (getpeereid(fd, &uid, &gid) != 0) return false;
#endif
  return uid == geteuid() || uid == 0;
}

/* A reply is shorter than what a socket takes at once. */
static void answer(struct connection *connection, enum p2p_control_op op) {
  struct p2p_control *control = connection->control;
  char reply[P2P_CONTROL_REPLY_MAX] = "";
  control->config.on_request(control->config.arg, op, reply);
  size_t length = strlen(reply);
  reply[length] = '\n';
  uv_buf_t text = uv_buf_init(reply, (unsigned)length + 1);
  (void)uv_try_write((uv_stream_t *)&connection->uv, &text, 1);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct connection *connection = (struct connection *)handle;
  (void)suggested;
  *out = uv_buf_init(connection->line + connection->used,
                     (unsigned)(sizeof connection->line - connection->used));
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *unused) {
  struct connection *connection = (struct connection *)stream;
  enum p2p_control_op op;
  (void)unused;
  if (length > 0) connection->used += (size_t)length;
  int code =
      length < 0 ? P2P_ERR_CLOSED : p2p_control_line_read(connection->line, connection->used, &op);
  if (code == P2P_ERR_CANCELED) return;
  if (code == P2P_OK) answer(connection, op);
  end(connection);
}

static size_t count(const struct p2p_control *control) {
  size_t n = 0;
  for (const struct connection *at = control->connections; at != NULL; at = at->next) n++;
  return n;
}

static void on_connection(uv_stream_t *stream, int status) {
  struct p2p_control *control = (struct p2p_control *)stream;
  struct connection *connection = status == 0 ? calloc(1, sizeof *connection) : NULL;
  if (connection == NULL) return;
  (void)uv_pipe_init(p2p_loop_uv(control->config.loop), &connection->uv, 0); /* cannot fail */
  size_t before = count(control);
  connection->control = control;
  connection->next = control->connections;
  control->connections = connection;
  connection->timer = p2p_timer_new(control->config.loop, on_timeout, connection);
  if (connection->timer == NULL || uv_accept(stream, (uv_stream_t *)&connection->uv) != 0 ||
      before >= P2P_CONTROL_CONNECTIONS_MAX || !is_owner(&connection->uv) ||
      uv_read_start((uv_stream_t *)&connection->uv, on_alloc, on_read) != 0)
    end(connection);
  else
    p2p_timer_start(connection->timer, P2P_CONTROL_TIMEOUT_MS, 0);
}

/* ---- for the owner ---- */

/* The socket gets its name when it listens: until then it would look like that of a dead worker. */
static int listen_at(struct p2p_control *control, const char *path) {
  char first[P2P_CONTROL_PATH_MAX + 8];
  snprintf(first, sizeof first, "%s", path);
  first[strlen(first) - strlen("sock")] = '\0'; /* "worker-PID." */
  (void)unlink(first);
  int bad = uv_pipe_bind(&control->uv, first);
  if (bad == 0) bad = uv_listen((uv_stream_t *)&control->uv, 16, on_connection);
  if (bad == 0 && rename(first, path) != 0) bad = -errno;
  if (bad == 0) snprintf(control->path, sizeof control->path, "%s", path);
  return bad;
}

int p2p_control_new(const struct p2p_control_config *config, struct p2p_control **out,
                    struct p2p_err *err) {
  char path[P2P_CONTROL_PATH_MAX];
  if (!p2p_control_path(config->folder, (long)getpid(), path))
    return p2p_err_set(err, P2P_ERR_SYSTEM, "the path of folder '%s' is too long for a socket",
                       config->folder);
  struct p2p_control *control = calloc(1, sizeof *control);
  if (control == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  control->config = *config;
  (void)uv_pipe_init(p2p_loop_uv(config->loop), &control->uv, 0);
  int bad = listen_at(control, path);
  if (bad == 0) {
    *out = control;
    return P2P_OK;
  }
  p2p_control_free(control);
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot listen on '%s': %s", path, uv_strerror(bad));
}

void p2p_control_free(struct p2p_control *control) {
  if (control == NULL) return;
  if (control->path[0] != '\0') (void)unlink(control->path);
  while (control->connections != NULL) end(control->connections);
  uv_close((uv_handle_t *)&control->uv, on_closed);
}
