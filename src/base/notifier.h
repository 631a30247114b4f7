/* Change notifier: a generation counter and a descriptor to poll, so that a thread can wait for a
 * change together with other events. Any thread may notify; one thread at a time waits. */
#ifndef P2P_BASE_NOTIFIER_H
#define P2P_BASE_NOTIFIER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_notifier {
  pthread_mutex_t lock;
  int pipe[2];
  uint64_t generation; /* starts at 1 */
  bool has_byte;       /* the pipe has one */
};

/* P2P_OK or P2P_ERR_SYSTEM with errno set; `err` may be NULL. */
int p2p_notifier_init(struct p2p_notifier *notifier, struct p2p_err *err) P2P_MUST_USE;
void p2p_notifier_destroy(struct p2p_notifier *notifier);
/* Increments the generation and makes the descriptor readable. */
void p2p_notifier_notify(struct p2p_notifier *notifier);
/* Returns the generation. The descriptor is not readable until the next notification. */
uint64_t p2p_notifier_poll(struct p2p_notifier *notifier);
/* Readable since a notification; only for poll(). */
int p2p_notifier_fd(const struct p2p_notifier *notifier);
/* Waits until the generation is not `seen`, or for timeout_ms. Returns the generation. */
uint64_t p2p_notifier_wait(struct p2p_notifier *notifier, uint64_t seen, int timeout_ms);

#endif
