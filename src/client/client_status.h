/* What a client reports to its user: its status, and the workers of its cluster. */
#ifndef P2P_CLIENT_CLIENT_STATUS_H
#define P2P_CLIENT_CLIENT_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/identity.h"

struct p2p_client_status {
  bool joined;                   /* on the board at this moment */
  struct p2p_err failed;         /* code != 0: it could not join, or cannot rejoin */
  char user[64], cluster[192];   /* "" before it has joined */
  uint32_t workers;              /* available and compatible */
  uint32_t slots;                /* of these workers, and those still in use */
  uint32_t incompatible;         /* workers whose R or future cannot run our tasks */
  char incompatible_why[256];    /* of the latest such worker */
  uint32_t waiting, running;     /* tasks */
  uint32_t waiting_for_packages; /* waiting tasks that need packages */
};

struct p2p_worker_info {
  char name[P2P_IDENTITY_LABEL_MAX];
  char r_version[32], future_version[32];
  char platform[64];          /* "": unknown */
  uint32_t cores, memory_mib; /* of the machine; 0: unknown */
  uint32_t slots, busy;       /* busy: with our tasks */
  char state[16];             /* "seen", "linking", "linked", "lost", "leaving", "incompatible" */
  char path[128]; /* of the link: "direct 192.0.2.7:40001", "relay ..."; "" without one */
};

#endif
