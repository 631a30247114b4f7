/* Sealing to a public key (X25519, libsodium's sealed box): how a client tells one worker a code on
 * a board that everybody reads. */
#ifndef P2P_CRYPTO_SEAL_H
#define P2P_CRYPTO_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_SEAL_KEY_LEN 32
#define P2P_SEAL_OVERHEAD 48

struct p2p_seal_public {
  uint8_t bytes[P2P_SEAL_KEY_LEN];
};
struct p2p_seal_secret {
  uint8_t bytes[P2P_SEAL_KEY_LEN];
};

void p2p_seal_keypair(struct p2p_seal_public *public_key, struct p2p_seal_secret *secret_key);
/* out: length + P2P_SEAL_OVERHEAD bytes. P2P_ERR_CRYPTO for an unusable key. */
int p2p_seal(const struct p2p_seal_public *to, const void *text, size_t length,
             uint8_t *out) P2P_MUST_USE;
/* out: sealed_length - P2P_SEAL_OVERHEAD bytes. P2P_ERR_CRYPTO. */
int p2p_unseal(const struct p2p_seal_public *public_key, const struct p2p_seal_secret *secret_key,
               const uint8_t *sealed, size_t sealed_length, uint8_t *out) P2P_MUST_USE;

#endif
