/* The two files of a cluster, `membership` and `members`, for those who change both: the owner's
 * device, and any device of a personal cluster. They are read under the lock of the cluster's
 * folder, which lasts until p2p_cluster_files_close. Blocks; any thread but the io thread. */
#ifndef P2P_KEYS_CLUSTER_FILES_H
#define P2P_KEYS_CLUSTER_FILES_H

#include "keys/members_file.h"
#include "keys/membership.h"

struct p2p_cluster_files { /* secret */
  const char *cluster;     /* borrowed */
  struct p2p_key_folder folder;
  bool exists; /* the membership */
  struct p2p_membership membership;
  struct p2p_members members;
};

/* Locks and reads. The folder is made if `make`; else, without it, there is nothing to lock and to
 * read. Errors of keys/membership.h and keys/members_file.h; then there is nothing to close. */
int p2p_cluster_files_open(const struct p2p_key_place *place, bool make,
                           struct p2p_cluster_files *out, struct p2p_err *err) P2P_MUST_USE;
void p2p_cluster_files_close(struct p2p_cluster_files *files); /* wipes */

#endif
