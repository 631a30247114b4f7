/* One line to a worker, one line back. */
#include "worker/control_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sanitize.h"
#include "keys/folder.h"
#include "net/unix_socket.h"
#include "worker/control.h"

static int fail(struct p2p_err *err, long pid) {
  bool is_gone = errno == ENOENT || errno == ECONNREFUSED;
  return p2p_err_set(err, is_gone ? P2P_ERR_CLOSED : P2P_ERR_SYSTEM,
                     "cannot reach the worker with process id %ld: %s", pid, strerror(errno));
}

/* Returns the length without the newline, or -1. */
static long read_line(int fd, char *out, size_t size) {
  uint64_t until_ms = p2p_clock_ms() + P2P_CONTROL_TIMEOUT_MS, now_ms;
  size_t used = 0;
  while (used < size - 1 && (now_ms = p2p_clock_ms()) < until_ms) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (poll(&readable, 1, (int)(until_ms - now_ms)) <= 0) continue;
    ssize_t got = recv(fd, out + used, size - 1 - used, 0);
    if (got <= 0 && (got == 0 || errno != EINTR)) return -1;
    if (got > 0) used += (size_t)got;
    if (used > 0 && out[used - 1] == '\n') return (long)used - 1;
  }
  errno = ETIMEDOUT;
  return -1;
}

int p2p_control_ask(const char *folder, long pid, enum p2p_control_op op,
                    char reply[static P2P_CONTROL_REPLY_MAX], struct p2p_err *err) {
  struct p2p_key_folder opened;
  char path[P2P_CONTROL_PATH_MAX], request[P2P_CONTROL_LINE_MAX + 1];
  int code = p2p_key_folder_open(folder, false, &opened, err);
  if (code != P2P_OK) return code;
  p2p_key_folder_close(&opened);
  if (!p2p_control_path(folder, pid, path))
    return p2p_err_set(err, P2P_ERR_SYSTEM, "the path of folder '%s' is too long", folder);
  int fd = p2p_unix_socket_connect(path);
  if (fd < 0) return fail(err, pid);
  int length = snprintf(request, sizeof request, "%s\n", p2p_control_word(op));
  errno = 0;
  long got = send(fd, request, (size_t)length, MSG_NOSIGNAL) == length
                 ? read_line(fd, reply, P2P_CONTROL_REPLY_MAX)
                 : -1;
  if (got < 0 && errno == 0) errno = ECONNRESET;
  int failure = errno;
  close(fd);
  errno = failure;
  if (got < 0) return fail(err, pid);
  p2p_sanitize(reply, (size_t)got, reply, P2P_CONTROL_REPLY_MAX);
  return P2P_OK;
}
