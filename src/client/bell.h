/* Rings when something has changed: a generation that counts up and a condition variable for those who wait. Any
 * thread. */
#ifndef P2P_CLIENT_BELL_H
#define P2P_CLIENT_BELL_H

#include <pthread.h>
#include <stdint.h>

struct p2p_bell {
  pthread_mutex_t lock;
  pthread_cond_t rung;
  uint64_t generation; /* from 1 */
};

int p2p_bell_init(struct p2p_bell *bell); /* P2P_OK or P2P_ERR_SYSTEM */
void p2p_bell_destroy(struct p2p_bell *bell);
void p2p_bell_ring(struct p2p_bell *bell);
/* Waits until the generation is no longer `seen` or timeout_ms have passed; returns the current one. */
uint64_t p2p_bell_wait(struct p2p_bell *bell, uint64_t seen, int timeout_ms);

#endif
