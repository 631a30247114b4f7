/* The configuration of the link to one client. */
#ifndef P2P_WORKER_CLIENT_LINK_CONFIG_H
#define P2P_WORKER_CLIENT_LINK_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "board/member.h"
#include "crypto/seal.h"
#include "ledger/recording.h"
#include "net/loop.h"
#include "protocol/identity.h"
#include "protocol/machine.h"
#include "worker/evaluator_pool.h"
#include "worker/reservations.h"
#include "worker/slots.h"
#include "worker/tally.h"

/* What all links of a worker share; borrowed. */
struct p2p_client_link_shared {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_slots *slots;
  struct p2p_reservations *reservations;
  struct p2p_evaluator_pool *pool;
  const struct p2p_member *member;          /* the worker on the board */
  const struct p2p_seal_public *worker_key; /* in its hello */
  struct p2p_tally *tally;                  /* of the futures that have ended */
  struct p2p_recording *recording;          /* of the same; NULL: none */
  const char *r_version, *future_version;
  struct p2p_machine machine;
  const char *libraries; /* see p2p_package_library_reply */
  uint32_t n_slots;
  struct p2p_limits limits;
  uint64_t object_cap_bytes; /* the largest future that is accepted */
  /* Slots or tasks of the client have changed, or its link is broken: poll the slots, but not from
   * within. */
  void (*on_change)(void *arg);
  /* The link has ended, or could not be opened, and was freed. */
  void (*on_end)(void *arg, size_t number);
  void *arg;
};

struct p2p_client_link_config {
  size_t number; /* of the client in `slots`; removed from there with the link */
  const struct p2p_identity *client;
  bool is_ambiguous; /* another client has the same name */
  const char *code, *mailbox, *relay;
};

#endif
