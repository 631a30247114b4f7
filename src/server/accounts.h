/* The accounts of a board: which user has which SSH key. Pure, but for p2p_accounts_read. */
#ifndef P2P_SERVER_ACCOUNTS_H
#define P2P_SERVER_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct p2p_accounts;

/* Parses lines of `name ssh-ed25519 AAAA... [comment]`. Empty lines and lines that start with '#'
 * are skipped. A user may have several keys; a key belongs to one user. P2P_ERR_PARSE names the
 * line; P2P_ERR_MEMORY. */
int p2p_accounts_parse(const char *text, size_t length, struct p2p_accounts **out,
                       struct p2p_err *err) P2P_MUST_USE;
/* The same for a file. Blocks; any thread but the io thread. P2P_ERR_SYSTEM when it cannot be read.
 */
int p2p_accounts_read(const char *path, struct p2p_accounts **out,
                      struct p2p_err *err) P2P_MUST_USE;
void p2p_accounts_free(struct p2p_accounts *accounts); /* takes NULL */

/* The user of the key with this type and base64 text; NULL without an account. Borrowed. */
const char *p2p_accounts_find(const struct p2p_accounts *accounts, const char *type,
                              const char *base64);
/* Whether the user has a key. `name` need not be NUL-terminated. */
bool p2p_accounts_has_user(const struct p2p_accounts *accounts, const char *name, size_t length);
/* Whether both have the same keys of the same users, in the same order. */
bool p2p_accounts_are_equal(const struct p2p_accounts *a, const struct p2p_accounts *b);
size_t p2p_accounts_count(const struct p2p_accounts *accounts); /* users */

#endif
