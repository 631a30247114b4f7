/* A worker on the board. It announces itself with its hello: on joining, every minute, and in reply
 * to a client's hello, after a random delay. It reads the `accept` lines that are sealed to its
 * key. io thread only. */
#ifndef P2P_WORKER_ANNOUNCER_H
#define P2P_WORKER_ANNOUNCER_H

#include "base/log_queue.h"
#include "board/member.h"
#include "protocol/accept.h"
#include "protocol/load.h"

#define P2P_ANNOUNCER_HELLO_MS 60000

struct p2p_announcer;

struct p2p_announcer_config {
  struct p2p_member_config member;
  struct p2p_log_queue *log;              /* borrowed */
  const char *r_version, *future_version; /* borrowed */
  struct p2p_machine machine;
  const char *gpu_models; /* borrowed; NULL: not reported */
  uint32_t slots;
};

struct p2p_announcer_callbacks {
  void (*on_joined)(void *arg); /* also after each reconnection */
  /* A client waits for this worker's end of a link; `accept` holds its code. */
  void (*on_accept)(void *arg, const struct p2p_accept *accept);
  /* The owner of the cluster has expelled these devices. */
  void (*on_expelled)(void *arg, const struct p2p_sign_public *devices, size_t n);
  /* The worker could not join, or cannot reconnect. The last callback; then free, also from within
   * it. */
  void (*on_failed)(void *arg, const struct p2p_err *err);
};

int p2p_announcer_new(const struct p2p_announcer_config *config,
                      const struct p2p_announcer_callbacks *callbacks, void *arg,
                      struct p2p_announcer **out, struct p2p_err *err) P2P_MUST_USE;
/* From now on, hellos contain this load. A change of its state is a reason to send one. */
void p2p_announcer_set_load(struct p2p_announcer *announcer, const struct p2p_load *load);
/* Sends `leave`, and ends all hellos and on_accept. */
void p2p_announcer_leave(struct p2p_announcer *announcer);
void p2p_announcer_free(struct p2p_announcer *announcer); /* no callbacks after; takes NULL */
const struct p2p_member *p2p_announcer_member(const struct p2p_announcer *announcer);
/* The public key in the hellos of this worker. */
const struct p2p_seal_public *p2p_announcer_key(const struct p2p_announcer *announcer);

#endif
