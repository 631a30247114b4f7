/* SSH arguments arrive as one text: in an option or in an environment variable. */
#include "shell/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

/* Copies the word at `text`. Returns what follows it. */
static const char *read_word(const char *text, char *out) {
  char quote = '\0';
  for (; *text != '\0' && (quote != '\0' || !is_blank(*text)); text++) {
    if (quote == '\0' && (*text == '"' || *text == '\''))
      quote = *text;
    else if (quote != '\0' && *text == quote)
      quote = '\0';
    else
      *out++ = *text;
  }
  *out = '\0';
  return text;
}

bool p2p_words_are_closed(const char *text) {
  char quote = '\0';
  for (; *text != '\0'; text++) {
    if (quote == '\0' && (*text == '"' || *text == '\''))
      quote = *text;
    else if (*text == quote)
      quote = '\0';
  }
  return quote == '\0';
}

char **p2p_words_split(const char *text) {
  size_t size = strlen(text) + 1, count = 0;
  char **words = calloc(size / 2 + 2, sizeof *words);
  while (words != NULL) {
    while (is_blank(*text)) text++;
    if (*text == '\0') return words;
    words[count] = malloc(size);
    if (words[count] == NULL) break;
    text = read_word(text, words[count]);
    if (words[count][0] == '\0')
      free(words[count]), words[count] = NULL;
    else
      count++;
  }
  p2p_strings_free(words);
  return NULL;
}
