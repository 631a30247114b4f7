/* The payload of SLOT. */
#include "protocol/slot.h"

#include <stdbool.h>

#include "base/endian.h"

void p2p_slot_write(enum p2p_slot_op op, uint32_t count, uint8_t out[static P2P_SLOT_LEN]) {
  out[0] = (uint8_t)op;
  p2p_set_u32(out + 1, count);
}

static bool may_send(enum p2p_role sender, uint8_t op) {
  switch (op) {
  case P2P_SLOT_WANT:
  case P2P_SLOT_RETURN: return sender == P2P_ROLE_CLIENT;
  case P2P_SLOT_GRANT:
  case P2P_SLOT_RECALL: return sender == P2P_ROLE_WORKER;
  default: return false;
  }
}

int p2p_slot_read(const void *payload, size_t length, enum p2p_role sender, struct p2p_slot *out) {
  const uint8_t *bytes = payload;
  if (length != P2P_SLOT_LEN || !may_send(sender, bytes[0])) return P2P_ERR_PROTOCOL;
  *out = (struct p2p_slot){(enum p2p_slot_op)bytes[0], p2p_get_u32(bytes + 1)};
  return P2P_OK;
}
