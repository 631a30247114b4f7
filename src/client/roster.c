/* Owns the list of workers, which their hello and leave lines change. */
#include "client/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "protocol/leave.h"

void p2p_roster_init(struct p2p_roster *roster, const char *r_version) {
  *roster = (struct p2p_roster){0};
  snprintf(roster->r_version, sizeof roster->r_version, "%s", r_version);
}

void p2p_roster_clear(struct p2p_roster *roster) {
  for (size_t i = 0; i < roster->length; i++) free(roster->workers[i]);
  free(roster->workers);
  free(roster->users);
  *roster = (struct p2p_roster){0};
}

static struct p2p_roster_worker *find(const struct p2p_roster *roster, const char *id) {
  for (size_t i = 0; i < roster->length; i++) {
    if (strcmp(roster->workers[i]->member.id, id) == 0) return roster->workers[i];
  }
  return NULL;
}

static struct p2p_roster_worker *find_with_key(const struct p2p_roster *roster,
                                               const struct p2p_hello_line *hello,
                                               const struct p2p_line_badge *badge) {
  for (size_t i = 0; i < roster->length; i++) {
    struct p2p_roster_worker *worker = roster->workers[i];
    if (strcmp(worker->member.id, hello->from.id) == 0 &&
        memcmp(&worker->key, &hello->key, sizeof hello->key) == 0 &&
        p2p_sign_same(&worker->device, &badge->device))
      return worker;
  }
  return NULL;
}

static bool has_name(const struct p2p_roster *roster, const char *name) {
  for (size_t i = 0; i < roster->length; i++) {
    if (strcmp(roster->workers[i]->member.name, name) == 0) return true;
  }
  return false;
}

/* Returns the index of the user; -1: out of memory. */
static long find_user(struct p2p_roster *roster, const char *name) {
  for (size_t i = 0; i < roster->n_users; i++)
    if (strcmp(roster->users[i].name, name) == 0) return (long)i;
  struct p2p_roster_user *users = realloc(roster->users, (roster->n_users + 1) * sizeof *users);
  if (users == NULL) return -1;
  roster->users = users;
  users[roster->n_users] = (struct p2p_roster_user){0};
  snprintf(users[roster->n_users].name, sizeof users->name, "%s", name);
  return (long)roster->n_users++;
}

static bool may_give_way(const struct p2p_roster_worker *worker) {
  return !worker->was_linked && worker->link == NULL;
}

/* The user with the most workers that may give way. */
static uint32_t find_crowd(struct p2p_roster *roster) {
  uint32_t most = 0;
  for (size_t i = 0; i < roster->n_users; i++) roster->users[i].tally = 0;
  for (size_t i = 0; i < roster->length; i++)
    roster->users[roster->workers[i]->user].tally += may_give_way(roster->workers[i]);
  for (uint32_t i = 1; i < roster->n_users; i++)
    if (roster->users[i].tally > roster->users[most].tally) most = i;
  return most;
}

/* Frees the place of a worker that was never linked, if possible of one whose link has failed. It
 * is chosen at random, so that a sender of many hellos cannot predict it. NULL if all were linked.
 */
static struct p2p_roster_worker *replace_one(struct p2p_roster *roster) {
  struct p2p_roster_worker *found = NULL;
  uint32_t user = find_crowd(roster);
  size_t first = p2p_random_below((uint32_t)roster->length);
  for (size_t i = 0; i < roster->length; i++) {
    struct p2p_roster_worker *worker = roster->workers[(first + i) % roster->length];
    if (worker->user != user || !may_give_way(worker)) continue;
    if (found == NULL || worker->failures > 0) found = worker;
    if (worker->failures > 0) break;
  }
  if (found != NULL) *found = (struct p2p_roster_worker){0};
  return found;
}

static struct p2p_roster_worker *add(struct p2p_roster *roster) {
  if (roster->length == P2P_ROSTER_MAX) return replace_one(roster);
  if (roster->length == roster->capacity) {
    size_t capacity = roster->capacity == 0 ? 16 : 2 * roster->capacity;
    struct p2p_roster_worker **workers = realloc(roster->workers, capacity * sizeof *workers);
    if (workers == NULL) return NULL;
    roster->workers = workers;
    roster->capacity = capacity;
  }
  struct p2p_roster_worker *worker = calloc(1, sizeof *worker);
  if (worker != NULL) roster->workers[roster->length++] = worker;
  return worker;
}

/* A worker keeps the name that people have seen, also when another one of this name has left. */
static void set_member(const struct p2p_roster *roster, struct p2p_roster_worker *worker,
                       const struct p2p_identity *member) {
  if (strcmp(worker->member.name, member->name) == 0) return;
  p2p_identity_label(member, has_name(roster, member->name), worker->name);
  worker->member = *member;
}

static int check_sandbox(const struct p2p_roster *roster, struct p2p_roster_worker *worker,
                         struct p2p_err *err) {
  const char *sandbox = p2p_machine_sandbox_name(worker->machine.sandbox);
  worker->is_too_open = worker->machine.sandbox < roster->sandbox;
  if (!worker->is_too_open) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_VERSION,
                     "worker '%s' has sandbox '%s', and this session wants at least '%s'",
                     worker->name, sandbox[0] != '\0' ? sandbox : "none",
                     p2p_machine_sandbox_name(roster->sandbox));
}

static void check(struct p2p_roster *roster, struct p2p_roster_worker *worker) {
  struct p2p_err err;
  int code = p2p_versions_check(worker->name, worker->r_version, worker->future_version,
                                roster->r_version, &err);
  if (code == P2P_OK) code = check_sandbox(roster, worker, &err);
  worker->compatible = code == P2P_OK;
  if (!worker->compatible) {
    snprintf(roster->incompatible_why, sizeof roster->incompatible_why, "%.*s",
             (int)sizeof roster->incompatible_why - 1, err.message);
  }
}

/* A worker does not change its versions and its sandbox: one that was compatible remains so until
 * its link says otherwise. */
static void describe(struct p2p_roster *roster, struct p2p_roster_worker *worker,
                     const struct p2p_hello_line *hello) {
  worker->slots = hello->slots;
  worker->machine = hello->machine;
  if (worker->compatible) return;
  memcpy(worker->r_version, hello->r_version, sizeof worker->r_version);
  memcpy(worker->future_version, hello->future_version, sizeof worker->future_version);
  check(roster, worker);
}

/* A hello of a new worker. */
static struct p2p_roster_worker *add_hello(struct p2p_roster *roster,
                                           const struct p2p_hello_line *hello,
                                           const struct p2p_line_badge *badge) {
  long user = find_user(roster, badge->user);
  struct p2p_roster_worker *worker = user >= 0 ? add(roster) : NULL;
  if (worker == NULL) return NULL;
  worker->key = hello->key;
  worker->user = (uint32_t)user;
  worker->device = badge->device;
  return worker;
}

/* A hello of a known worker. */
static void take_hello(struct p2p_roster *roster, struct p2p_roster_worker *worker,
                       const struct p2p_hello_line *hello, uint64_t now_ms) {
  memcpy(worker->hello, hello->id, sizeof worker->hello);
  worker->last_seen_ms = now_ms;
  worker->has_left = worker->is_lost = false;
  if (worker->link == NULL) {
    set_member(roster, worker, &hello->from);
    worker->busy = hello->busy;
    worker->waiting = hello->waiting;
    memcpy(worker->state, hello->state, sizeof worker->state);
  }
  if (worker->link == NULL && !worker->was_linked) describe(roster, worker, hello);
}

static bool may_check(struct p2p_roster *roster, uint64_t now_ms) {
  if (now_ms - roster->checks_since_ms >= 1000) {
    roster->checks_since_ms = now_ms;
    roster->checks = 0;
  }
  if (roster->checks >= P2P_ROSTER_CHECKS_MAX) return false;
  roster->checks++;
  return true;
}

static bool is_believed(struct p2p_roster *roster, const struct p2p_line *line,
                        const struct p2p_credentials *ours, struct p2p_line_badge *out) {
  bool has_known = roster->known_epoch == ours->key.epoch;
  if (!p2p_certified_line_check(line, ours, has_known ? &roster->known : NULL, out)) return false;
  roster->known = *out;
  roster->known_epoch = ours->key.epoch;
  return true;
}

static enum p2p_roster_change on_hello(struct p2p_roster *roster, const struct p2p_line *line,
                                       const struct p2p_credentials *ours, uint64_t now_ms,
                                       struct p2p_roster_worker **out) {
  struct p2p_hello_line hello;
  struct p2p_line_badge badge = {0};
  int code = p2p_hello_line_read(line, &hello);
  if (code == P2P_ERR_PARSE && strcmp(p2p_line_get(line, "type"), "worker") == 0)
    return P2P_ROSTER_MALFORMED;
  if (code != P2P_OK || hello.role != P2P_ROLE_WORKER) return P2P_ROSTER_IGNORED;
  if (ours != NULL && !may_check(roster, now_ms)) return P2P_ROSTER_SKIPPED;
  if (ours != NULL && !is_believed(roster, line, ours, &badge)) return P2P_ROSTER_FORGED;
  struct p2p_roster_worker *worker = find_with_key(roster, &hello, &badge);
  bool is_known = worker != NULL;
  if (is_known && ours != NULL && badge.number <= worker->number) return P2P_ROSTER_IGNORED;
  if (!is_known && (worker = add_hello(roster, &hello, &badge)) == NULL) return P2P_ROSTER_FULL;
  worker->number = badge.number;
  take_hello(roster, worker, &hello, now_ms);
  *out = worker;
  return is_known ? P2P_ROSTER_UPDATED : P2P_ROSTER_ADDED;
}

enum p2p_roster_change p2p_roster_update(struct p2p_roster *roster, const struct p2p_line *line,
                                         const struct p2p_credentials *ours, uint64_t now_ms,
                                         struct p2p_roster_worker **worker) {
  struct p2p_identity from;
  *worker = NULL;
  if (p2p_leave_read(line, &from) != P2P_OK) return on_hello(roster, line, ours, now_ms, worker);
  *worker = find(roster, from.id);
  return *worker != NULL ? P2P_ROSTER_LEFT : P2P_ROSTER_IGNORED;
}

int p2p_roster_set_hello(struct p2p_roster *roster, struct p2p_roster_worker *worker,
                         const struct p2p_hello *hello, struct p2p_err *err) {
  snprintf(worker->r_version, sizeof worker->r_version, "%s", hello->r_version);
  snprintf(worker->future_version, sizeof worker->future_version, "%s", hello->future_version);
  worker->slots = hello->slots;
  worker->machine = hello->machine;
  worker->was_linked = true;
  roster->users[worker->user].failures = 0;
  check(roster, worker);
  return worker->compatible ? P2P_OK
                            : p2p_err_set(err, P2P_ERR_VERSION, "%s", roster->incompatible_why);
}

void p2p_roster_add_failure(struct p2p_roster *roster, struct p2p_roster_worker *worker) {
  worker->failures++;
  if (!worker->was_linked) roster->users[worker->user].failures++;
}

static void remove_at(struct p2p_roster *roster, size_t at) {
  free(roster->workers[at]);
  roster->length--;
  memmove(roster->workers + at, roster->workers + at + 1,
          (roster->length - at) * sizeof *roster->workers);
}

void p2p_roster_remove(struct p2p_roster *roster, struct p2p_roster_worker *worker) {
  for (size_t i = 0; i < roster->length; i++) {
    if (roster->workers[i] == worker) {
      remove_at(roster, i);
      return;
    }
  }
}

uint64_t p2p_roster_expire(struct p2p_roster *roster, uint64_t now_ms) {
  uint64_t next_ms = UINT64_MAX;
  for (size_t i = roster->length; i-- > 0;) {
    const struct p2p_roster_worker *worker = roster->workers[i];
    if (worker->link != NULL) continue;
    uint64_t until_ms = worker->last_seen_ms + P2P_ROSTER_SILENCE_MS;
    if (until_ms <= now_ms)
      remove_at(roster, i);
    else if (until_ms < next_ms)
      next_ms = until_ms;
  }
  return next_ms;
}
