/* Words of strangers. */
#include "worker/stranger.h"

#include <string.h>

void p2p_stranger_text(const void *bytes, size_t length, char *out, size_t size) {
  const unsigned char *from = bytes;
  if (length >= size) length = size - 1;
  for (size_t i = 0; i < length; i++)
    out[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
  out[length] = '\0';
}

bool p2p_stranger_value(const void *text, size_t length, const char *key, char *out, size_t size) {
  const char *at = text, *end = at + length;
  size_t key_length = strlen(key);
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline != NULL ? newline : end;
    if ((size_t)(stop - at) > key_length && memcmp(at, key, key_length) == 0 &&
        at[key_length] == '=') {
      at += key_length + 1;
      p2p_stranger_text(at, (size_t)(stop - at), out, size);
      return true;
    }
    at = stop + 1;
  }
  return false;
}
