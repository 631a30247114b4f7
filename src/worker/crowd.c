/* The other workers, by a hash of their names: hostile names cost no memory. */
#include "worker/crowd.h"

/* FNV-1a. */
static uint64_t hash(const char *text) {
  uint64_t value = 0xcbf29ce484222325u;
  for (; *text != '\0'; text++) value = (value ^ (uint8_t)*text) * 0x100000001b3u;
  return value != 0 ? value : 1;
}

void p2p_crowd_hear(struct p2p_crowd *crowd, const char *from, uint64_t now_ms) {
  uint64_t who = hash(from);
  size_t place = 0;
  for (size_t i = 0; i < P2P_CROWD_MAX; i++) {
    if (crowd->others[i].who == who) {
      place = i;
      break;
    }
    if (crowd->others[i].heard_ms < crowd->others[place].heard_ms) place = i;
  }
  crowd->others[place].who = who;
  crowd->others[place].heard_ms = now_ms;
}

void p2p_crowd_leave(struct p2p_crowd *crowd, const char *from) {
  uint64_t who = hash(from);
  for (size_t i = 0; i < P2P_CROWD_MAX; i++)
    if (crowd->others[i].who == who) crowd->others[i].who = crowd->others[i].heard_ms = 0;
}

size_t p2p_crowd_count(const struct p2p_crowd *crowd, uint64_t now_ms) {
  size_t count = 0;
  for (size_t i = 0; i < P2P_CROWD_MAX; i++)
    if (crowd->others[i].who != 0 && now_ms - crowd->others[i].heard_ms <= P2P_CROWD_SILENCE_MS)
      count++;
  return count;
}

uint32_t p2p_crowd_jitter_ms(const struct p2p_crowd *crowd, uint64_t now_ms) {
  size_t jitter_ms = P2P_CROWD_JITTER_MS * p2p_crowd_count(crowd, now_ms);
  return jitter_ms < P2P_CROWD_JITTER_MAX_MS ? (uint32_t)jitter_ms : P2P_CROWD_JITTER_MAX_MS;
}
