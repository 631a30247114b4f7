/* The output of `users`. */
#include "board/unknown_users.h"

#include <stdlib.h>
#include <string.h>

#include "board/topic.h"

#define KEY "unknown="

int p2p_unknown_users_parse(const char *text, size_t length, const char *asked, char *out,
                            size_t size) {
  const char *end = text + length;
  out[0] = '\0';
  if (end > text && end[-1] == '\n') end--;
  if (end > text && end[-1] == '\r') end--;
  if ((size_t)(end - text) < strlen(KEY) || memcmp(text, KEY, strlen(KEY)) != 0)
    return P2P_ERR_PARSE;
  const char *names = text + strlen(KEY);
  size_t names_length = (size_t)(end - names);
  for (const char *at = names; at < end; at++) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *name_end = comma == NULL ? end : comma;
    if (!p2p_users_include(asked, strlen(asked), at, (size_t)(name_end - at)) || comma == end - 1)
      return P2P_ERR_PARSE;
    at = name_end;
  }
  if (names_length >= size) return P2P_ERR_TOO_LARGE;
  memcpy(out, names, names_length);
  out[names_length] = '\0';
  return P2P_OK;
}

char *p2p_unknown_users_find(const char *text, size_t length, const char *asked) {
  size_t size = strlen(asked) + 1;
  char *unknown = malloc(size);
  if (unknown != NULL && p2p_unknown_users_parse(text, length, asked, unknown, size) == P2P_OK)
    return unknown;
  free(unknown);
  return NULL;
}
