/* The file `members`: what the owner's host knows of the members of a cluster (keys/members.h).
 * Several processes may change it at once, under the lock of the cluster's folder. Blocks; any
 * thread but the io thread. Errors of keys/folder.h and keys/private_file.h, P2P_ERR_PARSE
 * ("keys_damaged"), P2P_ERR_VERSION ("keys_newer"). */
#ifndef P2P_KEYS_MEMBERS_FILE_H
#define P2P_KEYS_MEMBERS_FILE_H

#include "keys/members.h"
#include "keys/place.h"

#define P2P_MEMBERS_FILE "members"

/* Empty without the file, and after an error. The caller clears it. */
int p2p_members_read(const struct p2p_key_place *place, struct p2p_members *out,
                     struct p2p_err *err) P2P_MUST_USE;

/* Changes the members by p2p_members_*; on P2P_OK, what has changed is written. Short: others wait.
 */
typedef int (*p2p_members_change_fn)(void *arg, struct p2p_members *members, struct p2p_err *err);
/* Reads the file, calls `fn`, and writes the file if something has changed, so that no change of
 * another process is lost. Also returns errors of `fn`; then the file is as it was. */
int p2p_members_change(const struct p2p_key_place *place, p2p_members_change_fn fn, void *arg,
                       struct p2p_err *err) P2P_MUST_USE;

/* The same in the folder of the cluster, for a caller that has its lock. p2p_members_store writes
 * only what has changed. */
int p2p_members_load(const struct p2p_key_folder *folder, struct p2p_members *out,
                     struct p2p_err *err) P2P_MUST_USE;
int p2p_members_store(const struct p2p_key_folder *folder, struct p2p_members *members,
                      struct p2p_err *err) P2P_MUST_USE;

#endif
