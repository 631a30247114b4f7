/* Text of lines "key=value". */
#include "protocol/pairs.h"

#include <string.h>

#include "protocol/member_name.h"

bool p2p_pairs_find(const void *text, size_t length, const char *key, const char **value,
                    size_t *value_length) {
  const char *at = text, *end = at + length;
  size_t key_length = strlen(key);
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline != NULL ? newline : end;
    if ((size_t)(stop - at) > key_length && memcmp(at, key, key_length) == 0 &&
        at[key_length] == '=') {
      *value = at + key_length + 1;
      *value_length = (size_t)(stop - *value);
      return true;
    }
    if (newline == NULL) break;
    at = newline + 1;
  }
  return false;
}

bool p2p_pairs_get(const void *text, size_t length, const char *key, char *out, size_t size) {
  const char *value;
  size_t value_length;
  if (!p2p_pairs_find(text, length, key, &value, &value_length) || value_length >= size ||
      memchr(value, '\0', value_length) != NULL)
    return false;
  memcpy(out, value, value_length);
  out[value_length] = '\0';
  return true;
}

bool p2p_pairs_get_optional(const void *text, size_t length, const char *key, char *space,
                            size_t size, const char **out) {
  const char *value;
  size_t value_length;
  *out = NULL;
  if (!p2p_pairs_find(text, length, key, &value, &value_length)) return true;
  *out = space;
  return p2p_pairs_get(text, length, key, space, size);
}

bool p2p_pairs_get_count(const void *text, size_t length, const char *key, uint32_t max,
                         uint32_t *out) {
  char space[16];
  const char *number;
  return p2p_pairs_get_optional(text, length, key, space, sizeof space, &number) &&
         p2p_count_parse_optional(number, max, out);
}
