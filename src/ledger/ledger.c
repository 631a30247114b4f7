/* Entries in the order of their keys: those of one user are side by side. */
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 8

/* ---- keys ---- */

int p2p_ledger_key_compare(const struct p2p_ledger_key *a, const struct p2p_ledger_key *b) {
  if (a->side != b->side) return a->side < b->side ? -1 : 1;
  int order = strcmp(a->cluster, b->cluster);
  if (order == 0) order = strcmp(a->user, b->user);
  return order != 0 ? order : strcmp(a->machine, b->machine);
}

static bool is_of_same_user(const struct p2p_ledger_key *a, const struct p2p_ledger_key *b) {
  return a->side == b->side && strcmp(a->cluster, b->cluster) == 0 && strcmp(a->user, b->user) == 0;
}

static bool cluster_is_valid(const char *cluster) {
  size_t owner = strcspn(cluster, "/");
  return cluster[owner] == '/' && p2p_user_name_is_valid(cluster, owner) &&
         p2p_cluster_name_is_valid(cluster + owner + 1, strlen(cluster + owner + 1));
}

bool p2p_ledger_key_is_valid(const struct p2p_ledger_key *key) {
  char member[P2P_LEDGER_CLUSTER_MAX + P2P_MEMBER_NAME_MAX];
  if (key->user[0] == '\0') return key->cluster[0] == '\0' && key->machine[0] == '\0';
  snprintf(member, sizeof member, "%s@%s:0", key->user,
           key->machine[0] != '\0' ? key->machine : "x");
  return cluster_is_valid(key->cluster) && p2p_member_name_is_valid(member);
}

bool p2p_ledger_key_set(struct p2p_ledger_key *out, enum p2p_ledger_side side, const char *cluster,
                        const char *member) {
  size_t user = strcspn(member, "@");
  const char *machine = member + user + (member[user] != '\0');
  *out = (struct p2p_ledger_key){.side = side};
  if (user >= sizeof out->user || strlen(cluster) >= sizeof out->cluster ||
      strcspn(machine, ":") >= sizeof out->machine)
    return false;
  snprintf(out->user, sizeof out->user, "%.*s", (int)user, member);
  snprintf(out->machine, sizeof out->machine, "%.*s", (int)strcspn(machine, ":"), machine);
  snprintf(out->cluster, sizeof out->cluster, "%s", cluster);
  return out->user[0] != '\0' && out->machine[0] != '\0' && p2p_ledger_key_is_valid(out);
}

/* ---- entries ---- */

/* Where the key is, or would be. */
static size_t find(const struct p2p_ledger *ledger, const struct p2p_ledger_key *key, bool *found) {
  size_t from = 0, to = ledger->n;
  *found = false;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    int order = p2p_ledger_key_compare(&ledger->entries[middle].key, key);
    if (order == 0) *found = true;
    if (order < 0)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

static void add_count(uint64_t *to, uint64_t more) {
  *to = more < P2P_LEDGER_COUNT_MAX - *to ? *to + more : P2P_LEDGER_COUNT_MAX;
}

static void add_counts(struct p2p_ledger_entry *to, const struct p2p_ledger_entry *more) {
  add_count(&to->counts.futures, more->counts.futures);
  add_count(&to->counts.failed, more->counts.failed);
  add_count(&to->counts.ms, more->counts.ms);
  add_count(&to->counts.bytes_in, more->counts.bytes_in);
  add_count(&to->counts.bytes_out, more->counts.bytes_out);
  if (more->since_s < to->since_s) to->since_s = more->since_s;
  if (more->latest_s > to->latest_s) to->latest_s = more->latest_s;
}

/* There is room for it. */
static void put(struct p2p_ledger *ledger, const struct p2p_ledger_entry *entry) {
  bool found;
  size_t at = find(ledger, &entry->key, &found);
  struct p2p_ledger_entry *to = &ledger->entries[at];
  if (!found) {
    memmove(to + 1, to, (ledger->n - at) * sizeof *to);
    *to = (struct p2p_ledger_entry){.key = entry->key, .since_s = entry->since_s};
    ledger->n++;
  }
  add_counts(to, entry);
}

static void remove_at(struct p2p_ledger *ledger, size_t at) {
  struct p2p_ledger_entry *entry = &ledger->entries[at];
  if (at >= ledger->n) return; /* never; for the compiler */
  memmove(entry, entry + 1, (ledger->n - at - 1) * sizeof *entry);
  ledger->n--;
}

static int make_room(struct p2p_ledger *ledger) {
  if (ledger->n < ledger->capacity) return P2P_OK;
  size_t capacity = ledger->capacity == 0 ? FIRST_CAPACITY : 2 * ledger->capacity;
  struct p2p_ledger_entry *entries = realloc(ledger->entries, capacity * sizeof *entries);
  if (entries == NULL) return P2P_ERR_MEMORY;
  ledger->entries = entries;
  ledger->capacity = capacity;
  return P2P_OK;
}

/* ---- too many of them ---- */

/* The first entry of the user with the most machines, and their number. */
static size_t find_crowd(const struct p2p_ledger *ledger, size_t *machines) {
  size_t crowd = 0, first = 0, n = 0;
  *machines = 0;
  for (size_t i = 0; i < ledger->n; i++) {
    if (i == 0 || !is_of_same_user(&ledger->entries[i].key, &ledger->entries[first].key)) {
      first = i;
      n = 0;
    }
    n += ledger->entries[i].key.machine[0] != '\0';
    if (n <= *machines) continue;
    *machines = n;
    crowd = first;
  }
  return crowd;
}

/* The entry that was used longest ago: of the machines of this user, or of all users (NULL). */
static size_t find_oldest(const struct p2p_ledger *ledger, const struct p2p_ledger_key *user) {
  size_t oldest = ledger->n;
  for (size_t i = 0; i < ledger->n; i++) {
    const struct p2p_ledger_key *key = &ledger->entries[i].key;
    bool counts =
        user != NULL ? is_of_same_user(key, user) && key->machine[0] != '\0' : key->user[0] != '\0';
    if (counts &&
        (oldest == ledger->n || ledger->entries[i].latest_s < ledger->entries[oldest].latest_s))
      oldest = i;
  }
  return oldest;
}

/* Counts one entry with others of its user or, if users have one machine each, with other users.
 * The first time, the entry of these others takes its place. */
static void fold(struct p2p_ledger *ledger) {
  size_t machines, crowd = find_crowd(ledger, &machines);
  bool within_user = machines > 1;
  size_t at = find_oldest(ledger, within_user ? &ledger->entries[crowd].key : NULL);
  struct p2p_ledger_entry entry = ledger->entries[at];
  remove_at(ledger, at);
  if (within_user)
    entry.key.machine[0] = '\0';
  else
    entry.key = (struct p2p_ledger_key){.side = entry.key.side};
  put(ledger, &entry);
}

/* ---- for others ---- */

int p2p_ledger_add(struct p2p_ledger *ledger, const struct p2p_ledger_entry *entry) {
  bool found;
  (void)find(ledger, &entry->key, &found);
  while (!found && ledger->n >= P2P_LEDGER_MAX) fold(ledger);
  int code = found ? P2P_OK : make_room(ledger);
  if (code == P2P_OK) put(ledger, entry);
  return code;
}

int p2p_ledger_merge(struct p2p_ledger *ledger, const struct p2p_ledger *more) {
  int code = P2P_OK;
  for (size_t i = 0; i < more->n && code == P2P_OK; i++)
    code = p2p_ledger_add(ledger, &more->entries[i]);
  return code;
}

void p2p_ledger_forget(struct p2p_ledger *ledger, const char *cluster) {
  for (size_t i = ledger->n; i-- > 0;)
    if (strcmp(ledger->entries[i].key.cluster, cluster) == 0) remove_at(ledger, i);
}

void p2p_ledger_clear(struct p2p_ledger *ledger) {
  free(ledger->entries);
  *ledger = (struct p2p_ledger){0};
}
