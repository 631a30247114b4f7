/* The validators of names, versions, counts and nameplates: the same text, checked twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/identity.h"
#include "protocol/machine.h"
#include "protocol/member_name.h"
#include "protocol/nameplate.h"
#include "protocol/versions.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char *text = malloc(length + 1), again[16];
  uint32_t count;
  memcpy(text, bytes, length);
  text[length] = '\0';
  size_t used = strlen(text);
  if (p2p_member_name_is_valid(text)) {
    size_t user = strcspn(text, "@");
    if (used >= P2P_MEMBER_NAME_MAX || !p2p_user_name_is_valid(text, user) ||
        strpbrk(text, ",=; \n") != NULL)
      __builtin_trap();
  }
  if (p2p_member_id_is_valid(text) && (used != 32 || strspn(text, "0123456789abcdef") != 32))
    __builtin_trap();
  if (p2p_version_is_valid(text)) {
    struct p2p_err err;
    if (used >= P2P_VERSION_MAX) __builtin_trap();
    (void)!p2p_versions_check("carol@desk:1", text, text, text, &err);
  }
  if (p2p_count_parse(text, UINT32_MAX, &count)) {
    snprintf(again, sizeof again, "%u", (unsigned)count);
    if (count == 0 || strcmp(again, text) != 0) __builtin_trap();
  }
  if (p2p_platform_is_valid(text) && used >= P2P_PLATFORM_MAX) __builtin_trap();
  size_t nameplate = p2p_nameplate_length(text);
  if (nameplate > 0 && (!p2p_nameplate_is_valid(text, nameplate) || text[nameplate] != '-'))
    __builtin_trap();
  free(text);
  return 0;
}
