/* Many TCP connections that send nothing. */
#ifndef P2P_TESTS_IDLE_CONNECTIONS_H
#define P2P_TESTS_IDLE_CONNECTIONS_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

/* Both ends are files of this process, so its limit of open files is raised. */
static void idle_connections_open(int *fds, size_t count, uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (size_t i = 0; i < count; i++) {
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fds[i], (struct sockaddr *)&address, sizeof address) == 0);
  }
}

static void idle_connections_close(const int *fds, size_t count) {
  for (size_t i = 0; i < count; i++) close(fds[i]);
}

#endif
