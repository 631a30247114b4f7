/* Preloaded, it keeps a process from listening, as some firewalls do: its links need a relay. */
#include <errno.h>

int listen(int fd, int backlog) {
  (void)fd;
  (void)backlog;
  errno = EACCES;
  return -1;
}
