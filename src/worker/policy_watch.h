/* Watches whether a worker may lend by the policy of its owner: asks the machine for what the
 * policy depends on, and looks again when the answer may be another. Nothing reports a change of
 * load, of the supply of power or of the use of a machine to other programs, so it asks every
 * P2P_POLICY_WATCH_FACTS_MS while the policy depends on one of them; the time alone needs no more
 * than a timer to the next change, at most P2P_POLICY_WATCH_CLOCK_MS, since the clock may be set
 * and the machine may sleep. io thread only. */
#ifndef P2P_WORKER_POLICY_WATCH_H
#define P2P_WORKER_POLICY_WATCH_H

#include "base/log_queue.h"
#include "net/loop.h"
#include "worker/policy.h"

#define P2P_POLICY_WATCH_FACTS_MS 10000
#define P2P_POLICY_WATCH_CLOCK_MS 60000

struct p2p_policy_watch;

struct p2p_policy_watch_config {
  struct p2p_loop *loop;
  struct p2p_log_queue *log; /* borrowed */
  /* The program that says since when nobody has used the machine (see p2p_idle_read),
   * NULL-terminated; NULL: there is none. Copied. */
  const char *const *idle_argv;
  void (*on_change)(void *arg); /* the verdict has changed; must not free the watch */
  void *arg;
};

/* Has the policy that lends to all, at any time. */
int p2p_policy_watch_new(const struct p2p_policy_watch_config *config,
                         struct p2p_policy_watch **out, struct p2p_err *err) P2P_MUST_USE;
/* Never calls on_change from within. */
void p2p_policy_watch_set(struct p2p_policy_watch *watch, const struct p2p_policy *policy);
const struct p2p_policy *p2p_policy_watch_policy(const struct p2p_policy_watch *watch);
/* How many futures run from now on. */
void p2p_policy_watch_note_running(struct p2p_policy_watch *watch, uint32_t running);
/* Why nothing is lent now, see struct p2p_load; "": something is. */
const char *p2p_policy_watch_state(const struct p2p_policy_watch *watch);
void p2p_policy_watch_free(struct p2p_policy_watch *watch); /* takes NULL */

#endif
