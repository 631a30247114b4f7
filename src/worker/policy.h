/* When a worker lends its slots, and to whom: the policy of its owner, decided over what is known
 * of the machine. Pure: facts and the time are arguments. */
#ifndef P2P_WORKER_POLICY_H
#define P2P_WORKER_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "protocol/load.h"

#define P2P_POLICY_HOURS_MAX 16
#define P2P_POLICY_USERS_LEN 4096
#define P2P_POLICY_DAY 1440 /* minutes */
/* How busy the machine may be with other programs if nobody can say who uses it. */
#define P2P_POLICY_IDLE_LOAD 0.5

/* Minutes of the local day, from 0 to P2P_POLICY_DAY: from `from` until before `to`, over midnight
 * if `to` is not larger. */
struct p2p_policy_hours {
  uint16_t from, to;
};

/* All zeros: lends to all, at any time. */
struct p2p_policy {
  struct p2p_policy_hours hours[P2P_POLICY_HOURS_MAX];
  size_t n_hours;                   /* 0: at any time */
  char users[P2P_POLICY_USERS_LEN]; /* "bob;carol"; "": all */
  uint32_t share;                   /* slots of one user at a time; 0: any number */
  double max_load;                  /* of other programs, processes that run; 0: any */
  uint32_t when_idle_s;             /* for so long, nobody must have used the machine; 0: any */
  bool spares_battery;              /* lends nothing on battery */
  bool pauses;                      /* while it lends nothing, running futures stand still */
};

struct p2p_policy_facts {
  time_t now;
  double load;      /* by other programs, an average of the last minute */
  bool on_battery;  /* as far as known */
  bool knows_idle;  /* idle_s is known; else the load counts, see P2P_POLICY_IDLE_LOAD */
  uint64_t idle_s;  /* since somebody used the machine */
  uint64_t quiet_s; /* since the load was above P2P_POLICY_IDLE_LOAD */
};

struct p2p_policy_verdict {
  char state[P2P_LOAD_STATE_MAX]; /* why it lends nothing, see struct p2p_load; "": it lends */
  uint64_t change_s;              /* when `hours` change this, from now; 0: they do not */
};

void p2p_policy_decide(const struct p2p_policy *policy, const struct p2p_policy_facts *facts,
                       struct p2p_policy_verdict *out);
/* Whether it lends to this user at all. */
bool p2p_policy_allows(const struct p2p_policy *policy, const char *user);
/* Whether it depends on the load; on anything that is not known from the time alone. */
bool p2p_policy_needs_load(const struct p2p_policy *policy);
bool p2p_policy_needs_facts(const struct p2p_policy *policy);

/* The load of this worker's own futures as the system averages it: with the weight exp(-age / 60
 * s). So the load of other programs is the rest. All zeros: none so far. */
struct p2p_own_load {
  double average;
  uint32_t running; /* since at_ms */
  uint64_t at_ms;
};
/* From now on, so many run. Returns the average. */
double p2p_own_load_update(struct p2p_own_load *own, uint32_t running, uint64_t now_ms);

/* Reads what `loginctl show-session` prints of the whole machine, IdleHint=yes or no and
 * IdleSinceHint= in microseconds since 1970, or xprintidle, in milliseconds, a number alone. Sets
 * *idle_s. False: neither. */
bool p2p_idle_read(const char *text, time_t now, uint64_t *idle_s);

#endif
