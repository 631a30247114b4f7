/* Big-endian integers, as protocols carry them. Pure. */
#ifndef P2P_BASE_ENDIAN_H
#define P2P_BASE_ENDIAN_H

#include <stdint.h>

uint32_t p2p_get_u32(const uint8_t bytes[static 4]);
uint64_t p2p_get_u64(const uint8_t bytes[static 8]);
void p2p_set_u32(uint8_t bytes[static 4], uint32_t value);
void p2p_set_u64(uint8_t bytes[static 8], uint64_t value);

#endif
