/* Ed25519 signatures (RFC 8032) of devices and of cluster owners. A signing key also opens what was
 * sealed to its public half (crypto/seal.h), as X25519. Any thread. */
#ifndef P2P_CRYPTO_SIGN_H
#define P2P_CRYPTO_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "crypto/seal.h"

#define P2P_SIGN_KEY_LEN 32
#define P2P_SIGNATURE_LEN 64

struct p2p_sign_public {
  uint8_t bytes[P2P_SIGN_KEY_LEN];
};
struct p2p_sign_secret { /* the seed */
  uint8_t bytes[P2P_SIGN_KEY_LEN];
};

void p2p_sign_keypair(struct p2p_sign_public *public_key, struct p2p_sign_secret *secret_key);
void p2p_sign_public_of(const struct p2p_sign_secret *secret_key,
                        struct p2p_sign_public *public_key);
bool p2p_sign_same(const struct p2p_sign_public *a, const struct p2p_sign_public *b) P2P_MUST_USE;

/* Signs p2p_sha256_parts(domain, parts). */
void p2p_sign(const struct p2p_sign_secret *secret_key, const char *domain,
              const struct p2p_span *parts, size_t n_parts, uint8_t out[P2P_SIGNATURE_LEN]);
/* False for any other text, key or domain, and for keys of small order. */
bool p2p_sign_check(const struct p2p_sign_public *public_key, const char *domain,
                    const struct p2p_span *parts, size_t n_parts,
                    const uint8_t signature[P2P_SIGNATURE_LEN]) P2P_MUST_USE;

/* As p2p_seal and p2p_unseal, with signing keys. */
int p2p_sign_seal(const struct p2p_sign_public *to, const void *text, size_t length,
                  uint8_t *out) P2P_MUST_USE;
int p2p_sign_unseal(const struct p2p_sign_secret *secret_key, const uint8_t *sealed,
                    size_t sealed_length, uint8_t *out) P2P_MUST_USE;

#endif
