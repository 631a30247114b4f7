/* Pipes. Where the system has pipe2, no fork() of another thread can inherit the descriptors. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif
#include "base/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#ifdef __APPLE__
static int open_ends(int ends[2], bool nonblocking) {
  if (pipe(ends) != 0) return -1;
  for (int i = 0; i < 2; i++) {
    if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) == 0 &&
        (!nonblocking || fcntl(ends[i], F_SETFL, O_NONBLOCK) == 0))
      continue;
    int failure = errno;
    close(ends[0]);
    close(ends[1]);
    errno = failure;
    return -1;
  }
  return 0;
}
#else
static int open_ends(int ends[2], bool nonblocking) {
  return pipe2(ends, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0));
}
#endif

int p2p_pipe_open(int ends[2], bool nonblocking, struct p2p_err *err) {
  int opened[2];
  if (open_ends(opened, nonblocking) != 0) {
    int failure = errno;
    p2p_err_of_limit(
        err, failure,
        p2p_err_set(err, P2P_ERR_SYSTEM, "cannot create a pipe: %s", strerror(failure)));
    errno = failure;
    return P2P_ERR_SYSTEM;
  }
  ends[0] = opened[0];
  ends[1] = opened[1];
  return P2P_OK;
}
