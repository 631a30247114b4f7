/* The names of roles. */
#include "protocol/role.h"

#include <stddef.h>
#include <string.h>

static const char *const texts[] = {
    [P2P_ROLE_CLIENT] = "client", [P2P_ROLE_WORKER] = "worker", [P2P_ROLE_HOST] = "cluster"};

const char *p2p_role_text(enum p2p_role role) { return texts[role]; }

bool p2p_role_parse(const char *text, enum p2p_role *out) {
  for (size_t i = 0; text != NULL && i < sizeof texts / sizeof texts[0]; i++) {
    if (strcmp(text, texts[i]) != 0) continue;
    *out = (enum p2p_role)i;
    return true;
  }
  return false;
}

const char *p2p_role_name(enum p2p_role role) {
  return role == P2P_ROLE_HOST ? "host" : texts[role];
}
