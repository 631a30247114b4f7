/* Splits text into words, as a shell does. Pure. */
#ifndef P2P_SHELL_WORDS_H
#define P2P_SHELL_WORDS_H

#include <stdbool.h>

/* Whether each quote has an end. */
bool p2p_words_are_closed(const char *text);

/* Splits at blanks outside of single or double quotes, which are removed. A NULL-terminated array,
 * for p2p_strings_free. NULL: out of memory. */
char **p2p_words_split(const char *text);

#endif
