/* The phases of a side in a mailbox, in their order: pake, version, 0, 1, ... Pure. */
#ifndef P2P_WORMHOLE_PHASE_H
#define P2P_WORMHOLE_PHASE_H

#include <stdint.h>

#define P2P_PHASE_MAX 21 /* characters of a name, with its NUL */
#define P2P_PHASE_PAKE 0
#define P2P_PHASE_VERSION 1
#define P2P_PHASE_NONE UINT32_MAX

/* "pake", "version", "0", ... */
void p2p_phase_name(unsigned ordinal, char out[P2P_PHASE_MAX]);
/* P2P_PHASE_NONE for a name that is none of ours ("dilate-0", "007"). */
unsigned p2p_phase_ordinal(const char *name);

#endif
