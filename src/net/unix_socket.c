/* Unix sockets. */
#include "net/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* macOS cannot set it in the same call: a process that is started meanwhile inherits the socket. */
#ifdef SOCK_CLOEXEC
#define CLOSE_ON_EXEC SOCK_CLOEXEC
#else
#define CLOSE_ON_EXEC 0
#endif

void p2p_unix_socket_no_sigpipe(int fd) {
#ifdef SO_NOSIGPIPE /* macOS, which sends SIGPIPE to the process, not to the thread that writes */
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#else
  (void)fd;
#endif
}

int p2p_unix_socket_connect(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof address.sun_path) { /* 104 bytes on macOS */
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path, length);
  int fd = socket(AF_UNIX, SOCK_STREAM | CLOSE_ON_EXEC, 0);
  if (fd < 0) return -1;
  p2p_unix_socket_no_sigpipe(fd);
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
      connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  int failure = errno;
  close(fd);
  errno = failure;
  return -1;
}
