/* The machine of a worker. */
#include "protocol/machine.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "protocol/member_name.h"

#define PLATFORM_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

bool p2p_platform_is_valid(const char *text) {
  size_t length = strspn(text, PLATFORM_CHARACTERS);
  return length > 0 && length < P2P_PLATFORM_MAX && text[length] == '\0';
}

bool p2p_machine_read(const char *platform, const char *cores, const char *memory,
                      struct p2p_machine *out) {
  struct p2p_machine machine = {0};
  if (platform != NULL) {
    if (!p2p_platform_is_valid(platform)) return false;
    snprintf(machine.platform, sizeof machine.platform, "%s", platform);
  }
  if (cores != NULL && !p2p_count_parse(cores, P2P_MACHINE_CORES_MAX, &machine.cores)) return false;
  if (memory != NULL && !p2p_count_parse(memory, P2P_MACHINE_MEMORY_MAX, &machine.memory_mib))
    return false;
  *out = machine;
  return true;
}
