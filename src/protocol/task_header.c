/* The payloads of TASK, CONDITION and RESULT. */
#include "protocol/task_header.h"

#include <string.h>

#include "base/endian.h"
#include "base/sanitize.h"

void p2p_size_header_write(uint64_t size, uint8_t out[static P2P_SIZE_HEADER_LEN]) {
  p2p_set_u64(out, size);
}

int p2p_size_header_read(const void *payload, size_t length, uint64_t *size) {
  if (length != P2P_SIZE_HEADER_LEN) return P2P_ERR_PROTOCOL;
  *size = p2p_get_u64(payload);
  return P2P_OK;
}

size_t p2p_task_header_write(uint64_t size, const char *label,
                             uint8_t out[static P2P_TASK_HEADER_MAX]) {
  size_t length = strlen(label);
  if (length >= P2P_TASK_LABEL_MAX) length = P2P_TASK_LABEL_MAX - 1;
  p2p_set_u64(out, size);
  memcpy(out + P2P_SIZE_HEADER_LEN, label, length);
  return P2P_SIZE_HEADER_LEN + length;
}

int p2p_task_header_read(const void *payload, size_t length, struct p2p_task_header *out) {
  const uint8_t *bytes = payload;
  if (length < P2P_SIZE_HEADER_LEN) return P2P_ERR_PROTOCOL;
  const uint8_t *label = bytes + P2P_SIZE_HEADER_LEN, *end = bytes + length;
  const uint8_t *parts = label < end ? memchr(label, 0, (size_t)(end - label)) : NULL;
  if (parts == NULL) parts = end;
  if (p2p_task_parts_read(parts, (size_t)(end - parts), &out->parts) != P2P_OK)
    return P2P_ERR_PROTOCOL;
  out->size = p2p_get_u64(bytes);
  p2p_sanitize(label, (size_t)(parts - label), out->label, sizeof out->label);
  return P2P_OK;
}
