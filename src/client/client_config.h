/* The configuration of a client. */
#ifndef P2P_CLIENT_CLIENT_CONFIG_H
#define P2P_CLIENT_CLIENT_CONFIG_H

#include <stdint.h>

#include "board/board_config.h"
#include "ledger/recorder.h"
#include "net/loop.h"
#include "protocol/machine.h"

/* All pointers but `loop` and `recorder` are copied by p2p_client_new. */
struct p2p_client_config {
  struct p2p_loop *loop;
  struct p2p_board_config board;
  const char *r_version; /* of this session, as "4.2.2" */
  const char *future_version;
  uint32_t slots_max;               /* slots used at once; 0: no limit */
  uint64_t object_cap_bytes;        /* largest result or condition that is accepted */
  enum p2p_machine_sandbox sandbox; /* the least that a worker must have; 0: any */
  uint32_t retries;                 /* how often a task runs again after its worker was lost */
  struct p2p_recorder *recorder;    /* of what workers give; NULL: none. Takes a reference */
};

#endif
