/* The thread that waits for signals. It tells of one by cancelling the transfer and by closing its end of a pipe, which whoever waits for
 * input looks at, too. SIGUSR1 tells the thread to end. */
#include "shell/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct p2p_interrupt {
  struct p2p_transfer *transfer;
  pthread_t thread;
  int pipe[2];      /* the end to read, and the thread's end */
  bool was_signal;  /* the thread's, until it is joined */
};

static void fill_set(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGHUP);
  sigaddset(set, SIGUSR1);
}

void p2p_interrupt_block(void) {
  sigset_t set;

  fill_set(&set);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *wait_for_signal(void *arg) {
  struct p2p_interrupt *interrupt = arg;
  sigset_t set;
  int signal = 0;

  fill_set(&set);
  if (sigwait(&set, &signal) == 0 && signal != SIGUSR1) {
    interrupt->was_signal = true;
    p2p_transfer_cancel(interrupt->transfer);
  }
  close(interrupt->pipe[1]);
  return NULL;
}

int p2p_interrupt_start(struct p2p_transfer *transfer, struct p2p_interrupt **out) {
  struct p2p_interrupt *interrupt = calloc(1, sizeof *interrupt);

  if (interrupt == NULL)
    return P2P_ERR_MEMORY;
  interrupt->transfer = transfer;
  if (pipe(interrupt->pipe) != 0) {
    free(interrupt);
    return P2P_ERR_SYSTEM;
  }
  if (pthread_create(&interrupt->thread, NULL, wait_for_signal, interrupt) != 0) {
    close(interrupt->pipe[0]);
    close(interrupt->pipe[1]);
    free(interrupt);
    return P2P_ERR_SYSTEM;
  }
  *out = interrupt;
  return P2P_OK;
}

bool p2p_interrupt_read_line(struct p2p_interrupt *interrupt, char *out, size_t size) {
  struct pollfd wait[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = interrupt->pipe[0], .events = POLLIN } };
  size_t length = 0;
  char c;

  while (poll(wait, 2, -1) > 0 && wait[1].revents == 0 && read(STDIN_FILENO, &c, 1) == 1 && c != '\n') {
    if (length + 1 < size)
      out[length++] = c;
  }
  out[length] = '\0';
  return length > 0;
}

bool p2p_interrupt_stop(struct p2p_interrupt *interrupt) {
  if (interrupt == NULL)
    return false;
  pthread_kill(interrupt->thread, SIGUSR1);
  pthread_join(interrupt->thread, NULL);
  bool was_signal = interrupt->was_signal;
  close(interrupt->pipe[0]);
  free(interrupt);
  return was_signal;
}
