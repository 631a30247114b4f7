/* The payload of SLOT, by which a client and a worker agree on how many tasks may run: op u8, count
 * u32. Pure. */
#ifndef P2P_PROTOCOL_SLOT_H
#define P2P_PROTOCOL_SLOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/role.h"

#define P2P_SLOT_LEN 5 /* bytes */

enum p2p_slot_op {
  P2P_SLOT_WANT = 1,   /* client: the number of slots that it has work for, in all; 0: none */
  P2P_SLOT_GRANT = 2,  /* worker: so many more slots are the client's until it returns them */
  P2P_SLOT_RECALL = 3, /* worker: return so many slots as soon as they are idle */
  P2P_SLOT_RETURN = 4  /* client: so many slots are the worker's again */
};

struct p2p_slot {
  enum p2p_slot_op op;
  uint32_t count;
};

void p2p_slot_write(enum p2p_slot_op op, uint32_t count, uint8_t out[static P2P_SLOT_LEN]);

/* P2P_ERR_PROTOCOL for another length, or for an op that `sender` may not send; *out is then
 * unchanged. */
int p2p_slot_read(const void *payload, size_t length, enum p2p_role sender,
                  struct p2p_slot *out) P2P_MUST_USE;

#endif
