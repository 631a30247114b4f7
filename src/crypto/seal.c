/* Sealing to a public key: libsodium's sealed box (an ephemeral X25519 key, then a box). */
#include "crypto/seal.h"

#include <sodium.h>

_Static_assert(P2P_SEAL_KEY_LEN == crypto_box_PUBLICKEYBYTES, "the public key of a seal");
_Static_assert(P2P_SEAL_KEY_LEN == crypto_box_SECRETKEYBYTES, "the secret key of a seal");
_Static_assert(P2P_SEAL_OVERHEAD == crypto_box_SEALBYTES, "the overhead of a seal");

void p2p_seal_keypair(struct p2p_seal_public *public_key, struct p2p_seal_secret *secret_key) {
  crypto_box_keypair(public_key->bytes, secret_key->bytes);
}

int p2p_seal(const struct p2p_seal_public *to, const void *text, size_t length, uint8_t *out) {
  return crypto_box_seal(out, text, length, to->bytes) == 0 ? P2P_OK : P2P_ERR_CRYPTO;
}

int p2p_unseal(const struct p2p_seal_public *public_key, const struct p2p_seal_secret *secret_key,
               const uint8_t *sealed, size_t sealed_length, uint8_t *out) {
  if (sealed_length < P2P_SEAL_OVERHEAD) return P2P_ERR_CRYPTO;
  if (crypto_box_seal_open(out, sealed, sealed_length, public_key->bytes, secret_key->bytes) != 0)
    return P2P_ERR_CRYPTO;
  return P2P_OK;
}
