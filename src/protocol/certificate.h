/* What a device shows on a link: the owner's signature that it is a device of a user, and its own
 * signature that it is the one on this link. Pure. Grammar: docs/protocol.md, "Certificates". */
#ifndef P2P_PROTOCOL_CERTIFICATE_H
#define P2P_PROTOCOL_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/sign.h"
#include "protocol/role.h"

#define P2P_VERIFIER_LEN 32

struct p2p_certificate { /* what the owner signs */
  const char *cluster;   /* "alice/friends" */
  uint32_t epoch;
  const char *user; /* "bob" */
  struct p2p_sign_public device;
};

void p2p_certificate_sign(const struct p2p_certificate *certificate,
                          const struct p2p_sign_secret *owner, uint8_t out[P2P_SIGNATURE_LEN]);
bool p2p_certificate_check(const struct p2p_certificate *certificate,
                           const struct p2p_sign_public *owner,
                           const uint8_t signature[P2P_SIGNATURE_LEN]) P2P_MUST_USE;

struct p2p_link_proof {    /* what a device signs, once per link */
  const uint8_t *verifier; /* of the link's wormhole, P2P_VERIFIER_LEN bytes */
  enum p2p_role role;      /* of the device: client or worker */
  const char *user;        /* of its certificate */
};

void p2p_link_proof_sign(const struct p2p_link_proof *proof, const struct p2p_sign_secret *device,
                         uint8_t out[P2P_SIGNATURE_LEN]);
bool p2p_link_proof_check(const struct p2p_link_proof *proof, const struct p2p_sign_public *device,
                          const uint8_t signature[P2P_SIGNATURE_LEN]) P2P_MUST_USE;

#endif
