/* Secrets as text have one form. */
#include <stdbool.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "crypto/secret_text.h"
#include "unit.h"

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

TEST(a_secret_comes_back) {
  uint8_t secret[32], back[32];
  char text[P2P_SECRET_TEXT_MAX], expected[P2P_BASE64_LEN(32) + 1];
  for (int i = 0; i < 100; i++) {
    p2p_random_bytes(secret, sizeof secret);
    p2p_secret_text_write(secret, text);
    p2p_base64url_encode(secret, sizeof secret, expected);
    CHECK_STR(text, expected);
    CHECK(p2p_secret_text_read(text, strlen(text), back));
    CHECK(memcmp(secret, back, sizeof secret) == 0);
  }
}

/* Of the 64 last letters, 16 leave no spare bits. */
TEST(other_texts_are_refused) {
  uint8_t out[32];
  static const uint8_t none[32];
  char text[P2P_SECRET_TEXT_MAX + 1];
  int n_good = 0;
  memset(text, 'A', sizeof text);
  CHECK(p2p_secret_text_read(text, 43, out));
  for (size_t length = 0; length <= 44; length++)
    CHECK(p2p_secret_text_read(text, length, out) == (length == 43));
  for (int c = 0; c < 256; c++) {
    text[20] = (char)c;
    memset(out, 1, sizeof out);
    bool is_letter = c != 0 && strchr(LETTERS, c) != NULL;
    CHECK(p2p_secret_text_read(text, 43, out) == is_letter);
    CHECK(is_letter || memcmp(out, none, sizeof none) == 0);
  }
  text[20] = 'A';
  for (int c = 0; c < 256; c++) {
    text[42] = (char)c;
    n_good += p2p_secret_text_read(text, 43, out);
  }
  CHECK(n_good == 16);
}

UNIT_MAIN("secret_text", UNIT(a_secret_comes_back), UNIT(other_texts_are_refused))
