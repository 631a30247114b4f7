/* The lines `who`, by which a client asks who is on the topic, and `here`, by which each member
 * answers. Pure. Grammar: docs/protocol.md, "Who and here". */
#ifndef P2P_PROTOCOL_HERE_H
#define P2P_PROTOCOL_HERE_H

#include <stdint.h>
#include <time.h>

#include "protocol/identity.h"
#include "protocol/line.h"
#include "protocol/load.h"
#include "protocol/role.h"

#define P2P_HERE_GPUS_LEN 256        /* with a NUL */
#define P2P_HERE_COUNT_MAX 999999999 /* of up_s, load and free_mib */

/* Counts of 0 are not reported. */
struct p2p_here {
  enum p2p_role role;
  struct p2p_identity from;
  uint32_t up_s; /* since the member has started */
  /* Of a worker. */
  uint32_t busy;                  /* slots with a task, at most P2P_WORKER_SLOTS_MAX */
  char users[P2P_LOAD_USERS_LEN]; /* with busy slots: "bob;carol"; "": not reported */
  uint32_t load;                  /* of the machine, its average of a minute, in hundredths */
  uint32_t free_mib;              /* memory of the machine that programs could get */
  /* The models of the GPUs that it lends, "2 x NVIDIA A100 (80 GiB)", for people: letters, digits,
   * spaces and the signs ._+()/-; "": not reported. */
  char gpus[P2P_HERE_GPUS_LEN];
};

/* Replaces *out by the line as of `now`. P2P_ERR_INVALID: `from` is malformed. */
int p2p_who_write(struct p2p_line *out, const struct p2p_identity *from, time_t now) P2P_MUST_USE;
/* P2P_OK; P2P_ERR_CANCELED: another type; P2P_ERR_PARSE: malformed. */
int p2p_who_read(const struct p2p_line *line) P2P_MUST_USE;

/* Replaces *out by the line as of `now`. What only a worker has is written for a worker only.
 * P2P_ERR_INVALID for a field that is not what the reader accepts. */
int p2p_here_write(struct p2p_line *out, const struct p2p_here *here, time_t now) P2P_MUST_USE;
/* P2P_OK; P2P_ERR_CANCELED: another type; P2P_ERR_PARSE: malformed. *out is set only on P2P_OK. */
int p2p_here_read(const struct p2p_line *line, struct p2p_here *out) P2P_MUST_USE;

#endif
