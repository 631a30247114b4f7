/* The payload of LOST. */
#include "protocol/lost.h"

#include <string.h>

#include "base/sanitize.h"

size_t p2p_lost_write(enum p2p_lost_kind kind, const char *why, uint8_t out[static P2P_LOST_MAX]) {
  size_t mark = kind != P2P_LOST_FINAL, room = P2P_LOST_MAX - 1 - mark, length = strlen(why);
  if (length > room) {
    length = room;
    while (length > 0 && ((unsigned char)why[length] & 0xc0) == 0x80) length--;
  }
  out[0] = (uint8_t)kind;
  memcpy(out + mark, why, length);
  return mark + length;
}

enum p2p_lost_kind p2p_lost_read(const void *payload, size_t length, char *out, size_t size) {
  const uint8_t *text = payload;
  enum p2p_lost_kind kind = P2P_LOST_FINAL;
  if (length > 0 && (text[0] == P2P_LOST_KILLED || text[0] == P2P_LOST_NOT_BEGUN)) {
    kind = (enum p2p_lost_kind)text[0];
    text++;
    length--;
  }
  p2p_sanitize(text, length, out, size);
  return kind;
}
