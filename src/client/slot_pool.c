/* Owns struct p2p_slot_pool. */
#include "client/slot_pool.h"

#include <stdlib.h>
#include <string.h>

struct p2p_slot_pool {
  uint32_t slots; /* of the worker */
  uint32_t busy, idle, recalled, requested;
  uint64_t requested_ms, used_ms;
  uint64_t idle_since_ms[]; /* of the idle slots, oldest first */
};

struct p2p_slot_pool *p2p_slot_pool_new(uint32_t slots, uint64_t now_ms) {
  struct p2p_slot_pool *pool = calloc(1, sizeof *pool + slots * sizeof pool->idle_since_ms[0]);
  if (pool == NULL) return NULL;
  pool->slots = slots;
  pool->requested_ms = pool->used_ms = now_ms;
  return pool;
}

void p2p_slot_pool_free(struct p2p_slot_pool *pool) { free(pool); }

static uint32_t held(const struct p2p_slot_pool *pool) { return pool->busy + pool->idle; }

void p2p_slot_pool_request(struct p2p_slot_pool *pool, uint32_t count, uint64_t now_ms) {
  pool->requested = count;
  pool->requested_ms = now_ms;
}

bool p2p_slot_pool_grant(struct p2p_slot_pool *pool, uint32_t count, uint64_t now_ms) {
  if (count > pool->slots - held(pool)) return false;
  while (count-- > 0) pool->idle_since_ms[pool->idle++] = now_ms;
  pool->requested_ms = now_ms;
  return true;
}

void p2p_slot_pool_recall(struct p2p_slot_pool *pool, uint32_t count) {
  pool->recalled = count < held(pool) - pool->recalled ? pool->recalled + count : held(pool);
}

uint32_t p2p_slot_pool_return(struct p2p_slot_pool *pool, uint32_t count) {
  if (count > pool->idle) count = pool->idle;
  pool->idle -= count;
  memmove(pool->idle_since_ms, pool->idle_since_ms + count,
          pool->idle * sizeof pool->idle_since_ms[0]);
  pool->recalled -= count < pool->recalled ? count : pool->recalled;
  return count;
}

void p2p_slot_pool_take(struct p2p_slot_pool *pool) {
  pool->busy++;
  pool->idle--;
}

void p2p_slot_pool_release(struct p2p_slot_pool *pool, uint64_t now_ms) {
  pool->busy--;
  pool->idle_since_ms[pool->idle++] = now_ms;
  pool->used_ms = now_ms;
}

void p2p_slot_pool_describe(const struct p2p_slot_pool *pool, uint64_t now_ms,
                            struct p2p_schedule_worker *out) {
  *out = (struct p2p_schedule_worker){
      .link = P2P_SCHEDULE_OPEN,
      .slots = pool->slots,
      .held = held(pool),
      .busy = pool->busy,
      .recalled = pool->recalled,
      .requested = pool->requested,
      .requested_ms = pool->requested_ms,
      .used_ms = pool->used_ms,
      .next_cool_ms = P2P_SCHEDULE_NEVER,
  };
  for (uint32_t i = 0; i < pool->idle; i++) {
    uint64_t cool_ms = pool->idle_since_ms[i] + P2P_SCHEDULE_COOL_MS;
    uint64_t cold_ms = pool->idle_since_ms[i] + P2P_SCHEDULE_WARM_MS;
    out->cool += cool_ms <= now_ms;
    out->cold += cold_ms <= now_ms;
    uint64_t next_ms = cool_ms > now_ms ? cool_ms : cold_ms;
    if (next_ms > now_ms && next_ms < out->next_cool_ms) out->next_cool_ms = next_ms;
  }
}
