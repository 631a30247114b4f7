/* Hashes. HKDF is built on HMAC-SHA256, since libsodium 1.0.18 does not have it (RFC 5869). */
#include "crypto/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>

#include "base/endian.h"

void p2p_sha256(const void *bytes, size_t length, uint8_t out[P2P_SHA256_LEN]) {
  crypto_hash_sha256(out, bytes, length);
}

void p2p_sha256_parts(const char *domain, const struct p2p_span *parts, size_t n_parts,
                      uint8_t out[P2P_SHA256_LEN]) {
  crypto_hash_sha256_state hash;

  crypto_hash_sha256_init(&hash);
  crypto_hash_sha256_update(&hash, (const uint8_t *)domain, strlen(domain) + 1);
  for (size_t i = 0; i < n_parts; i++) {
    uint8_t length[4];
    p2p_set_u32(length, (uint32_t)parts[i].length);
    crypto_hash_sha256_update(&hash, length, sizeof length);
    crypto_hash_sha256_update(&hash, parts[i].bytes, parts[i].length);
  }
  crypto_hash_sha256_final(&hash, out);
  sodium_memzero(&hash, sizeof hash);
}

void p2p_hmac_sha256(struct p2p_span key, struct p2p_span text, uint8_t out[P2P_SHA256_LEN]) {
  crypto_auth_hmacsha256_state hmac;

  crypto_auth_hmacsha256_init(&hmac, key.bytes, key.length);
  crypto_auth_hmacsha256_update(&hmac, text.bytes, text.length);
  crypto_auth_hmacsha256_final(&hmac, out);
  sodium_memzero(&hmac, sizeof hmac);
}

int p2p_sha1(const void *bytes, size_t length, uint8_t out[P2P_SHA1_LEN]) {
  return EVP_Digest(bytes, length, out, NULL, EVP_sha1(), NULL) == 1 ? P2P_OK : P2P_ERR_CRYPTO;
}

int p2p_hmac_sha1(struct p2p_span key, struct p2p_span text, uint8_t out[P2P_SHA1_LEN]) {
  return HMAC(EVP_sha1(), key.bytes, (int)key.length, text.bytes, text.length, out, NULL) != NULL
             ? P2P_OK
             : P2P_ERR_CRYPTO;
}

/* T(i) = HMAC(prk, T(i - 1) || info || i) */
static void expand_block(const uint8_t *prk, struct p2p_span previous, struct p2p_span info,
                         uint8_t index, uint8_t *out) {
  crypto_auth_hmacsha256_state hmac;

  crypto_auth_hmacsha256_init(&hmac, prk, P2P_SHA256_LEN);
  crypto_auth_hmacsha256_update(&hmac, previous.bytes, previous.length);
  crypto_auth_hmacsha256_update(&hmac, info.bytes, info.length);
  crypto_auth_hmacsha256_update(&hmac, &index, 1);
  crypto_auth_hmacsha256_final(&hmac, out);
  sodium_memzero(&hmac, sizeof hmac);
}

int p2p_hkdf(struct p2p_span key, struct p2p_span salt, struct p2p_span info, uint8_t *out,
             size_t out_length) {
  if (out_length > 255 * P2P_SHA256_LEN) return P2P_ERR_INVALID;

  uint8_t prk[P2P_SHA256_LEN], block[P2P_SHA256_LEN];

  /* HMAC pads its key with zeros: an empty one is the same as the RFC's salt of zeros. */
  p2p_hmac_sha256(salt.length > 0 ? salt : P2P_SPAN("", 0), key, prk);

  size_t done = 0;
  for (uint8_t index = 1; done < out_length; index++) {
    size_t part = out_length - done < sizeof block ? out_length - done : sizeof block;
    expand_block(prk, P2P_SPAN(block, index == 1 ? 0 : sizeof block), info, index, block);
    memcpy(out + done, block, part);
    done += part;
  }
  sodium_memzero(prk, sizeof prk);
  sodium_memzero(block, sizeof block);
  return P2P_OK;
}
