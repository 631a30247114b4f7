/* What a device has as a member of a cluster with a key. Pure. Grammar: docs/protocol.md, "Keys and
 * members". */
#ifndef P2P_PROTOCOL_CREDENTIALS_H
#define P2P_PROTOCOL_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"
#include "protocol/certificate.h"
#include "protocol/cluster_key.h"
#include "protocol/member_name.h"
#include "protocol/role.h"

#define P2P_EXPELLED_MAX 64

struct p2p_credentials { /* secret: wipe it */
  char cluster[P2P_USER_NAME_MAX + P2P_CLUSTER_NAME_MAX];
  struct p2p_cluster_key key;
  struct p2p_sign_secret device_secret;
  struct p2p_sign_public device, owner;
  char user[P2P_USER_NAME_MAX]; /* of the certificate */
  uint8_t certificate[P2P_SIGNATURE_LEN];
  struct p2p_sign_public expelled[P2P_EXPELLED_MAX]; /* since this epoch: we lack the next key */
  size_t n_expelled;
};

/* What one end of a link shows the other in its HELLO. */
struct p2p_badge {
  char user[P2P_USER_NAME_MAX];
  struct p2p_sign_public device;
  uint8_t certificate[P2P_SIGNATURE_LEN], proof[P2P_SIGNATURE_LEN];
};

/* The badge of this device for one link. `role`: ours. `verifier`: P2P_VERIFIER_LEN bytes. */
void p2p_badge_make(const struct p2p_credentials *ours, enum p2p_role role, const uint8_t *verifier,
                    struct p2p_badge *out);
/* Whether the owner certified the other end and has not expelled it, and it has its device. `role`:
 * of the other end. */
bool p2p_badge_check(const struct p2p_credentials *ours, enum p2p_role role,
                     const uint8_t *verifier, const struct p2p_badge *badge) P2P_MUST_USE;

/* Whether the owner certified this device for the user, by P2P_SIGNATURE_LEN bytes of signature,
 * and has not expelled it. The devices of a personal cluster certify each other: there, the key of
 * the cluster shows that a device of its user is one of the user's own. */
bool p2p_device_is_certified(const struct p2p_sign_public *device, const char *user,
                             const uint8_t *signature,
                             const struct p2p_credentials *ours) P2P_MUST_USE;

/* Whether a device is one of these. False for NULL. */
bool p2p_device_is_among(const struct p2p_sign_public *device,
                         const struct p2p_sign_public *devices, size_t n_devices);

#endif
