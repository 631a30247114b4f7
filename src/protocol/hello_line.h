/* The hello of a member on the board: who joined, and what a worker offers. Pure. Grammar:
 * docs/protocol.md, "Hello". */
#ifndef P2P_PROTOCOL_HELLO_LINE_H
#define P2P_PROTOCOL_HELLO_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "crypto/seal.h"
#include "protocol/identity.h"
#include "protocol/line.h"
#include "protocol/load.h"
#include "protocol/machine.h"
#include "protocol/role.h"
#include "protocol/versions.h"

#define P2P_HELLO_LINE_VALID_S 60
#define P2P_HELLO_LINE_ID_MAX 17 /* sixteen hex digits and a NUL */

struct p2p_hello_line {
  enum p2p_role role;
  struct p2p_identity from;
  char id[P2P_HELLO_LINE_ID_MAX];                                   /* "": none */
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX]; /* "": none */
  /* Of a worker. */
  struct p2p_seal_public key;
  uint32_t slots;
  struct p2p_machine machine;
  uint32_t busy;    /* slots with a task, at most P2P_WORKER_SLOTS_MAX */
  uint32_t waiting; /* slots that clients want and do not have, at most P2P_LOAD_WAITING_MAX */
  char state[P2P_LOAD_STATE_MAX]; /* see struct p2p_load */
};

/* Replaces *out by the hello as of `now`. What only a worker has is written for a worker only.
 * P2P_ERR_INVALID for a field that is not what the reader accepts. */
int p2p_hello_line_write(struct p2p_line *out, const struct p2p_hello_line *hello,
                         time_t now) P2P_MUST_USE;

/* P2P_OK; P2P_ERR_CANCELED: another type of line, or `protocols` does not list "link";
 * P2P_ERR_PARSE: malformed. A worker must state key, slots and versions. *out is set only on
 * P2P_OK. */
int p2p_hello_line_read(const struct p2p_line *line, struct p2p_hello_line *out) P2P_MUST_USE;

#endif
