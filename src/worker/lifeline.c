/* Waits for the end of the lifeline. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif
#include "worker/lifeline.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/pipe.h"

/* on the watcher's thread */
static void *watch(void *arg) {
  struct p2p_lifeline *lifeline = arg;
  struct pollfd fds[2] = {{.fd = lifeline->fd, .events = POLLIN},
                          {.fd = lifeline->stop[0], .events = POLLIN}};
  for (;;) {
    char byte;
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return NULL;
    if (read(lifeline->fd, &byte, 1) <= 0) kill(0, SIGKILL);
  }
}

static void close_stop(struct p2p_lifeline *lifeline) {
  close(lifeline->stop[0]);
  close(lifeline->stop[1]);
}

int p2p_lifeline_watch(struct p2p_lifeline *lifeline, int fd) {
  sigset_t all, before;
  lifeline->fd = fd;
  if (p2p_pipe_open(lifeline->stop, false, NULL) != P2P_OK) return errno;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the thread */
  int code = pthread_create(&lifeline->watcher, NULL, watch, lifeline);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != 0) close_stop(lifeline);
  return code;
}

/* A byte, not the end of the channel: forks of the evaluator (parallel::mcparallel) hold it open.
 */
static void stop_watcher(struct p2p_lifeline *lifeline) {
  ssize_t sent;
  do sent = write(lifeline->stop[1], "", 1);
  while (sent < 0 && errno == EINTR);
  if (sent == 1) pthread_join(lifeline->watcher, NULL);
}

void p2p_lifeline_end(struct p2p_lifeline *lifeline, bool is_fork) {
  if (!is_fork) stop_watcher(lifeline);
  close_stop(lifeline);
  close(lifeline->fd);
}
