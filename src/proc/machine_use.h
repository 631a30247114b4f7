/* How this machine is used: its load, its memory, and where its power comes from. */
#ifndef P2P_PROC_MACHINE_USE_H
#define P2P_PROC_MACHINE_USE_H

#include <stdbool.h>
#include <stdint.h>

#define P2P_MACHINE_USE_SUPPLIES "/sys/class/power_supply"

/* Processes that run or wait for a core, an average of the last minute; 0: unknown. */
double p2p_machine_use_load(void);
/* The memory that programs could get, in MiB; 0: unknown. */
uint64_t p2p_machine_use_free_mib(void);
/* Whether a battery is being discharged and nothing else supplies power. `folder`:
 * P2P_MACHINE_USE_SUPPLIES; false without it. Asks drivers, which may take a while. */
bool p2p_machine_use_battery(const char *folder);

#endif
