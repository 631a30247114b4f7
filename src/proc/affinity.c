/* Processors of threads. */
#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif

#include "proc/affinity.h"

#include <string.h>

#ifdef __linux__
void p2p_affinity_get(struct p2p_cpus *out) {
  cpu_set_t set;
  memset(out, 0, sizeof *out);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return;
  for (uint32_t i = 0; i < P2P_CPUS_MAX && i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &set)) p2p_cpus_add(out, i);
}

bool p2p_affinity_set(const struct p2p_cpus *cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (uint32_t i = 0; i < P2P_CPUS_MAX && i < CPU_SETSIZE; i++)
    if (p2p_cpus_have(cpus, i)) CPU_SET(i, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}
#else
void p2p_affinity_get(struct p2p_cpus *out) { memset(out, 0, sizeof *out); }

bool p2p_affinity_set(const struct p2p_cpus *cpus) {
  (void)cpus;
  return false;
}
#endif
