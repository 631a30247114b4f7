/* Parts in TASK, and NEED. */
#include "protocol/task_parts.h"

#include <string.h>

#include "base/endian.h"

bool p2p_task_part_is_same(const struct p2p_task_part *a, const struct p2p_task_part *b) {
  return a->size == b->size && memcmp(a->id, b->id, sizeof a->id) == 0;
}

size_t p2p_task_parts_write(const struct p2p_task_parts *parts,
                            uint8_t out[static P2P_TASK_PARTS_LEN_MAX]) {
  uint8_t *at = out;
  if (parts->n > 0) *at++ = 0;
  for (uint32_t i = 0; i < parts->n; i++, at += P2P_PART_LEN) {
    memcpy(at, parts->list[i].id, P2P_PART_ID_LEN);
    p2p_set_u64(at + P2P_PART_ID_LEN, parts->list[i].size);
  }
  return (size_t)(at - out);
}

int p2p_task_parts_read(const void *bytes, size_t length, struct p2p_task_parts *out) {
  const uint8_t *at = bytes;
  struct p2p_task_parts parts = {0};
  uint64_t sum = 0;
  if (length > 0) {
    if (*at++ != 0 || length == 1 || length > P2P_TASK_PARTS_LEN_MAX ||
        (length - 1) % P2P_PART_LEN != 0)
      return P2P_ERR_PROTOCOL;
    parts.n = (uint32_t)((length - 1) / P2P_PART_LEN);
  }
  for (uint32_t i = 0; i < parts.n; i++, at += P2P_PART_LEN) {
    struct p2p_task_part *part = &parts.list[i];
    memcpy(part->id, at, P2P_PART_ID_LEN);
    part->size = p2p_get_u64(at + P2P_PART_ID_LEN);
    if (part->size < P2P_PART_MIN_BYTES || part->size > INT64_MAX - sum) return P2P_ERR_PROTOCOL;
    sum += part->size;
  }
  *out = parts;
  return P2P_OK;
}

uint64_t p2p_task_parts_bytes(const struct p2p_task_parts *parts, uint32_t mask) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < parts->n; i++)
    if (mask >> i & 1) sum += parts->list[i].size;
  return sum;
}

int p2p_part_first(uint32_t mask) {
  for (int i = 0; mask >> i != 0; i++)
    if (mask >> i & 1) return i;
  return -1;
}

void p2p_need_write(uint32_t mask, uint8_t out[static P2P_NEED_LEN]) { p2p_set_u32(out, mask); }

int p2p_need_read(const void *payload, size_t length, uint32_t n_parts, uint32_t *mask) {
  if (length != P2P_NEED_LEN) return P2P_ERR_PROTOCOL;
  uint32_t read = p2p_get_u32(payload);
  if (n_parts < P2P_TASK_PARTS_MAX && read >> n_parts != 0) return P2P_ERR_PROTOCOL;
  *mask = read;
  return P2P_OK;
}
