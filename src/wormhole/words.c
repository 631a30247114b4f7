/* Words of a stranger. */
#include "wormhole/words.h"

#include <stddef.h>

void p2p_words_clean(const char *text, char out[P2P_WORDS_MAX]) {
  size_t i = 0;

  for (; text[i] != '\0' && i < P2P_WORDS_MAX - 1; i++)
    out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
  out[i] = '\0';
}
