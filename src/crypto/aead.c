/* XChaCha20-Poly1305 with a random nonce. */
#include "crypto/aead.h"

#include <sodium.h>

#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

_Static_assert(P2P_AEAD_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key");
_Static_assert(P2P_AEAD_OVERHEAD == NONCE_LEN + crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "nonce and tag");

void p2p_aead_seal(const uint8_t key[P2P_AEAD_KEY_LEN], struct p2p_span label, const void *text,
                   size_t length, uint8_t *out) {
  randombytes_buf(out, NONCE_LEN);
  (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_LEN, NULL, text, length, label.bytes,
                                                   label.length, NULL, out, key);
}

int p2p_aead_open(const uint8_t key[P2P_AEAD_KEY_LEN], struct p2p_span label, const uint8_t *sealed,
                  size_t sealed_length, uint8_t *out) {
  if (sealed_length < P2P_AEAD_OVERHEAD) return P2P_ERR_CRYPTO;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + NONCE_LEN,
                                                 sealed_length - NONCE_LEN, label.bytes,
                                                 label.length, sealed, key) != 0)
    return P2P_ERR_CRYPTO;
  return P2P_OK;
}
