/* The key of a personal cluster. */
#include "keys/personal.h"

#include <string.h>

#include "base/clock.h"
#include "crypto/random.h"
#include "keys/cluster_files.h"

static bool is_alone(const struct p2p_members *members, const struct p2p_device *device) {
  return members->n_devices == 1 && p2p_sign_same(&members->devices[0].device, &device->public_key);
}

static int store(struct p2p_cluster_files *files, struct p2p_err *err) {
  int code = p2p_membership_store(&files->folder, files->cluster, &files->membership, err);
  return code == P2P_OK ? p2p_members_store(&files->folder, &files->members, err) : code;
}

static void make_grant(const char *cluster, const struct p2p_device *device,
                       struct p2p_grant *grant) {
  struct p2p_cluster_key key;
  struct p2p_sign_secret owner;
  grant->epoch = 1;
  p2p_random_bytes(grant->secret, sizeof grant->secret);
  p2p_cluster_key_derive(cluster, grant->epoch, grant->secret, &key);
  p2p_cluster_key_owner(&key, cluster, &owner);
  p2p_sign_public_of(&owner, &grant->owner);
  p2p_cluster_owner(cluster, grant->user);
  p2p_grant_certify(grant, cluster, &device->public_key, &owner);
  p2p_wipe(&key, sizeof key);
  p2p_wipe(&owner, sizeof owner);
}

static int make(struct p2p_cluster_files *files, const struct p2p_device *device,
                struct p2p_err *err) {
  struct p2p_grant *grant = &files->membership.grant;
  memset(&files->membership, 0, sizeof files->membership);
  files->membership.is_enrolled = true;
  make_grant(files->cluster, device, grant);
  p2p_members_clear(&files->members);
  int code = p2p_members_add(&files->members, grant->user, &device->public_key, p2p_clock_unix_s());
  return code == P2P_OK ? store(files, err) : p2p_err_set(err, code, "out of memory");
}

int p2p_personal_read(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *out, bool *exists, bool *alone, struct p2p_err *err) {
  struct p2p_key_folder folder;
  struct p2p_members members;
  memset(out, 0, sizeof *out);
  p2p_members_init(&members);
  *exists = *alone = false;
  int code = p2p_key_place_open(place, false, &folder, err);
  if (code != P2P_OK) return code;
  code = p2p_membership_load(&folder, place->cluster, out, exists, err);
  if (code == P2P_OK && out->is_enrolled) code = p2p_members_load(&folder, &members, err);
  *alone = code == P2P_OK && is_alone(&members, device);
  p2p_members_clear(&members);
  p2p_key_folder_close(&folder);
  if (code != P2P_OK) p2p_wipe(out, sizeof *out);
  return code;
}

int p2p_personal_make(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *out, bool *alone, struct p2p_err *err) {
  struct p2p_cluster_files files;
  memset(out, 0, sizeof *out);
  *alone = false;
  int code = p2p_cluster_files_open(place, true, &files, err);
  if (code != P2P_OK) return code;
  if (!files.membership.is_enrolled) code = make(&files, device, err);
  if (code == P2P_OK) {
    *out = files.membership;
    *alone = is_alone(&files.members, device);
  }
  p2p_cluster_files_close(&files);
  return code;
}

int p2p_personal_keep(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *membership, struct p2p_err *err) {
  struct p2p_cluster_files files;
  int code = p2p_cluster_files_open(place, true, &files, err);
  if (code == P2P_OK && files.membership.is_enrolled && !is_alone(&files.members, device)) {
    *membership = files.membership;
    p2p_cluster_files_close(&files);
  } else if (code == P2P_OK) {
    files.membership = *membership;
    p2p_members_clear(&files.members);
    files.members.is_changed = true;
    code = store(&files, err);
    p2p_cluster_files_close(&files);
  }
  if (code != P2P_OK) p2p_wipe(membership, sizeof *membership);
  return code;
}
