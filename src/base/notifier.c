/* A notifier. The pipe has at most one byte, however often it is notified before it is polled. */
#include "base/notifier.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pipe.h"

int p2p_notifier_init(struct p2p_notifier *notifier, struct p2p_err *err) {
  *notifier = (struct p2p_notifier){.generation = 1};
  int code = p2p_pipe_open(notifier->pipe, true, err);
  if (code != P2P_OK) return code;
  int failure = pthread_mutex_init(&notifier->lock, NULL);
  if (failure == 0) return P2P_OK;
  close(notifier->pipe[0]);
  close(notifier->pipe[1]);
  errno = failure;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot create a mutex: %s", strerror(failure));
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
  if (!notifier->has_byte) notifier->has_byte = write(notifier->pipe[1], &byte, 1) == 1;
  pthread_mutex_unlock(&notifier->lock);
}

uint64_t p2p_notifier_poll(struct p2p_notifier *notifier) {
  char byte;
  pthread_mutex_lock(&notifier->lock);
  if (notifier->has_byte) notifier->has_byte = read(notifier->pipe[0], &byte, 1) != 1;
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
