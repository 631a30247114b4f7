/* Connections to Unix sockets: they never wait, and raise no SIGPIPE. */
#include "net/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

static char folder[64];
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static int listen_at(int backlog) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, backlog) == 0);
  return fd;
}

TEST(nothing_listens) {
  char deep[sizeof address.sun_path + 1];
  snprintf(folder, sizeof folder, "/tmp/p2p-socket-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
  CHECK(p2p_unix_socket_connect(address.sun_path) == -1 && errno == ENOENT);
  memset(deep, 'x', sizeof deep);
  deep[sizeof deep - 1] = '\0';
  CHECK(p2p_unix_socket_connect(deep) == -1 && errno == ENAMETOOLONG);
  close(listen_at(1));
  CHECK(p2p_unix_socket_connect(address.sun_path) == -1 && errno == ECONNREFUSED);
  unlink(address.sun_path);
}

TEST(a_connection_is_neither_inherited_nor_waited_for) {
  char byte;
  int listener = listen_at(4), fd = p2p_unix_socket_connect(address.sun_path);
  CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(recv(fd, &byte, 1, 0) == -1 && (errno == EAGAIN || errno == EWOULDBLOCK));
  close(accept(listener, NULL, NULL));
  CHECK(send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE); /* and this program goes on */
  close(fd);
  close(listener);
  unlink(address.sun_path);
  CHECK(rmdir(folder) == 0);
}

UNIT_MAIN("unix_socket", UNIT(nothing_listens),
          UNIT(a_connection_is_neither_inherited_nor_waited_for))
