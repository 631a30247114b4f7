/* How many other workers there are, as their lines on the board tell: what the answer to a client's
 * hello is spread out by. Pure; forgets who has not been heard of for a few minutes, and the oldest
 * when there are too many. */
#ifndef P2P_WORKER_CROWD_H
#define P2P_WORKER_CROWD_H

#include <stddef.h>
#include <stdint.h>

#define P2P_CROWD_MAX 100 /* more make no difference to the answer */
#define P2P_CROWD_SILENCE_MS 180000
#define P2P_CROWD_JITTER_MS 20 /* for each other worker */
#define P2P_CROWD_JITTER_MAX_MS 2000

struct p2p_crowd {
  struct {
    uint64_t who; /* a hash of its name; 0: nobody */
    uint64_t heard_ms;
  } others[P2P_CROWD_MAX];
};

void p2p_crowd_hear(struct p2p_crowd *crowd, const char *from, uint64_t now_ms);
void p2p_crowd_leave(struct p2p_crowd *crowd, const char *from);
size_t p2p_crowd_count(const struct p2p_crowd *crowd, uint64_t now_ms);
/* The longest time to wait before an answer. */
uint32_t p2p_crowd_jitter_ms(const struct p2p_crowd *crowd, uint64_t now_ms);

#endif
