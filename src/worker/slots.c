/* Slots. Free ones go to the client that is short and holds the fewest, in turns; with none free,
 * one is recalled from a client that holds more than it has work for, or else more than the one
 * that waits. With one slot and two busy clients this alternates with every task. */
#include "worker/slots.h"

#include <string.h>

#define CLIENTS P2P_SLOTS_CLIENTS_MAX
#define NOBODY CLIENTS

void p2p_slots_init(struct p2p_slots *slots) { memset(slots, 0, sizeof *slots); }

void p2p_slots_set_available(struct p2p_slots *slots, uint32_t available) {
  slots->available = available;
}

void p2p_slots_close(struct p2p_slots *slots, uint64_t now_ms) {
  slots->closed = true;
  for (size_t i = 0; i < CLIENTS; i++) slots->clients[i].idle_since_ms = now_ms;
}

uint32_t p2p_slots_held(const struct p2p_slots *slots) {
  uint32_t held = 0;
  for (size_t i = 0; i < CLIENTS; i++) held += slots->clients[i].held;
  return held;
}

int p2p_slots_add(struct p2p_slots *slots) {
  for (size_t i = 0; i < CLIENTS; i++) {
    if (slots->clients[i].present) continue;
    slots->clients[i] = (struct p2p_slots_client){.present = true};
    return (int)i;
  }
  return -1;
}

void p2p_slots_remove(struct p2p_slots *slots, size_t client) {
  slots->clients[client] = (struct p2p_slots_client){.present = false};
}

void p2p_slots_want(struct p2p_slots *slots, size_t client, uint32_t count) {
  slots->clients[client].want = count;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

bool p2p_slots_give_back(struct p2p_slots *slots, size_t client, uint32_t count) {
  struct p2p_slots_client *c = &slots->clients[client];
  if (count > c->held - c->busy) return false;
  c->held -= count;
  c->recalled -= least(count, c->recalled);
  c->fresh = least(c->fresh, c->held - c->busy);
  return true;
}

bool p2p_slots_begin(struct p2p_slots *slots, size_t client) {
  struct p2p_slots_client *c = &slots->clients[client];
  if (c->busy >= c->held) return false;
  c->busy++;
  if (c->fresh > 0) c->fresh--;
  return true;
}

void p2p_slots_end(struct p2p_slots *slots, size_t client, uint64_t now_ms) {
  slots->clients[client].busy--;
  slots->clients[client].idle_since_ms = now_ms;
}

static uint32_t count_free(const struct p2p_slots *slots) {
  uint32_t held = p2p_slots_held(slots);
  return held < slots->available ? slots->available - held : 0;
}

/* Of those who want more than `has`, the one that has the fewest; of equals, the one whose turn is
 * longest ago. */
static size_t find_short(const struct p2p_slots *slots, const uint32_t has[CLIENTS]) {
  size_t found = NOBODY;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (!c->present || c->want <= has[i]) continue;
    if (found == NOBODY || has[i] < has[found] ||
        (has[i] == has[found] && c->served < slots->clients[found].served))
      found = i;
  }
  return found;
}

static bool grant(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  uint32_t held[CLIENTS];
  if (count_free(slots) == 0) return false;
  for (size_t i = 0; i < CLIENTS; i++) held[i] = slots->clients[i].held;
  size_t to = find_short(slots, held);
  if (to == NOBODY) return false;
  struct p2p_slots_client *c = &slots->clients[to];
  if (c->held == c->busy) c->idle_since_ms = now_ms;
  c->held++;
  c->fresh++;
  c->fresh_until_ms = now_ms + P2P_SLOTS_FRESH_MS;
  c->served = ++slots->turn;
  *step = (struct p2p_slots_step){P2P_SLOTS_GRANT, to, 1};
  return true;
}

static uint32_t recallable(const struct p2p_slots_client *c, uint64_t now_ms) {
  uint32_t bound = c->recalled + (now_ms < c->fresh_until_ms ? c->fresh : 0);
  return c->held > bound ? c->held - bound : 0;
}

/* Who gives one up for `to`: one with more than it has work for, else the one that will have the
 * most, if that is more than `to` will have. */
static size_t find_giver(const struct p2p_slots *slots, const uint32_t has[CLIENTS], size_t to,
                         uint64_t now_ms) {
  size_t found = NOBODY;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (!c->present || i == to || recallable(c, now_ms) == 0) continue;
    if (has[i] > c->want) return i;
    if (has[i] > has[to] && (found == NOBODY || has[i] > has[found])) found = i;
  }
  return found;
}

/* What each will have once all that is recalled has come back and was granted; returns who is short
 * even then. */
static size_t foresee(const struct p2p_slots *slots, uint32_t has[CLIENTS]) {
  uint32_t coming = count_free(slots);
  for (size_t i = 0; i < CLIENTS; i++) {
    has[i] = slots->clients[i].held - slots->clients[i].recalled;
    coming += slots->clients[i].recalled;
  }
  size_t to = find_short(slots, has);
  for (; to != NOBODY && coming > 0; coming--, to = find_short(slots, has)) has[to]++;
  return to;
}

static bool recall(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  uint32_t has[CLIENTS];
  size_t to = foresee(slots, has);
  if (to == NOBODY) return false;
  size_t from = find_giver(slots, has, to, now_ms);
  if (from == NOBODY) return false;
  slots->clients[from].recalled++;
  *step = (struct p2p_slots_step){P2P_SLOTS_RECALL, from, 1};
  return true;
}

static bool recall_all(struct p2p_slots *slots, struct p2p_slots_step *step) {
  for (size_t i = 0; i < CLIENTS; i++) {
    struct p2p_slots_client *c = &slots->clients[i];
    if (c->held <= c->recalled) continue;
    *step = (struct p2p_slots_step){P2P_SLOTS_RECALL, i, c->held - c->recalled};
    c->recalled = c->held;
    return true;
  }
  return false;
}

/* Whether someone else wants more than it holds. */
static bool others_wait(const struct p2p_slots *slots, size_t client) {
  if (slots->closed) return true;
  for (size_t i = 0; i < CLIENTS; i++)
    if (i != client && slots->clients[i].present && slots->clients[i].want > slots->clients[i].held)
      return true;
  return false;
}

static bool evict(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (c->held == c->busy || now_ms < c->idle_since_ms + P2P_SLOTS_OVERDUE_MS ||
        !others_wait(slots, i))
      continue;
    p2p_slots_remove(slots, i);
    *step = (struct p2p_slots_step){P2P_SLOTS_EVICT, i, 0};
    return true;
  }
  return false;
}

bool p2p_slots_next(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  if (evict(slots, now_ms, step)) return true;
  if (slots->closed) return recall_all(slots, step);
  return grant(slots, now_ms, step) || recall(slots, now_ms, step);
}

uint64_t p2p_slots_deadline(const struct p2p_slots *slots, uint64_t now_ms) {
  uint64_t soonest = P2P_SLOTS_NEVER;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (c->held == c->busy || !others_wait(slots, i)) continue;
    uint64_t overdue_ms = c->idle_since_ms + P2P_SLOTS_OVERDUE_MS;
    if (overdue_ms < soonest) soonest = overdue_ms;
    if (!slots->closed && c->fresh > 0 && now_ms < c->fresh_until_ms && c->fresh_until_ms < soonest)
      soonest = c->fresh_until_ms;
  }
  return soonest;
}
