/* The machine of a worker. */
#include "protocol/machine.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "protocol/member_name.h"

#define PLATFORM_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const char *const sandboxes[] = {[P2P_MACHINE_SANDBOX_UNKNOWN] = "",
                                        [P2P_MACHINE_SANDBOX_NONE] = "none",
                                        [P2P_MACHINE_SANDBOX_SEATBELT] = "seatbelt",
                                        [P2P_MACHINE_SANDBOX_LANDLOCK] = "landlock",
                                        [P2P_MACHINE_SANDBOX_NAMESPACES] = "namespaces"};

bool p2p_platform_is_valid(const char *text) {
  size_t length = strspn(text, PLATFORM_CHARACTERS);
  return length > 0 && length < P2P_PLATFORM_MAX && text[length] == '\0';
}

const char *p2p_machine_sandbox_name(enum p2p_machine_sandbox sandbox) {
  return sandboxes[sandbox];
}

bool p2p_machine_sandbox_read(const char *name, enum p2p_machine_sandbox *out) {
  if (name == NULL) {
    *out = P2P_MACHINE_SANDBOX_UNKNOWN;
    return true;
  }
  for (int i = P2P_MACHINE_SANDBOX_NONE; i <= P2P_MACHINE_SANDBOX_NAMESPACES; i++) {
    if (strcmp(name, sandboxes[i]) != 0) continue;
    *out = (enum p2p_machine_sandbox)i;
    return true;
  }
  return false;
}

bool p2p_machine_read(const char *platform, const char *cores, const char *memory,
                      const char *sandbox, const char *cache, struct p2p_machine *out) {
  struct p2p_machine machine = {0};
  if (platform != NULL) {
    if (!p2p_platform_is_valid(platform)) return false;
    snprintf(machine.platform, sizeof machine.platform, "%s", platform);
  }
  if (cores != NULL && !p2p_count_parse(cores, P2P_MACHINE_CORES_MAX, &machine.cores)) return false;
  if (memory != NULL && !p2p_count_parse(memory, P2P_MACHINE_MEMORY_MAX, &machine.memory_mib))
    return false;
  if (!p2p_machine_sandbox_read(sandbox, &machine.sandbox)) return false;
  if (cache != NULL && !p2p_count_parse(cache, P2P_MACHINE_MEMORY_MAX, &machine.cache_mib))
    return false;
  *out = machine;
  return true;
}
