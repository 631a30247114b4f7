/* A worker on the board: says who it is and what it lends, again when a client comes and from time
 * to time, and hears the calls of clients that are sealed to its key. io thread only. */
#ifndef P2P_WORKER_ANNOUNCER_H
#define P2P_WORKER_ANNOUNCER_H

#include "base/log_queue.h"
#include "board/member.h"
#include "protocol/accept.h"

#define P2P_ANNOUNCER_BEAT_MS 60000

struct p2p_announcer;

struct p2p_announcer_config {
  struct p2p_member_config member;
  struct p2p_log_queue *log;              /* borrowed */
  const char *r_version, *future_version; /* borrowed */
  struct p2p_machine machine;
  uint32_t slots;
};

struct p2p_announcer_callbacks {
  void (*on_joined)(void *arg); /* also after every return to the board */
  void (*on_accept)(void *arg,
                    const struct p2p_accept *accept); /* a client waits for us at this code */
  /* It could not join, or was thrown off for good. The last event; then free, also from within. */
  void (*on_failed)(void *arg, const struct p2p_err *err);
};

int p2p_announcer_new(const struct p2p_announcer_config *config,
                      const struct p2p_announcer_callbacks *callbacks, void *arg,
                      struct p2p_announcer **out, struct p2p_err *err) P2P_MUST_USE;
/* Tells the others that we go, and answers nobody any more. */
void p2p_announcer_leave(struct p2p_announcer *announcer);
void p2p_announcer_free(struct p2p_announcer *announcer); /* no events after; takes NULL */
const struct p2p_member *p2p_announcer_member(const struct p2p_announcer *announcer);

#endif
