/* A free slot goes to the client that is short of slots and holds the fewest, in turns: the user
 * who holds the fewest comes first, and of equals the one whose last turn is longest ago, then the
 * same for the clients of this user. With none free, a slot is recalled from a client that holds
 * more than it has work for, or else more than the client that waits, or whose user does. With one
 * slot and two busy clients it alternates with every task. */
#include "worker/slots.h"

#include <stdio.h>
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

void p2p_slots_set_share(struct p2p_slots *slots, uint32_t share) { slots->share = share; }

void p2p_slots_bar(struct p2p_slots *slots, size_t client, bool barred, uint64_t now_ms) {
  struct p2p_slots_client *c = &slots->clients[client];
  if (barred && !c->barred) c->idle_since_ms = now_ms;
  c->barred = barred;
}

uint32_t p2p_slots_held(const struct p2p_slots *slots) {
  uint32_t held = 0;
  for (size_t i = 0; i < CLIENTS; i++) held += slots->clients[i].held;
  return held;
}

bool p2p_slots_are_wanted(const struct p2p_slots *slots) {
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++)
    if (slots->clients[i].present && slots->clients[i].want > 0) return true;
  return false;
}

/* A group without clients: there are as many groups as clients. */
static size_t find_group(const struct p2p_slots *slots) {
  bool is_taken[CLIENTS + 1] = {false};
  size_t group = 0;
  for (size_t i = 0; i < CLIENTS; i++)
    if (slots->clients[i].present) is_taken[slots->clients[i].group] = true;
  while (is_taken[group]) group++;
  return group;
}

int p2p_slots_add(struct p2p_slots *slots) {
  for (size_t i = 0; i < CLIENTS; i++) {
    if (slots->clients[i].present) continue;
    slots->clients[i] = (struct p2p_slots_client){.present = true, .group = find_group(slots)};
    return (int)i;
  }
  return -1;
}

void p2p_slots_set_user(struct p2p_slots *slots, size_t client, const char *user) {
  struct p2p_slots_client *c = &slots->clients[client];
  snprintf(c->user, sizeof c->user, "%s", user);
  for (size_t i = 0; i < CLIENTS; i++)
    if (i != client && slots->clients[i].present && strcmp(slots->clients[i].user, user) == 0)
      c->group = slots->clients[i].group;
}

size_t p2p_slots_crowd(const struct p2p_slots *slots, size_t client) {
  size_t count = 0;
  for (size_t i = 0; i < CLIENTS; i++)
    count += slots->clients[i].present && slots->clients[i].group == slots->clients[client].group;
  return count;
}

void p2p_slots_remove(struct p2p_slots *slots, size_t client) {
  slots->clients[client] = (struct p2p_slots_client){.present = false};
}

void p2p_slots_want(struct p2p_slots *slots, size_t client, uint32_t count) {
  slots->clients[client].want = count;
}

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t count_idle(const struct p2p_slots_client *c) { return c->held - c->busy; }

bool p2p_slots_return(struct p2p_slots *slots, size_t client, uint32_t count) {
  struct p2p_slots_client *c = &slots->clients[client];
  if (count > count_idle(c)) return false;
  c->held -= count;
  c->recalled -= min_u32(count, c->recalled);
  c->fresh = min_u32(c->fresh, count_idle(c));
  if (count > 0) c->owes = false;
  return true;
}

/* A TASK may cross a RECALL on the way, but not for long. */
bool p2p_slots_start_task(struct p2p_slots *slots, size_t client, uint64_t now_ms) {
  struct p2p_slots_client *c = &slots->clients[client];
  uint32_t idle = count_idle(c);
  if (idle == 0) return false;
  if (c->recalled >= idle && now_ms >= c->recalled_since_ms + P2P_SLOTS_OVERDUE_MS) return false;
  c->busy++;
  if (c->fresh > 0) c->fresh--;
  return true;
}

void p2p_slots_end_task(struct p2p_slots *slots, size_t client, uint64_t now_ms) {
  slots->clients[client].busy--;
  slots->clients[client].idle_since_ms = now_ms;
}

static uint32_t count_free(const struct p2p_slots *slots) {
  uint32_t held = p2p_slots_held(slots);
  return held < slots->available ? slots->available - held : 0;
}

/* What the clients of one user have together, by their group. */
struct groups {
  uint32_t has[CLIENTS];
  uint64_t turn[CLIENTS];
};

static struct groups add_up(const struct p2p_slots *slots, const uint32_t has[CLIENTS]) {
  struct groups groups = {{0}, {0}};
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (!c->present) continue;
    groups.has[c->group] += has[i];
    if (c->turn > groups.turn[c->group]) groups.turn[c->group] = c->turn;
  }
  return groups;
}

/* Whether it is the turn of client `a` rather than of `b`. */
static bool is_before(const struct p2p_slots *slots, const struct groups *groups,
                      const uint32_t has[CLIENTS], size_t a, size_t b) {
  size_t group_a = slots->clients[a].group, group_b = slots->clients[b].group;
  if (groups->has[group_a] != groups->has[group_b])
    return groups->has[group_a] < groups->has[group_b];
  if (groups->turn[group_a] != groups->turn[group_b])
    return groups->turn[group_a] < groups->turn[group_b];
  return has[a] != has[b] ? has[a] < has[b] : slots->clients[a].turn < slots->clients[b].turn;
}

/* Of the clients that want more slots than has[] and may have them, the one whose turn it is. */
static size_t find_short(const struct p2p_slots *slots, const uint32_t has[CLIENTS]) {
  struct groups groups = add_up(slots, has);
  size_t found = NOBODY;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (!c->present || c->barred || c->want <= has[i]) continue;
    if (slots->share > 0 && groups.has[c->group] >= slots->share) continue;
    if (found == NOBODY || is_before(slots, &groups, has, i, found)) found = i;
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
  if (count_idle(c) == 0) c->idle_since_ms = now_ms;
  c->held++;
  c->fresh++;
  c->fresh_until_ms = now_ms + P2P_SLOTS_FRESH_MS;
  c->turn = ++slots->turn;
  *step = (struct p2p_slots_step){P2P_SLOTS_GRANT, to, 1};
  return true;
}

static uint32_t recallable(const struct p2p_slots_client *c, uint64_t now_ms) {
  uint32_t bound = c->recalled + (now_ms < c->fresh_until_ms ? c->fresh : 0);
  return c->held > bound ? c->held - bound : 0;
}

/* Chooses the client to recall a slot from for `to`: one with more slots than it has work for, else
 * one whose user will have the most, if that is more than the user of `to` will have; of one user,
 * the client that will have the most, if that is more than `to`. */
static size_t find_giver(const struct p2p_slots *slots, const uint32_t has[CLIENTS], size_t to,
                         uint64_t now_ms) {
  struct groups groups = add_up(slots, has);
  size_t found = NOBODY, group_to = slots->clients[to].group;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (!c->present || i == to || recallable(c, now_ms) == 0) continue;
    if (has[i] > c->want) return i;
    bool has_more =
        c->group == group_to ? has[i] > has[to] : groups.has[c->group] > groups.has[group_to];
    if (!has_more) continue;
    uint32_t most = found == NOBODY ? 0 : groups.has[slots->clients[found].group];
    if (found == NOBODY || groups.has[c->group] > most ||
        (groups.has[c->group] == most && has[i] > has[found]))
      found = i;
  }
  return found;
}

/* Fills in how many slots each client will have once all recalled slots have been returned and
 * granted. Returns a client that is still short then, or NOBODY. */
static size_t predict(const struct p2p_slots *slots, uint32_t has[CLIENTS]) {
  uint32_t to_grant = count_free(slots);
  for (size_t i = 0; i < CLIENTS; i++) {
    has[i] = slots->clients[i].held - slots->clients[i].recalled;
    to_grant += slots->clients[i].recalled;
  }
  size_t to = find_short(slots, has);
  for (; to != NOBODY && to_grant > 0; to_grant--, to = find_short(slots, has)) has[to]++;
  return to;
}

static void note_recall(struct p2p_slots_client *c, uint32_t count, uint64_t now_ms) {
  c->recalled += count;
  c->recalled_since_ms = now_ms;
}

static bool recall(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  uint32_t has[CLIENTS];
  size_t to = predict(slots, has);
  if (to == NOBODY) return false;
  size_t from = find_giver(slots, has, to, now_ms);
  if (from == NOBODY) return false;
  note_recall(&slots->clients[from], 1, now_ms);
  *step = (struct p2p_slots_step){P2P_SLOTS_RECALL, from, 1};
  return true;
}

/* How many slots nobody may keep: those of a client that is barred, those beyond a user's share,
 * and all when the slots are closed. */
static uint32_t count_surplus(const struct p2p_slots *slots, const struct groups *groups,
                              size_t client) {
  const struct p2p_slots_client *c = &slots->clients[client];
  uint32_t keeps = c->held - c->recalled, of_user = groups->has[c->group];
  if (slots->closed || c->barred) return keeps;
  if (slots->share == 0 || of_user <= slots->share) return 0;
  return min_u32(keeps, of_user - slots->share);
}

static bool recall_surplus(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  uint32_t keeps[CLIENTS];
  for (size_t i = 0; i < CLIENTS; i++)
    keeps[i] = slots->clients[i].held - slots->clients[i].recalled;
  struct groups groups = add_up(slots, keeps);
  for (size_t i = 0; i < CLIENTS; i++) {
    uint32_t count = slots->clients[i].present ? count_surplus(slots, &groups, i) : 0;
    if (count == 0) continue;
    *step = (struct p2p_slots_step){P2P_SLOTS_RECALL, i, count};
    note_recall(&slots->clients[i], count, now_ms);
    return true;
  }
  return false;
}

static bool others_wait(const struct p2p_slots *slots, size_t client) {
  if (slots->closed || slots->clients[client].barred) return true;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    if (i != client && c->present && !c->barred && c->want > c->held) return true;
  }
  return false;
}

static void update_times(struct p2p_slots *slots, uint64_t now_ms) {
  for (size_t i = 0; i < CLIENTS; i++) {
    struct p2p_slots_client *c = &slots->clients[i];
    bool owes = c->recalled > 0 && count_idle(c) > 0;
    if (owes && !c->owes) c->owes_since_ms = now_ms;
    c->owes = owes;
    if (c->want > 0 || c->held > 0) c->used_ms = now_ms;
  }
}

/* When to evict the client if nothing changes before. */
static uint64_t eviction_ms(const struct p2p_slots *slots, size_t client) {
  const struct p2p_slots_client *c = &slots->clients[client];
  uint64_t since_ms = P2P_SLOTS_NEVER;
  if (count_idle(c) > 0 && others_wait(slots, client)) since_ms = c->idle_since_ms;
  if (c->owes && c->owes_since_ms < since_ms) since_ms = c->owes_since_ms;
  return since_ms == P2P_SLOTS_NEVER ? P2P_SLOTS_NEVER : since_ms + P2P_SLOTS_OVERDUE_MS;
}

static bool evict(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  for (size_t i = 0; i < CLIENTS; i++) {
    if (now_ms < eviction_ms(slots, i)) continue;
    p2p_slots_remove(slots, i);
    *step = (struct p2p_slots_step){P2P_SLOTS_EVICT, i, 0};
    return true;
  }
  return false;
}

bool p2p_slots_next(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step) {
  update_times(slots, now_ms);
  if (evict(slots, now_ms, step)) return true;
  if (recall_surplus(slots, now_ms, step)) return true;
  if (slots->closed) return false;
  return grant(slots, now_ms, step) || recall(slots, now_ms, step);
}

uint64_t p2p_slots_deadline(const struct p2p_slots *slots, uint64_t now_ms) {
  uint64_t soonest_ms = P2P_SLOTS_NEVER;
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct p2p_slots_client *c = &slots->clients[i];
    uint64_t at_ms = eviction_ms(slots, i);
    if (at_ms < soonest_ms) soonest_ms = at_ms;
    bool is_fresh = !slots->closed && !c->barred && c->fresh > 0 && now_ms < c->fresh_until_ms;
    if (is_fresh && count_idle(c) > 0 && others_wait(slots, i) && c->fresh_until_ms < soonest_ms)
      soonest_ms = c->fresh_until_ms;
  }
  return soonest_ms;
}
