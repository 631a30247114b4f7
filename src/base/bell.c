/* Owns the way by which R's thread learns at once that something has changed on the io thread. However often it rings before
 * somebody looks, there is one byte in the pipe. */
#include "base/bell.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"

int p2p_bell_init(struct p2p_bell *bell) {
  *bell = (struct p2p_bell){.generation = 1};
  if (pipe(bell->pipe) != 0) return P2P_ERR_SYSTEM;
  for (int i = 0; i < 2; i++) {
    (void)fcntl(bell->pipe[i], F_SETFD, FD_CLOEXEC);
    (void)fcntl(bell->pipe[i], F_SETFL, O_NONBLOCK);
  }
  if (pthread_mutex_init(&bell->lock, NULL) == 0) return P2P_OK;
  close(bell->pipe[0]);
  close(bell->pipe[1]);
  return P2P_ERR_SYSTEM;
}

void p2p_bell_destroy(struct p2p_bell *bell) {
  close(bell->pipe[0]);
  close(bell->pipe[1]);
  pthread_mutex_destroy(&bell->lock);
}

void p2p_bell_ring(struct p2p_bell *bell) {
  char byte = 0;
  pthread_mutex_lock(&bell->lock);
  bell->generation++;
  if (!bell->is_told) bell->is_told = write(bell->pipe[1], &byte, 1) == 1;
  pthread_mutex_unlock(&bell->lock);
}

uint64_t p2p_bell_look(struct p2p_bell *bell) {
  char byte;
  pthread_mutex_lock(&bell->lock);
  if (bell->is_told) bell->is_told = read(bell->pipe[0], &byte, 1) != 1;
  uint64_t generation = bell->generation;
  pthread_mutex_unlock(&bell->lock);
  return generation;
}

int p2p_bell_fd(const struct p2p_bell *bell) { return bell->pipe[0]; }

uint64_t p2p_bell_wait(struct p2p_bell *bell, uint64_t seen, int timeout_ms) {
  struct pollfd ready = {.fd = bell->pipe[0], .events = POLLIN};
  uint64_t until_ms = p2p_clock_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
  for (;;) {
    uint64_t generation = p2p_bell_look(bell), now_ms = p2p_clock_ms();
    if (generation != seen || now_ms >= until_ms) return generation;
    (void)poll(&ready, 1, (int)(until_ms - now_ms));
  }
}
