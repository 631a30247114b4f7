/* Sealing with a shared key: nonce, then what libsodium's secretbox_easy writes (tag and text). */
#include "crypto/box.h"

#include <sodium.h>
#include <string.h>

_Static_assert(P2P_BOX_KEY_LEN == crypto_secretbox_KEYBYTES, "the key of a box");
_Static_assert(P2P_BOX_NONCE_LEN == crypto_secretbox_NONCEBYTES, "the nonce of a box");
_Static_assert(P2P_BOX_OVERHEAD == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
               "the overhead of a box");

void p2p_box_seal(const uint8_t key[P2P_BOX_KEY_LEN], const void *text, size_t length,
                  uint8_t *out) {
  uint8_t nonce[P2P_BOX_NONCE_LEN];

  randombytes_buf(nonce, sizeof nonce);
  p2p_box_seal_nonce(key, nonce, text, length, out);
}

void p2p_box_seal_nonce(const uint8_t key[P2P_BOX_KEY_LEN], const uint8_t nonce[P2P_BOX_NONCE_LEN],
                        const void *text, size_t length, uint8_t *out) {
  memcpy(out, nonce, P2P_BOX_NONCE_LEN);
  /* Fails for no length that fits in memory. */
  (void)crypto_secretbox_easy(out + P2P_BOX_NONCE_LEN, text, length, nonce, key);
}

int p2p_box_open(const uint8_t key[P2P_BOX_KEY_LEN], const uint8_t *sealed, size_t sealed_length,
                 uint8_t *out) {
  if (sealed_length < P2P_BOX_OVERHEAD) return P2P_ERR_CRYPTO;
  if (crypto_secretbox_open_easy(out, sealed + P2P_BOX_NONCE_LEN, sealed_length - P2P_BOX_NONCE_LEN,
                                 sealed, key) != 0)
    return P2P_ERR_CRYPTO;
  return P2P_OK;
}
