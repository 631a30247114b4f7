/* Secrets as text. */
#include "crypto/secret_text.h"

#include <sodium.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define SECRET_LEN 32

_Static_assert(sodium_base64_ENCODED_LEN(SECRET_LEN, VARIANT) == P2P_SECRET_TEXT_MAX,
               "the length of a secret in base64url");

void p2p_secret_text_write(const uint8_t bytes[32], char out[P2P_SECRET_TEXT_MAX]) {
  (void)sodium_bin2base64(out, P2P_SECRET_TEXT_MAX, bytes, SECRET_LEN, VARIANT);
}

/* libsodium 1.0.18 takes some bytes above 127 for letters: what was read is written again. */
bool p2p_secret_text_read(const char *text, size_t length, uint8_t out[32]) {
  size_t n = 0;
  char again[P2P_SECRET_TEXT_MAX];
  bool is_read = length == P2P_SECRET_TEXT_MAX - 1 &&
                 sodium_base642bin(out, SECRET_LEN, text, length, NULL, &n, NULL, VARIANT) == 0 &&
                 n == SECRET_LEN;
  if (is_read) {
    p2p_secret_text_write(out, again);
    is_read = sodium_memcmp(text, again, length) == 0;
    sodium_memzero(again, sizeof again);
  }
  if (!is_read) sodium_memzero(out, SECRET_LEN);
  return is_read;
}
