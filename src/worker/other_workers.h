/* The other workers of the cluster, as far as their lines on the board show. Their number sets the
 * jitter of the reply to a client's hello. Pure. Bounded: workers that have been silent for some
 * minutes are forgotten, and the one silent longest when there are too many. */
#ifndef P2P_WORKER_OTHER_WORKERS_H
#define P2P_WORKER_OTHER_WORKERS_H

#include <stddef.h>
#include <stdint.h>

#define P2P_OTHER_WORKERS_MAX 100 /* enough for the longest jitter */
#define P2P_OTHER_WORKERS_SILENCE_MS 180000
#define P2P_OTHER_WORKERS_JITTER_MS 20 /* for each of them */
#define P2P_OTHER_WORKERS_JITTER_MAX_MS 2000

/* All zeros: none. */
struct p2p_other_workers {
  struct {
    uint64_t id_hash; /* 0: unused */
    uint64_t seen_ms;
  } workers[P2P_OTHER_WORKERS_MAX];
};

void p2p_other_workers_add(struct p2p_other_workers *others, const char *id, uint64_t now_ms);
void p2p_other_workers_remove(struct p2p_other_workers *others, const char *id);
size_t p2p_other_workers_count(const struct p2p_other_workers *others, uint64_t now_ms);
/* The longest delay of a reply. */
uint32_t p2p_other_workers_jitter_ms(const struct p2p_other_workers *others, uint64_t now_ms);

#endif
