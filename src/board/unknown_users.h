/* The output of the board's command `users`: which of some users have no account. Pure. */
#ifndef P2P_BOARD_UNKNOWN_USERS_H
#define P2P_BOARD_UNKNOWN_USERS_H

#include <stddef.h>

#include "base/err.h"

/* Reads "unknown=diana,eve", the whole output. `asked`: the names that the command had, joined by
 * ','. `out` becomes the unknown ones, joined by ','. P2P_ERR_PARSE for anything else, such as the
 * help text of a board that does not know the command, or a name that is not among `asked`;
 * P2P_ERR_TOO_LARGE. Then `out` is "". */
int p2p_unknown_users_parse(const char *text, size_t length, const char *asked, char *out,
                            size_t size) P2P_MUST_USE;
/* The same in a string that the caller frees; NULL for none, or after an error. */
char *p2p_unknown_users_find(const char *text, size_t length, const char *asked);

#endif
