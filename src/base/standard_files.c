/* Standard files that the caller of this process has closed. */
#include "base/standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

static bool is_closed(int fd) { return fcntl(fd, F_GETFD) < 0 && errno == EBADF; }

/* open() returns the lowest closed descriptor. */
void p2p_standard_files_open(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (is_closed(fd)) (void)!open("/dev/null", O_RDWR);
}
