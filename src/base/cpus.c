/* Processors. */
#include "base/cpus.h"

#include <string.h>

bool p2p_cpus_have(const struct p2p_cpus *cpus, uint32_t i) {
  return cpus->bits[i / 8] >> i % 8 & 1;
}

void p2p_cpus_add(struct p2p_cpus *cpus, uint32_t i) {
  cpus->bits[i / 8] |= (uint8_t)(1u << i % 8);
}

uint32_t p2p_cpus_count(const struct p2p_cpus *cpus) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < P2P_CPUS_MAX; i++) count += p2p_cpus_have(cpus, i);
  return count;
}

void p2p_cpus_take(struct p2p_cpus *from, uint32_t count, struct p2p_cpus *out) {
  memset(out, 0, sizeof *out);
  if (count > p2p_cpus_count(from)) return;
  for (uint32_t i = 0; i < P2P_CPUS_MAX && count > 0; i++) {
    if (!p2p_cpus_have(from, i)) continue;
    from->bits[i / 8] &= (uint8_t) ~(1u << i % 8);
    p2p_cpus_add(out, i);
    count--;
  }
}

void p2p_cpus_give(struct p2p_cpus *to, const struct p2p_cpus *cpus) {
  for (size_t i = 0; i < sizeof to->bits; i++) to->bits[i] |= cpus->bits[i];
}
