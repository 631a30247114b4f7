/* Who has an account on a self-hosted board: lines of `name ssh-ed25519 AAAA... [comment]`. */
#ifndef P2P_SERVER_ACCOUNTS_H
#define P2P_SERVER_ACCOUNTS_H

#include <stddef.h>

#include "base/err.h"

struct p2p_accounts;

/* '#' comments and empty lines are skipped; several keys a user, one user a key. P2P_ERR_PARSE
 * names the line. */
int p2p_accounts_parse(const char *text, size_t length, struct p2p_accounts **out,
                       struct p2p_err *err) P2P_MUST_USE;
/* The same for a file. P2P_ERR_SYSTEM when it cannot be read. */
int p2p_accounts_read(const char *path, struct p2p_accounts **out,
                      struct p2p_err *err) P2P_MUST_USE;
void p2p_accounts_free(struct p2p_accounts *users); /* takes NULL */
/* The user of a key (its type and base64 blob), or NULL. */
const char *p2p_accounts_find(const struct p2p_accounts *users, const char *type,
                              const char *base64);
size_t p2p_accounts_count(const struct p2p_accounts *users);

#endif
