/* Lists "a;b;c". */
#include "protocol/list.h"

#include <string.h>

bool p2p_list_next(const char **list, const char **item, size_t *length) {
  if (*list == NULL) return false;
  *item = *list;
  *length = strcspn(*item, ";");
  *list = (*item)[*length] == ';' ? *item + *length + 1 : NULL;
  return true;
}

bool p2p_list_contains(const char *list, const char *word) {
  const char *item;
  size_t length, word_length = strlen(word);
  while (p2p_list_next(&list, &item, &length))
    if (length == word_length && memcmp(item, word, length) == 0) return true;
  return false;
}
