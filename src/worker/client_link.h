/* One client of a worker: the link to it, the slots that it holds, its tasks on evaluators. The
 * worker's part of the link protocol (protocol/frame.h). io thread only. */
#ifndef P2P_WORKER_CLIENT_LINK_H
#define P2P_WORKER_CLIENT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "protocol/machine.h"
#include "protocol/slot.h"
#include "worker/evaluator_pool.h"
#include "worker/slots.h"

struct p2p_client_link;

/* What all sessions of a worker share; borrowed. */
struct p2p_client_link_host {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_slots *slots;
  struct p2p_evaluator_pool *pool;
  const char *name; /* ours: "carol@desk:4711" */
  const char *r_version, *future_version;
  struct p2p_machine machine;
  const char *packages; /* the libraries of p2p_package_library_answer */
  uint32_t n_slots;
  struct p2p_limits limits;
  uint64_t object_cap_bytes;
  void (*on_slots)(
      void *arg); /* look at the slots, soon but not within: what it holds or wants has changed */
  void (*on_end)(void *arg,
                 size_t number); /* the link has ended, or never opened; the session frees itself */
  void *arg;
};

struct p2p_client_link_config {
  size_t number;      /* in `slots`: given back with the session */
  const char *client; /* "bob@laptop:99" */
  const char *code, *mailbox, *relay;
};

/* Begins to open the link. */
int p2p_client_link_new(const struct p2p_client_link_host *host,
                        const struct p2p_client_link_config *config, struct p2p_client_link **out,
                        struct p2p_err *err) P2P_MUST_USE;
/* The link closes, without a LOST for its tasks: to the client it is the worker that is lost, so
 * that they may run again elsewhere (`retries`). It is told `why`. No events after. Takes NULL. */
void p2p_client_link_free(struct p2p_client_link *session, const char *why);

bool p2p_client_link_is_open(const struct p2p_client_link *session);
bool p2p_client_link_is_broken(const struct p2p_client_link *session); /* to be freed */
const char *p2p_client_link_client(const struct p2p_client_link *session);
/* SLOT frames: GRANT, RECALL. */
void p2p_client_link_say_slots(struct p2p_client_link *session, enum p2p_slot_op op,
                               uint32_t count);

#endif
