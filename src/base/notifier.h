/* Rings when something has changed: a generation that counts up, and a descriptor, so that one can
 * wait for it together with other things, such as signals. Any thread rings; one at a time waits.
 */
#ifndef P2P_BASE_NOTIFIER_H
#define P2P_BASE_NOTIFIER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_notifier {
  pthread_mutex_t lock;
  int pipe[2];
  uint64_t generation; /* from 1 */
  bool is_told;        /* there is a byte in the pipe */
};

int p2p_notifier_init(struct p2p_notifier *notifier) P2P_MUST_USE; /* P2P_OK or P2P_ERR_SYSTEM */
void p2p_notifier_destroy(struct p2p_notifier *notifier);
void p2p_notifier_notify(struct p2p_notifier *notifier);
/* The generation. Until the next ring the descriptor is quiet again. */
uint64_t p2p_notifier_poll(struct p2p_notifier *notifier);
/* Readable since it rang; to be polled only. */
int p2p_notifier_fd(const struct p2p_notifier *notifier);
/* Looks, and waits until the generation is no longer `seen` or timeout_ms have passed; returns the
 * current one. */
uint64_t p2p_notifier_wait(struct p2p_notifier *notifier, uint64_t seen, int timeout_ms);

#endif
