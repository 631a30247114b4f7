/* The rules of the owner, in the order in which clients hear of them. */
#include "worker/policy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/list.h"
#include "protocol/pairs.h"

/* ---- hours ---- */

static bool is_within(const struct p2p_policy_hours *hours, int minute) {
  if (hours->from < hours->to) return minute >= hours->from && minute < hours->to;
  return minute >= hours->from || minute < hours->to;
}

static bool is_open(const struct p2p_policy *policy, time_t at, struct tm *local) {
  if (policy->n_hours == 0 || localtime_r(&at, local) == NULL) return true;
  for (size_t i = 0; i < policy->n_hours; i++)
    if (is_within(&policy->hours[i], 60 * local->tm_hour + local->tm_min)) return true;
  return false;
}

/* Asks for each minute of the next two days: so a day may have 23 or 25 hours, and an hour may not
 * exist or come twice. *local: the time of the change. 0: none. */
static uint64_t find_change(const struct p2p_policy *policy, time_t now, struct tm *local) {
  bool is_open_now = is_open(policy, now, local);
  if (policy->n_hours == 0) return 0;
  time_t minute = now - now % 60;
  for (int i = 1; i <= 2 * P2P_POLICY_DAY; i++)
    if (is_open(policy, minute + 60 * (time_t)i, local) != is_open_now)
      return (uint64_t)(minute + 60 * (time_t)i - now);
  return 0;
}

/* ---- the decision ---- */

static bool is_in_use(const struct p2p_policy *policy, const struct p2p_policy_facts *facts) {
  uint64_t unused_s = facts->knows_idle ? facts->idle_s : facts->quiet_s;
  return policy->when_idle_s > 0 && unused_s < policy->when_idle_s;
}

void p2p_policy_decide(const struct p2p_policy *policy, const struct p2p_policy_facts *facts,
                       struct p2p_policy_verdict *out) {
  struct tm local;
  const char *state = "";
  *out = (struct p2p_policy_verdict){.change_s = find_change(policy, facts->now, &local)};
  if (out->change_s > 0 && !is_open(policy, facts->now, &(struct tm){0})) {
    snprintf(out->state, sizeof out->state, "resting until %02u:%02u", (unsigned)local.tm_hour % 24,
             (unsigned)local.tm_min % 60);
    return;
  }
  if (facts->on_battery && policy->spares_battery)
    state = "resting on battery";
  else if (is_in_use(policy, facts))
    state = "resting while somebody uses it";
  else if (policy->max_load > 0 && facts->load > policy->max_load)
    state = "resting under load";
  snprintf(out->state, sizeof out->state, "%s", state);
}

bool p2p_policy_allows(const struct p2p_policy *policy, const char *user) {
  return policy->users[0] == '\0' || p2p_list_contains(policy->users, user);
}

bool p2p_policy_needs_load(const struct p2p_policy *policy) {
  return policy->max_load > 0 || policy->when_idle_s > 0;
}

bool p2p_policy_needs_facts(const struct p2p_policy *policy) {
  return p2p_policy_needs_load(policy) || policy->spares_battery;
}

/* ---- facts ---- */

double p2p_own_load_update(struct p2p_own_load *own, uint32_t running, uint64_t now_ms) {
  double kept = own->at_ms == 0 ? 1 : exp(-(double)(now_ms - own->at_ms) / 60000);
  own->average = own->average * kept + own->running * (1 - kept);
  own->running = running;
  own->at_ms = now_ms;
  return own->average;
}

static bool read_number(const char *text, uint64_t *out) {
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  *out = strtoull(text, &end, 10);
  return *end == '\0' || strcmp(end, "\n") == 0;
}

bool p2p_idle_read(const char *text, time_t now, uint64_t *idle_s) {
  char hint[8], since[24];
  uint64_t number;
  size_t length = strlen(text);
  if (read_number(text, &number)) {
    *idle_s = number / 1000;
    return true;
  }
  if (!p2p_pairs_get(text, length, "IdleHint", hint, sizeof hint)) return false;
  if (strcmp(hint, "no") == 0) {
    *idle_s = 0;
    return true;
  }
  if (strcmp(hint, "yes") != 0 ||
      !p2p_pairs_get(text, length, "IdleSinceHint", since, sizeof since) ||
      !read_number(since, &number))
    return false;
  number /= 1000000;
  *idle_s = number < (uint64_t)now ? (uint64_t)now - number : 0;
  return true;
}
