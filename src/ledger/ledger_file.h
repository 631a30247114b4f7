/* The ledger of this account: a private file, "counts" in a private folder, which all programs of
 * the account change under its lock. Blocks, for two seconds at most where another program has the
 * lock; any thread but the io thread. */
#ifndef P2P_LEDGER_LEDGER_FILE_H
#define P2P_LEDGER_LEDGER_FILE_H

#include "ledger/ledger.h"

/* The errors of all: those of keys/folder.h and keys/private_file.h; P2P_ERR_PARSE, P2P_ERR_VERSION
 * for a file that we cannot read, which stays; P2P_ERR_TIMEOUT, P2P_ERR_MEMORY. */

/* Fills *out, which is empty. Without the file, it stays empty. */
int p2p_ledger_file_read(const char *folder, struct p2p_ledger *out,
                         struct p2p_err *err) P2P_MUST_USE;
/* Adds to what the file has. The folder is made. */
int p2p_ledger_file_add(const char *folder, const struct p2p_ledger *more,
                        struct p2p_err *err) P2P_MUST_USE;
/* Removes what is about a cluster or, with NULL, all, whatever the file has. */
int p2p_ledger_file_forget(const char *folder, const char *cluster,
                           struct p2p_err *err) P2P_MUST_USE;

#endif
