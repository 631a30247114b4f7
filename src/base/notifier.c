/* Owns the way by which R's thread learns at once that something has changed on the io thread.
 * However often it rings before somebody looks, there is one byte in the pipe. */
#include "base/notifier.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"

int p2p_notifier_init(struct p2p_notifier *notifier) {
  *notifier = (struct p2p_notifier){.generation = 1};
  if (pipe(notifier->pipe) != 0) return P2P_ERR_SYSTEM;
  for (int i = 0; i < 2; i++) {
    (void)fcntl(notifier->pipe[i], F_SETFD, FD_CLOEXEC);
    (void)fcntl(notifier->pipe[i], F_SETFL, O_NONBLOCK);
  }
  if (pthread_mutex_init(&notifier->lock, NULL) == 0) return P2P_OK;
  close(notifier->pipe[0]);
  close(notifier->pipe[1]);
  return P2P_ERR_SYSTEM;
}

void p2p_notifier_destroy(struct p2p_notifier *notifier) {
  close(notifier->pipe[0]);
  close(notifier->pipe[1]);
  pthread_mutex_destroy(&notifier->lock);
}

void p2p_notifier_notify(struct p2p_notifier *notifier) {
  char byte = 0;
  pthread_mutex_lock(&notifier->lock);
  notifier->generation++;
  if (!notifier->is_told) notifier->is_told = write(notifier->pipe[1], &byte, 1) == 1;
  pthread_mutex_unlock(&notifier->lock);
}

uint64_t p2p_notifier_poll(struct p2p_notifier *notifier) {
  char byte;
  pthread_mutex_lock(&notifier->lock);
  if (notifier->is_told) notifier->is_told = read(notifier->pipe[0], &byte, 1) != 1;
  uint64_t generation = notifier->generation;
  pthread_mutex_unlock(&notifier->lock);
  return generation;
}

int p2p_notifier_fd(const struct p2p_notifier *notifier) { return notifier->pipe[0]; }

uint64_t p2p_notifier_wait(struct p2p_notifier *notifier, uint64_t seen, int timeout_ms) {
  struct pollfd ready = {.fd = notifier->pipe[0], .events = POLLIN};
  uint64_t until_ms = p2p_clock_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
  for (;;) {
    uint64_t generation = p2p_notifier_poll(notifier), now_ms = p2p_clock_ms();
    if (generation != seen || now_ms >= until_ms) return generation;
    (void)poll(&ready, 1, (int)(until_ms - now_ms));
  }
}
