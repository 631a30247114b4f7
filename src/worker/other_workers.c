/* A table of hashes of ids: ids chosen by an attacker use no memory. */
#include "worker/other_workers.h"

/* FNV-1a. */
static uint64_t hash(const char *text) {
  uint64_t value = 0xcbf29ce484222325u;
  for (; *text != '\0'; text++) value = (value ^ (uint8_t)*text) * 0x100000001b3u;
  return value != 0 ? value : 1;
}

void p2p_other_workers_add(struct p2p_other_workers *others, const char *id, uint64_t now_ms) {
  uint64_t id_hash = hash(id);
  size_t place = 0; /* the worker's own entry, else the oldest one */
  for (size_t i = 0; i < P2P_OTHER_WORKERS_MAX; i++) {
    if (others->workers[i].id_hash == id_hash) {
      place = i;
      break;
    }
    if (others->workers[i].seen_ms < others->workers[place].seen_ms) place = i;
  }
  others->workers[place].id_hash = id_hash;
  others->workers[place].seen_ms = now_ms;
}

void p2p_other_workers_remove(struct p2p_other_workers *others, const char *id) {
  uint64_t id_hash = hash(id);
  for (size_t i = 0; i < P2P_OTHER_WORKERS_MAX; i++)
    if (others->workers[i].id_hash == id_hash)
      others->workers[i].id_hash = others->workers[i].seen_ms = 0;
}

size_t p2p_other_workers_count(const struct p2p_other_workers *others, uint64_t now_ms) {
  size_t count = 0;
  for (size_t i = 0; i < P2P_OTHER_WORKERS_MAX; i++)
    if (others->workers[i].id_hash != 0 &&
        now_ms - others->workers[i].seen_ms <= P2P_OTHER_WORKERS_SILENCE_MS)
      count++;
  return count;
}

uint32_t p2p_other_workers_jitter_ms(const struct p2p_other_workers *others, uint64_t now_ms) {
  size_t jitter_ms = P2P_OTHER_WORKERS_JITTER_MS * p2p_other_workers_count(others, now_ms);
  return jitter_ms < P2P_OTHER_WORKERS_JITTER_MAX_MS ? (uint32_t)jitter_ms
                                                     : P2P_OTHER_WORKERS_JITTER_MAX_MS;
}
