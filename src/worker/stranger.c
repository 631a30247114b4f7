/* Values in texts of lines key=value. */
#include "worker/stranger.h"

#include <string.h>

#include "base/sanitize.h"

bool p2p_stranger_value(const void *text, size_t length, const char *key, char *out, size_t size) {
  const char *at = text, *end = at + length;
  size_t key_length = strlen(key);
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline != NULL ? newline : end;
    if ((size_t)(stop - at) > key_length && memcmp(at, key, key_length) == 0 &&
        at[key_length] == '=') {
      at += key_length + 1;
      p2p_sanitize(at, (size_t)(stop - at), out, size);
      return true;
    }
    at = stop + 1;
  }
  return false;
}
