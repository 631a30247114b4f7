/* Files in a folder of keys: only this user can read and write them. They are read whole, and
 * written whole, by way of a temporary file. Blocks; any thread but the io thread. */
#ifndef P2P_KEYS_PRIVATE_FILE_H
#define P2P_KEYS_PRIVATE_FILE_H

#include <stdbool.h>

#include "base/buf.h"
#include "keys/folder.h"

/* Appends the file to `out`, whose cap is the largest size. Without the file: P2P_OK, and *exists
 * is false. P2P_ERR_ACCESS (keys/privacy.h); P2P_ERR_INVALID for what is not a regular file,
 * symbolic links among it; P2P_ERR_TOO_LARGE, P2P_ERR_SYSTEM, P2P_ERR_MEMORY. After an error, `out`
 * is empty. */
int p2p_private_file_read(const struct p2p_key_folder *folder, const char *name,
                          struct p2p_buf *out, bool *exists, struct p2p_err *err) P2P_MUST_USE;

/* Makes the file, or replaces it. Others see the old contents or the new ones. P2P_ERR_SYSTEM; then
 * it is as it was. */
int p2p_private_file_write(const struct p2p_key_folder *folder, const char *name,
                           const struct p2p_buf *contents, struct p2p_err *err) P2P_MUST_USE;
/* Makes the file. If it exists, it stays, and *existed is true. Of processes that do this at once,
 * one makes it. P2P_ERR_SYSTEM. */
int p2p_private_file_make(const struct p2p_key_folder *folder, const char *name,
                          const struct p2p_buf *contents, bool *existed,
                          struct p2p_err *err) P2P_MUST_USE;

/* Removes the temporary files of processes that have died meanwhile. Only for a folder in which
 * nobody writes without its lock, and with that. */
void p2p_private_file_sweep(const struct p2p_key_folder *folder);

/* P2P_OK also if there is none. P2P_ERR_SYSTEM. */
int p2p_private_file_remove(const struct p2p_key_folder *folder, const char *name,
                            struct p2p_err *err) P2P_MUST_USE;

#endif
