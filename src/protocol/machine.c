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

bool p2p_machine_read(const struct p2p_machine_texts *texts, struct p2p_machine *out) {
  struct p2p_machine machine = {0};
  if (texts->platform != NULL) {
    if (!p2p_platform_is_valid(texts->platform)) return false;
    snprintf(machine.platform, sizeof machine.platform, "%s", texts->platform);
  }
  if (texts->tags != NULL) {
    if (!p2p_tags_are_valid(texts->tags)) return false;
    snprintf(machine.tags, sizeof machine.tags, "%s", texts->tags);
  }
  if (!p2p_count_parse_optional(texts->cores, P2P_MACHINE_CORES_MAX, &machine.cores) ||
      !p2p_count_parse_optional(texts->memory, P2P_MACHINE_MEMORY_MAX, &machine.memory_mib) ||
      !p2p_count_parse_optional(texts->cache, P2P_MACHINE_MEMORY_MAX, &machine.cache_mib) ||
      !p2p_count_parse_optional(texts->limit, P2P_MACHINE_MEMORY_MAX, &machine.limit_mib) ||
      !p2p_count_parse_optional(texts->gpus, P2P_GPUS_MAX, &machine.gpus) ||
      !p2p_machine_sandbox_read(texts->sandbox, &machine.sandbox))
    return false;
  machine.reserves = texts->reserves != NULL && texts->reserves[0] == '1';
  *out = machine;
  return true;
}

void p2p_machine_resources(const struct p2p_machine *machine, struct p2p_resources *out) {
  *out = (struct p2p_resources){.amounts = {machine->cores, machine->memory_mib, machine->gpus}};
  memcpy(out->tags, machine->tags, sizeof out->tags);
}

bool p2p_machine_can_give(const struct p2p_machine *machine, const struct p2p_resources *request) {
  struct p2p_resources all;
  if (p2p_resources_are_none(request)) return true;
  p2p_machine_resources(machine, &all);
  bool is_within = machine->limit_mib == 0 || request->amounts.memory_mib <= machine->limit_mib;
  return machine->reserves && is_within && p2p_resources_contain(&all, request);
}
