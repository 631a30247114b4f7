/* Copies of NULL-terminated arrays of text. */
#include "base/strings.h"

#include <stdlib.h>
#include <string.h>

void p2p_strings_free(char **texts) {
  for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) free(texts[i]);
  free(texts);
}

char **p2p_strings_copy(const char *const *texts) {
  size_t count = 0;
  while (texts[count] != NULL) count++;
  char **copy = calloc(count + 1, sizeof *copy);
  for (size_t i = 0; copy != NULL && i < count; i++) {
    copy[i] = strdup(texts[i]);
    if (copy[i] != NULL) continue;
    p2p_strings_free(copy);
    return NULL;
  }
  return copy;
}
