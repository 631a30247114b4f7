/* The files of a cluster under its lock. */
#include "keys/cluster_files.h"

#include <string.h>

int p2p_cluster_files_open(const struct p2p_key_place *place, bool make,
                           struct p2p_cluster_files *out, struct p2p_err *err) {
  memset(out, 0, sizeof *out);
  out->cluster = place->cluster;
  int code = p2p_key_place_lock(place, make, &out->folder, err);
  if (code != P2P_OK) return code;
  code = p2p_membership_load(&out->folder, out->cluster, &out->membership, &out->exists, err);
  if (code == P2P_OK) code = p2p_members_load(&out->folder, &out->members, err);
  if (code != P2P_OK) p2p_cluster_files_close(out);
  return code;
}

void p2p_cluster_files_close(struct p2p_cluster_files *files) {
  p2p_members_clear(&files->members);
  p2p_wipe(&files->membership, sizeof files->membership);
  p2p_key_folder_close(&files->folder);
}
