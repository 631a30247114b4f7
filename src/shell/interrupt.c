/* Owns the handlers of the signals that end the program, and the pipe by which they wake up who
 * polls. */
#include "shell/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int ends[2] = {-1, -1}; /* of the pipe: to poll, to write */
static volatile sig_atomic_t came;

static void note(int number) {
  int before = errno;

  (void)number;
  came = 1;
  (void)!write(ends[1], "", 1); /* a pipe that is full has been told */
  errno = before;
}

static int catch_one(int number) {
  struct sigaction action, before;

  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(number, NULL, &before) != 0) return P2P_ERR_SYSTEM;
  return before.sa_handler == SIG_IGN || sigaction(number, &action, NULL) == 0 ? P2P_OK
                                                                               : P2P_ERR_SYSTEM;
}

int p2p_interrupt_catch(void) {
  const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

  if (pipe(ends) != 0) return P2P_ERR_SYSTEM;
  for (int i = 0; i < 2; i++) {
    (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
  }
  for (int i = 0; i < 3; i++)
    if (catch_one(numbers[i]) != P2P_OK) return P2P_ERR_SYSTEM;
  return signal(SIGPIPE, SIG_IGN) != SIG_ERR ? P2P_OK : P2P_ERR_SYSTEM;
}

bool p2p_interrupt_came(void) { return came != 0; }

int p2p_interrupt_fd(void) { return ends[0]; }
