/* Ed25519 by libsodium, over a hash of what is signed. */
#include "crypto/sign.h"

#include <sodium.h>
#include <string.h>

#include "crypto/hash.h"

_Static_assert(P2P_SIGN_KEY_LEN == crypto_sign_PUBLICKEYBYTES, "the public key of a signature");
_Static_assert(P2P_SIGN_KEY_LEN == crypto_sign_SEEDBYTES, "the seed of a signing key");
_Static_assert(P2P_SIGNATURE_LEN == crypto_sign_BYTES, "the length of a signature");

void p2p_sign_keypair(struct p2p_sign_public *public_key, struct p2p_sign_secret *secret_key) {
  randombytes_buf(secret_key->bytes, sizeof secret_key->bytes);
  p2p_sign_public_of(secret_key, public_key);
}

void p2p_sign_public_of(const struct p2p_sign_secret *secret_key,
                        struct p2p_sign_public *public_key) {
  uint8_t whole[crypto_sign_SECRETKEYBYTES];

  (void)crypto_sign_seed_keypair(public_key->bytes, whole, secret_key->bytes);
  sodium_memzero(whole, sizeof whole);
}

bool p2p_sign_same(const struct p2p_sign_public *a, const struct p2p_sign_public *b) {
  return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void p2p_sign(const struct p2p_sign_secret *secret_key, const char *domain,
              const struct p2p_span *parts, size_t n_parts, uint8_t out[P2P_SIGNATURE_LEN]) {
  uint8_t whole[crypto_sign_SECRETKEYBYTES], public_key[P2P_SIGN_KEY_LEN], hash[P2P_SHA256_LEN];

  p2p_sha256_parts(domain, parts, n_parts, hash);
  (void)crypto_sign_seed_keypair(public_key, whole, secret_key->bytes);
  (void)crypto_sign_detached(out, NULL, hash, sizeof hash, whole);
  sodium_memzero(whole, sizeof whole);
}

bool p2p_sign_check(const struct p2p_sign_public *public_key, const char *domain,
                    const struct p2p_span *parts, size_t n_parts,
                    const uint8_t signature[P2P_SIGNATURE_LEN]) {
  uint8_t hash[P2P_SHA256_LEN];

  p2p_sha256_parts(domain, parts, n_parts, hash);
  return crypto_sign_verify_detached(signature, hash, sizeof hash, public_key->bytes) == 0;
}

int p2p_sign_seal(const struct p2p_sign_public *to, const void *text, size_t length, uint8_t *out) {
  struct p2p_seal_public key;

  if (crypto_sign_ed25519_pk_to_curve25519(key.bytes, to->bytes) != 0) return P2P_ERR_CRYPTO;
  return p2p_seal(&key, text, length, out);
}

int p2p_sign_unseal(const struct p2p_sign_secret *secret_key, const uint8_t *sealed,
                    size_t sealed_length, uint8_t *out) {
  uint8_t whole[crypto_sign_SECRETKEYBYTES], ours[P2P_SIGN_KEY_LEN];
  struct p2p_seal_public public_key;
  struct p2p_seal_secret secret;

  (void)crypto_sign_seed_keypair(ours, whole, secret_key->bytes);
  int code = P2P_ERR_CRYPTO;
  if (crypto_sign_ed25519_sk_to_curve25519(secret.bytes, whole) == 0 &&
      crypto_sign_ed25519_pk_to_curve25519(public_key.bytes, ours) == 0)
    code = p2p_unseal(&public_key, &secret, sealed, sealed_length, out);
  sodium_memzero(whole, sizeof whole);
  sodium_memzero(&secret, sizeof secret);
  return code;
}
