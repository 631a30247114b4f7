/* The key of a personal cluster. */
#include "keys/personal.h"

#include <string.h>
#include <time.h>

#include "crypto/random.h"
#include "keys/members_file.h"
#include "protocol/certificate.h"

struct personal { /* locked */
  const struct p2p_key_place *place;
  const struct p2p_device *device;
  struct p2p_key_folder folder;
  int lock;
  bool exists;
  struct p2p_membership membership;
  struct p2p_members members;
};

static int lock(struct personal *personal, const struct p2p_key_place *place,
                const struct p2p_device *device, struct p2p_err *err) {
  memset(personal, 0, sizeof *personal);
  personal->place = place;
  personal->device = device;
  p2p_members_init(&personal->members);
  int code = p2p_key_place_open(place, true, &personal->folder, err);
  if (code != P2P_OK) return code;
  code = p2p_key_folder_lock(&personal->folder, &personal->lock, err);
  if (code != P2P_OK) p2p_key_folder_close(&personal->folder);
  return code;
}

static int load(struct personal *personal, struct p2p_err *err) {
  int code = p2p_membership_load(&personal->folder, personal->place->cluster, &personal->membership,
                                 &personal->exists, err);
  return code == P2P_OK ? p2p_members_load(&personal->folder, &personal->members, err) : code;
}

static void unlock(struct personal *personal) {
  p2p_members_clear(&personal->members);
  p2p_wipe(&personal->membership, sizeof personal->membership);
  p2p_key_folder_unlock(personal->lock);
  p2p_key_folder_close(&personal->folder);
}

static bool is_enrolled(const struct personal *personal) {
  return personal->exists && personal->membership.is_enrolled;
}

static bool is_alone(const struct personal *personal) {
  return is_enrolled(personal) && personal->members.n_devices == 1 &&
         p2p_sign_same(&personal->members.devices[0].device, &personal->device->public_key);
}

static int store(struct personal *personal, struct p2p_err *err) {
  int code =
      p2p_membership_store(&personal->folder, personal->place->cluster, &personal->membership, err);
  return code == P2P_OK ? p2p_members_store(&personal->folder, &personal->members, err) : code;
}

static void make_grant(const struct personal *personal, struct p2p_grant *grant) {
  const char *cluster = personal->place->cluster;
  struct p2p_cluster_key key;
  struct p2p_sign_secret owner;
  grant->epoch = 1;
  p2p_random_bytes(grant->secret, sizeof grant->secret);
  p2p_cluster_key_derive(cluster, grant->epoch, grant->secret, &key);
  p2p_cluster_key_owner(&key, cluster, &owner);
  p2p_sign_public_of(&owner, &grant->owner);
  p2p_cluster_owner(cluster, grant->user);
  p2p_certificate_sign(&(struct p2p_certificate){.cluster = cluster,
                                                 .epoch = grant->epoch,
                                                 .user = grant->user,
                                                 .device = personal->device->public_key},
                       &owner, grant->certificate);
  p2p_wipe(&key, sizeof key);
  p2p_wipe(&owner, sizeof owner);
}

static int make(struct personal *personal, struct p2p_err *err) {
  time_t now = time(NULL);
  struct p2p_grant *grant = &personal->membership.grant;
  memset(&personal->membership, 0, sizeof personal->membership);
  personal->membership.is_enrolled = personal->exists = true;
  make_grant(personal, grant);
  p2p_members_clear(&personal->members);
  int code = p2p_members_add(&personal->members, grant->user, &personal->device->public_key,
                             now < 0 ? 0 : (uint64_t)now);
  return code == P2P_OK ? store(personal, err) : p2p_err_set(err, code, "out of memory");
}

int p2p_personal_read(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *out, bool *exists, bool *alone, struct p2p_err *err) {
  struct personal personal = {.place = place, .device = device};
  *alone = false;
  int code = p2p_membership_read(place, out, exists, err);
  if (code != P2P_OK || !*exists || !out->is_enrolled) return code;
  code = p2p_members_read(place, &personal.members, err);
  personal.exists = true;
  personal.membership.is_enrolled = true;
  *alone = code == P2P_OK && is_alone(&personal);
  p2p_members_clear(&personal.members);
  if (code != P2P_OK) p2p_wipe(out, sizeof *out);
  return code;
}

int p2p_personal_make(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *out, bool *alone, struct p2p_err *err) {
  struct personal personal;
  memset(out, 0, sizeof *out);
  *alone = false;
  int code = lock(&personal, place, device, err);
  if (code != P2P_OK) return code;
  code = load(&personal, err);
  if (code == P2P_OK && !is_enrolled(&personal)) code = make(&personal, err);
  if (code == P2P_OK) {
    *out = personal.membership;
    *alone = is_alone(&personal);
  }
  unlock(&personal);
  return code;
}

int p2p_personal_keep(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *membership, struct p2p_err *err) {
  struct personal personal;
  int code = lock(&personal, place, device, err);
  if (code == P2P_OK) {
    code = load(&personal, err);
    if (code == P2P_OK && is_enrolled(&personal) && !is_alone(&personal)) {
      *membership = personal.membership;
    } else if (code == P2P_OK) {
      personal.membership = *membership;
      p2p_members_clear(&personal.members);
      personal.members.is_changed = true;
      code = store(&personal, err);
    }
    unlock(&personal);
  }
  if (code != P2P_OK) p2p_wipe(membership, sizeof *membership);
  return code;
}
