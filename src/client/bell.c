/* Owns the way by which R's thread learns at once that something has changed on the io thread. */
#include "client/bell.h"

#include <time.h>

#include "base/err.h"

/* macOS has no pthread_condattr_setclock: there a change of the wall clock may lengthen one wait. */
#if defined(__APPLE__)
#define BELL_CLOCK CLOCK_REALTIME
#else
#define BELL_CLOCK CLOCK_MONOTONIC
#endif

static int init_condition(pthread_cond_t *condition) {
#if defined(__APPLE__)
  return pthread_cond_init(condition, NULL);
#else
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes) != 0) return -1;
  int failed = pthread_condattr_setclock(&attributes, BELL_CLOCK) != 0 || pthread_cond_init(condition, &attributes) != 0;
  pthread_condattr_destroy(&attributes);
  return failed;
#endif
}

int p2p_bell_init(struct p2p_bell *bell) {
  if (pthread_mutex_init(&bell->lock, NULL) != 0) return P2P_ERR_SYSTEM;
  if (init_condition(&bell->rung) != 0) {
    pthread_mutex_destroy(&bell->lock);
    return P2P_ERR_SYSTEM;
  }
  bell->generation = 1;
  return P2P_OK;
}

void p2p_bell_destroy(struct p2p_bell *bell) {
  pthread_cond_destroy(&bell->rung);
  pthread_mutex_destroy(&bell->lock);
}

void p2p_bell_ring(struct p2p_bell *bell) {
  pthread_mutex_lock(&bell->lock);
  bell->generation++;
  pthread_cond_broadcast(&bell->rung);
  pthread_mutex_unlock(&bell->lock);
}

uint64_t p2p_bell_wait(struct p2p_bell *bell, uint64_t seen, int timeout_ms) {
  struct timespec until;
  clock_gettime(BELL_CLOCK, &until);
  if (timeout_ms < 0) timeout_ms = 0;
  until.tv_sec += timeout_ms / 1000;
  until.tv_nsec += (long) (timeout_ms % 1000) * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000L;
  }
  pthread_mutex_lock(&bell->lock);
  while (bell->generation == seen) {
    if (pthread_cond_timedwait(&bell->rung, &bell->lock, &until) != 0) break;
  }
  uint64_t generation = bell->generation;
  pthread_mutex_unlock(&bell->lock);
  return generation;
}
