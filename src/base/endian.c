/* Big-endian integers. */
#include "base/endian.h"

uint32_t p2p_get_u32(const uint8_t bytes[static 4]) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

uint64_t p2p_get_u64(const uint8_t bytes[static 8]) {
  return (uint64_t)p2p_get_u32(bytes) << 32 | p2p_get_u32(bytes + 4);
}

void p2p_set_u32(uint8_t bytes[static 4], uint32_t value) {
  bytes[0] = (uint8_t)(value >> 24);
  bytes[1] = (uint8_t)(value >> 16);
  bytes[2] = (uint8_t)(value >> 8);
  bytes[3] = (uint8_t)value;
}

void p2p_set_u64(uint8_t bytes[static 8], uint64_t value) {
  p2p_set_u32(bytes, (uint32_t)(value >> 32));
  p2p_set_u32(bytes + 4, (uint32_t)value);
}
