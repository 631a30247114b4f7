/* The payload of LOST. */
#include "protocol/lost.h"

#include <string.h>

#include "base/sanitize.h"

size_t p2p_lost_length(const char *why) {
  size_t length = strlen(why);
  if (length < P2P_LOST_MAX) return length;
  length = P2P_LOST_MAX - 1;
  while (length > 0 && ((unsigned char)why[length] & 0xc0) == 0x80) length--;
  return length;
}

void p2p_lost_read(const void *payload, size_t length, char *out, size_t size) {
  p2p_sanitize(payload, length, out, size);
}
