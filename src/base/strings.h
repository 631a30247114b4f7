/* NULL-terminated arrays of text, as argv and env are: copies of them. */
#ifndef P2P_BASE_STRINGS_H
#define P2P_BASE_STRINGS_H

char **p2p_strings_copy(const char *const *texts); /* NULL: out of memory */
void p2p_strings_free(char **texts);               /* takes NULL */

#endif
