/* Signal handlers, and the pipe by which they wake up the main thread. */
#include "shell/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/pipe.h"

static int pipe_fds[2] = {-1, -1};
static volatile sig_atomic_t is_pending;

static void on_signal(int number) {
  int before = errno;

  (void)number;
  is_pending = 1;
  (void)!write(pipe_fds[1], "", 1); /* if the pipe is full, it is readable already */
  errno = before;
}

/* 0, or -1 with errno. */
static int catch_one(int number) {
  struct sigaction action, before;

  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(number, NULL, &before) != 0) return -1;
  return before.sa_handler == SIG_IGN ? 0 : sigaction(number, &action, NULL);
}

int p2p_interrupt_catch(struct p2p_err *err) {
  if (p2p_pipe_open(pipe_fds, true, err) == P2P_OK && catch_one(SIGINT) == 0 &&
      catch_one(SIGTERM) == 0 && catch_one(SIGHUP) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR)
    return P2P_OK;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot catch signals: %s", strerror(errno));
}

bool p2p_interrupt_is_pending(void) { return is_pending != 0; }

int p2p_interrupt_fd(void) { return pipe_fds[0]; }
