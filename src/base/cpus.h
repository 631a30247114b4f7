/* Sets of processors. Pure. */
#ifndef P2P_BASE_CPUS_H
#define P2P_BASE_CPUS_H

#include <stdbool.h>
#include <stdint.h>

#define P2P_CPUS_MAX 1024
#define P2P_CPUS_BYTES (P2P_CPUS_MAX / 8)

/* Bit 0 of byte 0 is processor 0. Zeroed: none. */
struct p2p_cpus {
  uint8_t bits[P2P_CPUS_BYTES];
};

bool p2p_cpus_have(const struct p2p_cpus *cpus, uint32_t i);
void p2p_cpus_add(struct p2p_cpus *cpus, uint32_t i); /* below P2P_CPUS_MAX */
uint32_t p2p_cpus_count(const struct p2p_cpus *cpus);
/* Moves `count` processors from `from` to *out, those with the lowest numbers. Moves none if there
 * are fewer. */
void p2p_cpus_take(struct p2p_cpus *from, uint32_t count, struct p2p_cpus *out);
void p2p_cpus_give(struct p2p_cpus *to, const struct p2p_cpus *cpus);

#endif
