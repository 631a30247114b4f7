/* The phases of a mailbox. Each message of a side has one: pake, version, 0, 1, ..., in this order.
 * Pure. */
#ifndef P2P_WORMHOLE_PHASE_H
#define P2P_WORMHOLE_PHASE_H

#include <stdint.h>

#define P2P_PHASE_MAX 21 /* bytes of a name, with the NUL */
#define P2P_PHASE_PAKE 0
#define P2P_PHASE_VERSION 1
#define P2P_PHASE_NONE UINT32_MAX

/* Writes the name of the phase at this place in the order: "pake", "version", "0", ... */
void p2p_phase_name(unsigned ordinal, char out[P2P_PHASE_MAX]);
/* The place of a phase in the order. P2P_PHASE_NONE for any other name, such as "dilate-0" or
 * "007". */
unsigned p2p_phase_ordinal(const char *name);

#endif
