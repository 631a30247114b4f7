/* What a worker has lent: its futures and their time. */
#ifndef P2P_WORKER_TALLY_H
#define P2P_WORKER_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/load.h"
#include "protocol/member_name.h"
#include "worker/slots.h"

/* Futures that have ended. */
struct p2p_tally {
  uint64_t done;     /* with a result */
  uint64_t lost;     /* without: the evaluator or the link ended */
  uint64_t canceled; /* by the client */
  uint64_t lent_ms;  /* the sum of their times, from TASK to the end */
};

/* The same, and the futures that run. `ended.lent_ms` includes the time of both. */
struct p2p_worker_report {
  struct p2p_tally ended;
  char cluster[P2P_USER_NAME_MAX + P2P_CLUSTER_NAME_MAX]; /* "": not known yet */
  char state[P2P_LOAD_STATE_MAX]; /* "lending", "draining", or why it takes nothing new */
  size_t n_running;               /* elements of `running`, each for a link with running futures */
  struct {
    char user[P2P_MEMBER_NAME_MAX];
    uint32_t count;
  } running[P2P_SLOTS_CLIENTS_MAX];
};

#endif
