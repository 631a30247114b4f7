/* The owner's side of a cluster. The members file names the epoch, too, and is written first: a
 * process that dies in between has expelled, and the next one that opens the cluster makes the new
 * key. */
#include "keys/ownership.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/random.h"
#include "keys/cluster_files.h"

static int refuse(const char *cluster, struct p2p_err *err) {
  return p2p_err_because(
      err, "owner_device",
      p2p_err_set(err, P2P_ERR_ACCESS, "this device does not own the cluster '%s'", cluster));
}

static int open_files(const struct p2p_key_place *place, const struct p2p_device *device, bool make,
                      struct p2p_cluster_files *out, struct p2p_err *err) {
  int code = p2p_cluster_files_open(place, make, out, err);
  if (code != P2P_OK || !out->exists ||
      p2p_sign_same(&out->membership.grant.owner, &device->public_key))
    return code;
  p2p_cluster_files_close(out);
  return refuse(place->cluster, err);
}

/* Of a cluster that was opened before. */
static int reopen(const struct p2p_key_place *place, const struct p2p_device *device,
                  struct p2p_cluster_files *out, struct p2p_err *err) {
  int code = open_files(place, device, false, out, err);
  if (code != P2P_OK || out->exists) return code;
  p2p_cluster_files_close(out);
  return p2p_err_because(err, "not_hosted_here",
                         p2p_err_set(err, P2P_ERR_ACCESS,
                                     "the cluster '%s' was never hosted on this device",
                                     place->cluster));
}

/* Makes a key for the epoch of the members file, and our own certificate. */
static int make_key(struct p2p_cluster_files *files, const struct p2p_device *device,
                    struct p2p_err *err) {
  struct p2p_grant *grant = &files->membership.grant;
  memset(&files->membership, 0, sizeof files->membership);
  files->membership.is_enrolled = true;
  grant->owner = device->public_key;
  grant->epoch = files->members.epoch;
  p2p_random_bytes(grant->secret, sizeof grant->secret);
  p2p_cluster_owner(files->cluster, grant->user);
  p2p_grant_certify(grant, files->cluster, &device->public_key, &device->secret_key);
  return p2p_membership_store(&files->folder, files->cluster, &files->membership, err);
}

/* Begins an epoch. */
static int renew(struct p2p_cluster_files *files, const struct p2p_device *device, uint32_t epoch,
                 struct p2p_err *err) {
  p2p_members_set_epoch(&files->members, epoch);
  int code = p2p_members_store(&files->folder, &files->members, err);
  return code == P2P_OK ? make_key(files, device, err) : code;
}

/* The epoch that comes next, after both files. Epochs are few: one for each time that somebody was
 * expelled. */
static int next_epoch(const struct p2p_cluster_files *files, uint32_t *out, struct p2p_err *err) {
  uint32_t epoch = files->members.epoch;
  if (files->membership.grant.epoch > epoch) epoch = files->membership.grant.epoch;
  if (epoch == UINT32_MAX) return p2p_err_set(err, P2P_ERR_TOO_LARGE, "too many epochs");
  *out = epoch + 1;
  return P2P_OK;
}

static int complete(struct p2p_cluster_files *files, const struct p2p_device *device,
                    struct p2p_err *err) {
  const struct p2p_membership *membership = &files->membership;
  uint32_t epoch = files->members.epoch;
  int code = P2P_OK;
  if (membership->is_enrolled && membership->grant.epoch == epoch) return P2P_OK;
  if (!membership->is_enrolled || membership->grant.epoch > epoch)
    code = next_epoch(files, &epoch, err);
  return code == P2P_OK ? renew(files, device, epoch, err) : code;
}

int p2p_ownership_open(const struct p2p_key_place *place, const struct p2p_device *device,
                       struct p2p_membership *out, struct p2p_err *err) {
  struct p2p_cluster_files files;
  memset(out, 0, sizeof *out);
  int code = open_files(place, device, true, &files, err);
  if (code != P2P_OK) return code;
  code = complete(&files, device, err);
  if (code == P2P_OK) *out = files.membership;
  p2p_cluster_files_close(&files);
  return code;
}

int p2p_ownership_expel(const struct p2p_key_place *place, const struct p2p_device *device,
                        const char *who, size_t *n, struct p2p_err *err) {
  struct p2p_cluster_files files;
  uint32_t epoch = 0;
  *n = 0;
  int code = reopen(place, device, &files, err);
  if (code != P2P_OK) return code;
  code = next_epoch(&files, &epoch, err);
  if (code == P2P_OK) {
    *n = p2p_members_expel(&files.members, who, epoch);
    code = *n > 0 ? renew(&files, device, epoch, err)
                  : p2p_err_because(err, "unknown_member",
                                    p2p_err_set(err, P2P_ERR_INVALID,
                                                "the cluster '%s' has no such user or device",
                                                place->cluster));
  }
  p2p_cluster_files_close(&files);
  return code;
}

static int explain_name(int code, struct p2p_err *err) {
  return p2p_err_because(err, "member_name",
                         p2p_err_set(err, code, "the name of the user is malformed"));
}

int p2p_ownership_approve(const struct p2p_key_place *place, const struct p2p_device *device,
                          const char *user, const char *who, struct p2p_err *err) {
  struct p2p_cluster_files files;
  int code = reopen(place, device, &files, err);
  if (code != P2P_OK) return code;
  code = p2p_members_approve(&files.members, user, who);
  if (code == P2P_ERR_INVALID && !p2p_user_name_is_valid(user, strlen(user)))
    explain_name(code, err);
  else if (code == P2P_ERR_INVALID)
    p2p_err_because(err, "device_form",
                    p2p_err_set(err, code, "the device is neither a fingerprint nor a key"));
  else if (code == P2P_ERR_ACCESS)
    p2p_err_because(err, "device_of_other",
                    p2p_err_set(err, code,
                                "the device is a member of the cluster '%s' as another user than "
                                "'%s'",
                                place->cluster, user));
  else if (code != P2P_OK)
    p2p_err_set(err, code, "cannot approve one more device: %s", p2p_err_name(code));
  if (code == P2P_OK) code = p2p_members_store(&files.folder, &files.members, err);
  p2p_cluster_files_close(&files);
  return code;
}

static int add_invitation(struct p2p_cluster_files *files, const char *user,
                          const struct p2p_sign_public *key, struct p2p_err *err) {
  int code = p2p_members_invite(&files->members, user, key, p2p_clock_unix_s());
  if (code == P2P_ERR_INVALID) return explain_name(code, err);
  if (code != P2P_OK)
    return p2p_err_set(err, code, "cannot invite one more user: %s", p2p_err_name(code));
  return p2p_members_store(&files->folder, &files->members, err);
}

int p2p_ownership_invite(const struct p2p_key_place *place, const struct p2p_device *device,
                         const char *user, struct p2p_invitation *out, struct p2p_err *err) {
  struct p2p_cluster_files files;
  struct p2p_sign_public key;
  memset(out, 0, sizeof *out);
  int code = reopen(place, device, &files, err);
  if (code != P2P_OK) return code;
  p2p_sign_keypair(&key, &out->secret_key);
  out->owner = device->public_key;
  snprintf(out->cluster, sizeof out->cluster, "%s", place->cluster);
  snprintf(out->board, sizeof out->board, "%s", place->board);
  code = add_invitation(&files, user, &key, err);
  if (code != P2P_OK) p2p_wipe(out, sizeof *out);
  p2p_cluster_files_close(&files);
  return code;
}

int p2p_ownership_withdraw(const struct p2p_key_place *place, const struct p2p_device *device,
                           const struct p2p_sign_public *invitation, struct p2p_err *err) {
  struct p2p_cluster_files files;
  int code = reopen(place, device, &files, err);
  if (code != P2P_OK) return code;
  p2p_members_end_invitation(&files.members, invitation);
  code = p2p_members_store(&files.folder, &files.members, err);
  p2p_cluster_files_close(&files);
  return code;
}

int p2p_ownership_withdraw_all(const struct p2p_key_place *place, const struct p2p_device *device,
                               const char *user, size_t *n, struct p2p_err *err) {
  struct p2p_cluster_files files;
  *n = 0;
  int code = reopen(place, device, &files, err);
  if (code != P2P_OK) return code;
  *n = p2p_members_end_invitations(&files.members, user);
  code = p2p_members_store(&files.folder, &files.members, err);
  p2p_cluster_files_close(&files);
  return code;
}
