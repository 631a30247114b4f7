/* What a worker lends at this moment: applies the policy of its owner, and what the owner asks over
 * the control socket, to the slots, and tells the board and each client. io thread only. */
#ifndef P2P_WORKER_LENDING_H
#define P2P_WORKER_LENDING_H

#include "worker/announcer.h"
#include "worker/control.h"
#include "worker/links.h"
#include "worker/load_report.h"
#include "worker/policy_watch.h"
#include "worker/slots.h"
#include "worker/tally.h"

struct p2p_lending;

struct p2p_lending_config {
  struct p2p_policy_watch_config watch; /* on_change and arg: call p2p_lending_apply soon */
  struct p2p_slots *slots;              /* borrowed, as is `links` */
  const struct p2p_links *links;
  const struct p2p_tally *tally; /* borrowed */
  uint32_t n_slots;
  const char *file;            /* of the policy; NULL: none */
  const char *control_folder;  /* see p2p_control_prepare; NULL: no control socket */
  void (*on_drain)(void *arg); /* the owner asks for it; with watch.arg */
};

/* Lends to all, at any time. A file that cannot be watched, or a control socket that cannot be
 * made, is a warning in the log. */
int p2p_lending_new(const struct p2p_lending_config *config, struct p2p_lending **out,
                    struct p2p_err *err) P2P_MUST_USE;
/* Whether the file has changed since the last call. The log says so, too, which wakes R. */
bool p2p_lending_take_change(struct p2p_lending *lending);
/* From now on; call p2p_lending_apply soon. */
void p2p_lending_set_policy(struct p2p_lending *lending, const struct p2p_policy *policy);
/* Whether running futures are to stand still now. */
bool p2p_lending_pauses(const struct p2p_lending *lending);
/* Fills in the cluster and the state. */
void p2p_lending_describe(const struct p2p_lending *lending, struct p2p_worker_report *out);
/* Bars the clients that get no slots now. To be called before p2p_slots_next. */
void p2p_lending_apply(struct p2p_lending *lending, uint64_t now_ms);
/* Borrowed, until the lending is freed; to be set once. */
void p2p_lending_set_announcer(struct p2p_lending *lending, struct p2p_announcer *announcer);
/* Sends LOAD to clients whose load has changed, and sets it in the hellos of the announcer. Returns
 * when to call it again if nothing changes before; P2P_SLOTS_NEVER. */
uint64_t p2p_lending_report(struct p2p_lending *lending, uint64_t now_ms);
void p2p_lending_free(struct p2p_lending *lending); /* takes NULL */

#endif
