/* Nameplates. */
#include "protocol/nameplate.h"

#include <string.h>

bool p2p_nameplate_is_valid(const char *text, size_t length) {
  if (length == 0 || length >= P2P_NAMEPLATE_MAX) return false;
  for (size_t i = 0; i < length; i++)
    if (text[i] < '0' || text[i] > '9') return false;
  return true;
}

size_t p2p_nameplate_length(const char *code) {
  const char *dash = strchr(code, '-');
  size_t length = dash != NULL ? (size_t)(dash - code) : 0;

  return p2p_nameplate_is_valid(code, length) ? length : 0;
}
