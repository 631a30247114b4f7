/* The owner's side of a cluster. The members file names the epoch, too, and is written first: a
 * process that dies in between has expelled, and the next one that opens the cluster makes the new
 * key. */
#include "keys/ownership.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/random.h"
#include "keys/members_file.h"
#include "protocol/certificate.h"

struct ownership { /* locked */
  const struct p2p_key_place *place;
  const struct p2p_device *device;
  struct p2p_key_folder folder;
  int lock;
  bool exists; /* the membership */
  struct p2p_membership membership;
  struct p2p_members members;
};

static int refuse(const char *cluster, struct p2p_err *err) {
  return p2p_err_because(
      err, "owner_device",
      p2p_err_set(err, P2P_ERR_ACCESS, "this device does not own the cluster '%s'", cluster));
}

static void unlock(struct ownership *ownership) {
  p2p_members_clear(&ownership->members);
  p2p_wipe(&ownership->membership, sizeof ownership->membership);
  p2p_key_folder_unlock(ownership->lock);
  p2p_key_folder_close(&ownership->folder);
}

static int load(struct ownership *ownership, struct p2p_err *err) {
  const char *cluster = ownership->place->cluster;
  const struct p2p_sign_public *owner = &ownership->membership.grant.owner;
  int code = p2p_membership_load(&ownership->folder, cluster, &ownership->membership,
                                 &ownership->exists, err);
  if (code == P2P_OK && ownership->exists && !p2p_sign_same(owner, &ownership->device->public_key))
    code = refuse(cluster, err);
  return code == P2P_OK ? p2p_members_load(&ownership->folder, &ownership->members, err) : code;
}

/* Locks and reads the files. Without a folder, it is made if `make`, or else nothing is locked and
 * the fd of the folder is -1. After an error, nothing is locked. */
static int lock(struct ownership *ownership, const struct p2p_key_place *place,
                const struct p2p_device *device, bool make, struct p2p_err *err) {
  memset(ownership, 0, sizeof *ownership);
  ownership->place = place;
  ownership->device = device;
  p2p_members_init(&ownership->members);
  int code = p2p_key_place_open(place, make, &ownership->folder, err);
  if (code != P2P_OK || ownership->folder.fd < 0) return code;
  code = p2p_key_folder_lock(&ownership->folder, &ownership->lock, err);
  if (code != P2P_OK) {
    p2p_key_folder_close(&ownership->folder);
    return code;
  }
  code = load(ownership, err);
  if (code != P2P_OK) unlock(ownership);
  return code;
}

/* As above, for a cluster that was opened before. */
static int lock_own(struct ownership *ownership, const struct p2p_key_place *place,
                    const struct p2p_device *device, struct p2p_err *err) {
  int code = lock(ownership, place, device, false, err);
  if (code != P2P_OK || ownership->exists) return code;
  if (ownership->folder.fd >= 0) unlock(ownership);
  return p2p_err_because(err, "not_hosted_here",
                         p2p_err_set(err, P2P_ERR_ACCESS,
                                     "the cluster '%s' was never hosted on this device",
                                     place->cluster));
}

/* Makes a key for the epoch of the members file, and our own certificate. */
static int make_key(struct ownership *ownership, struct p2p_err *err) {
  struct p2p_grant *grant = &ownership->membership.grant;
  const char *cluster = ownership->place->cluster;
  memset(&ownership->membership, 0, sizeof ownership->membership);
  ownership->membership.is_enrolled = true;
  grant->owner = ownership->device->public_key;
  grant->epoch = ownership->members.epoch;
  p2p_random_bytes(grant->secret, sizeof grant->secret);
  p2p_cluster_owner(cluster, grant->user);
  p2p_certificate_sign(&(struct p2p_certificate){.cluster = cluster,
                                                 .epoch = grant->epoch,
                                                 .user = grant->user,
                                                 .device = ownership->device->public_key},
                       &ownership->device->secret_key, grant->certificate);
  return p2p_membership_store(&ownership->folder, cluster, &ownership->membership, err);
}

/* Begins an epoch. */
static int renew(struct ownership *ownership, uint32_t epoch, struct p2p_err *err) {
  p2p_members_set_epoch(&ownership->members, epoch);
  int code = p2p_members_store(&ownership->folder, &ownership->members, err);
  return code == P2P_OK ? make_key(ownership, err) : code;
}

/* The epoch that comes next, after both files. Epochs are few: one for each time that somebody was
 * expelled. */
static int next_epoch(const struct ownership *ownership, uint32_t *out, struct p2p_err *err) {
  uint32_t epoch = ownership->members.epoch;
  if (ownership->membership.grant.epoch > epoch) epoch = ownership->membership.grant.epoch;
  if (epoch == UINT32_MAX) return p2p_err_set(err, P2P_ERR_TOO_LARGE, "too many epochs");
  *out = epoch + 1;
  return P2P_OK;
}

static int complete(struct ownership *ownership, struct p2p_err *err) {
  const struct p2p_membership *membership = &ownership->membership;
  uint32_t epoch = ownership->members.epoch;
  int code = P2P_OK;
  if (membership->is_enrolled && membership->grant.epoch == epoch) return P2P_OK;
  if (!membership->is_enrolled || membership->grant.epoch > epoch)
    code = next_epoch(ownership, &epoch, err);
  return code == P2P_OK ? renew(ownership, epoch, err) : code;
}

int p2p_ownership_open(const struct p2p_key_place *place, const struct p2p_device *device,
                       struct p2p_membership *out, struct p2p_err *err) {
  struct ownership ownership;
  memset(out, 0, sizeof *out);
  int code = lock(&ownership, place, device, true, err);
  if (code != P2P_OK) return code;
  code = complete(&ownership, err);
  if (code == P2P_OK) *out = ownership.membership;
  unlock(&ownership);
  return code;
}

int p2p_ownership_expel(const struct p2p_key_place *place, const struct p2p_device *device,
                        const char *who, size_t *n, struct p2p_err *err) {
  struct ownership ownership;
  uint32_t epoch = 0;
  *n = 0;
  int code = lock_own(&ownership, place, device, err);
  if (code != P2P_OK) return code;
  code = next_epoch(&ownership, &epoch, err);
  if (code == P2P_OK) {
    *n = p2p_members_expel(&ownership.members, who, epoch);
    code = *n > 0 ? renew(&ownership, epoch, err)
                  : p2p_err_because(err, "unknown_member",
                                    p2p_err_set(err, P2P_ERR_INVALID,
                                                "the cluster '%s' has no such user or device",
                                                place->cluster));
  }
  unlock(&ownership);
  return code;
}

static int explain_name(int code, struct p2p_err *err) {
  return p2p_err_because(err, "member_name",
                         p2p_err_set(err, code, "the name of the user is malformed"));
}

int p2p_ownership_approve(const struct p2p_key_place *place, const struct p2p_device *device,
                          const char *user, const char *who, struct p2p_err *err) {
  struct ownership ownership;
  int code = lock_own(&ownership, place, device, err);
  if (code != P2P_OK) return code;
  code = p2p_members_approve(&ownership.members, user, who);
  if (code == P2P_ERR_INVALID && !p2p_user_name_is_valid(user, strlen(user)))
    explain_name(code, err);
  else if (code == P2P_ERR_INVALID)
    p2p_err_because(err, "device_form",
                    p2p_err_set(err, code, "the device is neither a fingerprint nor a key"));
  else if (code != P2P_OK)
    p2p_err_set(err, code, "cannot approve one more device: %s", p2p_err_name(code));
  if (code == P2P_OK) code = p2p_members_store(&ownership.folder, &ownership.members, err);
  unlock(&ownership);
  return code;
}

static int add_invitation(struct ownership *ownership, const char *user,
                          const struct p2p_sign_public *key, struct p2p_err *err) {
  time_t now = time(NULL);
  int code = p2p_members_invite(&ownership->members, user, key, now < 0 ? 0 : (uint64_t)now);
  if (code == P2P_ERR_INVALID) return explain_name(code, err);
  if (code != P2P_OK)
    return p2p_err_set(err, code, "cannot invite one more user: %s", p2p_err_name(code));
  return p2p_members_store(&ownership->folder, &ownership->members, err);
}

int p2p_ownership_invite(const struct p2p_key_place *place, const struct p2p_device *device,
                         const char *user, struct p2p_invitation *out, struct p2p_err *err) {
  struct ownership ownership;
  struct p2p_sign_public key;
  memset(out, 0, sizeof *out);
  int code = lock_own(&ownership, place, device, err);
  if (code != P2P_OK) return code;
  p2p_sign_keypair(&key, &out->secret_key);
  out->owner = device->public_key;
  snprintf(out->cluster, sizeof out->cluster, "%s", place->cluster);
  snprintf(out->board, sizeof out->board, "%s", place->board);
  code = add_invitation(&ownership, user, &key, err);
  if (code != P2P_OK) p2p_wipe(out, sizeof *out);
  unlock(&ownership);
  return code;
}

int p2p_ownership_withdraw(const struct p2p_key_place *place, const struct p2p_device *device,
                           const struct p2p_sign_public *invitation, struct p2p_err *err) {
  struct ownership ownership;
  int code = lock_own(&ownership, place, device, err);
  if (code != P2P_OK) return code;
  p2p_members_end_invitation(&ownership.members, invitation);
  code = p2p_members_store(&ownership.folder, &ownership.members, err);
  unlock(&ownership);
  return code;
}
