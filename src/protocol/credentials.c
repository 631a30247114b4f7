/* Badges: made from the credentials of one end, checked with those of the other. */
#include "protocol/credentials.h"

#include <string.h>

void p2p_badge_make(const struct p2p_credentials *ours, enum p2p_role role, const uint8_t *verifier,
                    struct p2p_badge *out) {
  struct p2p_link_proof proof = {verifier, role, ours->user};
  *out = (struct p2p_badge){.device = ours->device};
  memcpy(out->user, ours->user, sizeof out->user);
  memcpy(out->certificate, ours->certificate, sizeof out->certificate);
  p2p_link_proof_sign(&proof, &ours->device_secret, out->proof);
}

/* Whether `user` is the owner of a personal cluster. */
static bool is_personal(const char *cluster, const char *user) {
  char owner[P2P_USER_NAME_MAX];
  p2p_cluster_owner(cluster, owner);
  return p2p_cluster_is_personal(cluster) && strcmp(owner, user) == 0;
}

bool p2p_device_is_certified(const struct p2p_sign_public *device, const char *user,
                             const uint8_t *signature, const struct p2p_credentials *ours) {
  struct p2p_certificate certificate = {ours->cluster, ours->key.epoch, user, *device};
  return !p2p_device_is_among(device, ours->expelled, ours->n_expelled) &&
         (is_personal(ours->cluster, user) ||
          p2p_certificate_check(&certificate, &ours->owner, signature));
}

bool p2p_badge_check(const struct p2p_credentials *ours, enum p2p_role role,
                     const uint8_t *verifier, const struct p2p_badge *badge) {
  struct p2p_link_proof proof = {verifier, role, badge->user};
  return p2p_device_is_certified(&badge->device, badge->user, badge->certificate, ours) &&
         p2p_link_proof_check(&proof, &badge->device, badge->proof);
}

bool p2p_device_is_among(const struct p2p_sign_public *device,
                         const struct p2p_sign_public *devices, size_t n_devices) {
  for (size_t i = 0; device != NULL && i < n_devices; i++)
    if (p2p_sign_same(device, &devices[i])) return true;
  return false;
}
