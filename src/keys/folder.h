/* A folder of keys: only this user can enter it. It is opened once, and what is in it is reached by
 * its descriptor, so that nobody can put another in its place. Blocks; any thread but the io
 * thread. */
#ifndef P2P_KEYS_FOLDER_H
#define P2P_KEYS_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_KEY_PATH_MAX 1024 /* bytes, with the NUL */

struct p2p_key_folder {
  int fd;   /* -1: it does not exist */
  int lock; /* -1: not locked */
  char path[P2P_KEY_PATH_MAX];
};

/* Opens the folder. A missing one is made, with those above it, if `make`; else its fd is -1.
 * Symbolic links that lead to it are followed.
 *
 * P2P_ERR_ACCESS for a folder that others can read or change ("keys_exposed") or that belongs to
 * another user ("keys_owner"); P2P_ERR_SYSTEM, P2P_ERR_TOO_LARGE. After an error, nothing is open.
 */
int p2p_key_folder_open(const char *path, bool make, struct p2p_key_folder *out,
                        struct p2p_err *err) P2P_MUST_USE;
/* Goes on to a folder in it, which must not be a symbolic link. As above. `name` is trusted: it has
 * no '/' and is not "..". */
int p2p_key_folder_enter(struct p2p_key_folder *folder, const char *name, bool make,
                         struct p2p_err *err) P2P_MUST_USE;
/* Ends its lock, too. May be repeated. */
void p2p_key_folder_close(struct p2p_key_folder *folder);

/* Waits until no other thread or process has the folder's lock, and takes it. It ends when the
 * folder is closed, and with the process. After an error, the folder is closed. Where the file
 * system has no locks, it protects nothing. P2P_ERR_SYSTEM, P2P_ERR_ACCESS. */
int p2p_key_folder_lock(struct p2p_key_folder *folder, struct p2p_err *err) P2P_MUST_USE;
/* The same, but P2P_ERR_TIMEOUT after about this time. No call of the system has both, so this one
 * looks 100 times a second. */
int p2p_key_folder_lock_within(struct p2p_key_folder *folder, uint32_t timeout_ms,
                               struct p2p_err *err) P2P_MUST_USE;

#endif
