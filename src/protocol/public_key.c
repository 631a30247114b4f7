/* The form of public keys. */
#include "protocol/public_key.h"

#include <string.h>

#include "base/endian.h"

bool p2p_public_key_is_whole(const uint8_t *blob, size_t length, struct p2p_span type) {
  size_t n = 0;
  for (size_t at = 0; at < length; n++) {
    if (length - at < 4) return false;
    size_t part = p2p_get_u32(blob + at);
    at += 4;
    if (part > length - at) return false;
    if (n == 0 && (part != type.length || part == 0 || memcmp(blob + at, type.bytes, part) != 0))
      return false;
    at += part;
  }
  return n > 1;
}
