/* Phase names. */
#include "wormhole/phase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 6

void p2p_phase_name(unsigned ordinal, char out[P2P_PHASE_MAX]) {
  if (ordinal == P2P_PHASE_PAKE)
    snprintf(out, P2P_PHASE_MAX, "pake");
  else if (ordinal == P2P_PHASE_VERSION)
    snprintf(out, P2P_PHASE_MAX, "version");
  else
    snprintf(out, P2P_PHASE_MAX, "%u", ordinal - 2);
}

unsigned p2p_phase_ordinal(const char *name) {
  size_t length = strlen(name);
  char canonical[P2P_PHASE_MAX];
  unsigned ordinal = P2P_PHASE_NONE;

  if (strcmp(name, "pake") == 0)
    ordinal = P2P_PHASE_PAKE;
  else if (strcmp(name, "version") == 0)
    ordinal = P2P_PHASE_VERSION;
  else if (length > 0 && length <= DIGITS_MAX && strspn(name, "0123456789") == length)
    ordinal = (unsigned)strtoul(name, NULL, 10) + 2;
  if (ordinal == P2P_PHASE_NONE) return P2P_PHASE_NONE;
  p2p_phase_name(ordinal, canonical);
  return strcmp(name, canonical) == 0 ? ordinal : P2P_PHASE_NONE;
}
