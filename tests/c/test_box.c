/* Boxes with a shared key and seals to a public key: whole, in place, truncated, altered. */
#include "crypto/box.h"
#include "crypto/random.h"
#include "crypto/seal.h"

#include <stdlib.h>

#include "base/encode.h"
#include "unit.h"

static const char TEXT[] = "a code that nobody else may read";
enum {
  TEXT_LEN = sizeof TEXT - 1,
  BOX_LEN = TEXT_LEN + P2P_BOX_OVERHEAD,
  SEALED_LEN = TEXT_LEN + P2P_SEAL_OVERHEAD
};

/* From the NaCl distribution's tests (secretbox.c), without its leading zeros. */
TEST(a_box_is_the_secretbox_of_nacl) {
  static const char KEY[] = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389";
  static const char NONCE[] = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
  static const char BEGIN[] = "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce";
  static const char MESSAGE[] = "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc";
  uint8_t key[32], nonce[24], message[32], out[32 + P2P_BOX_OVERHEAD], expected[32];
  size_t length;

  CHECK(p2p_hex_decode(KEY, 64, key, sizeof key, &length) == P2P_OK);
  CHECK(p2p_hex_decode(NONCE, 48, nonce, sizeof nonce, &length) == P2P_OK);
  CHECK(p2p_hex_decode(MESSAGE, 64, message, sizeof message, &length) == P2P_OK);
  CHECK(p2p_hex_decode(BEGIN, 64, expected, sizeof expected, &length) == P2P_OK);
  p2p_box_seal_nonce(key, nonce, message, sizeof message, out);
  CHECK(memcmp(out, nonce, sizeof nonce) == 0);
  /* Their tag is over a longer message: only the stream compares. */
  CHECK(memcmp(out + P2P_BOX_OVERHEAD, expected + 16, 16) == 0);
}

TEST(a_box_opens_with_its_key_only) {
  uint8_t key[P2P_BOX_KEY_LEN], box[BOX_LEN], out[TEXT_LEN];

  p2p_random_bytes(key, sizeof key);
  p2p_box_seal(key, TEXT, TEXT_LEN, box);
  CHECK(p2p_box_open(key, box, sizeof box, out) == P2P_OK);
  CHECK(memcmp(out, TEXT, TEXT_LEN) == 0);
  for (size_t length = 0; length < sizeof box; length++)
    CHECK(p2p_box_open(key, box, length, out) == P2P_ERR_CRYPTO);
  for (size_t i = 0; i < sizeof box; i++) {
    box[i] ^= 1;
    CHECK(p2p_box_open(key, box, sizeof box, out) == P2P_ERR_CRYPTO);
    box[i] ^= 1;
  }
  key[0] ^= 1;
  CHECK(p2p_box_open(key, box, sizeof box, out) == P2P_ERR_CRYPTO);
}

TEST(a_box_seals_and_opens_in_place) {
  uint8_t key[P2P_BOX_KEY_LEN], nonce[P2P_BOX_NONCE_LEN], apart[BOX_LEN], box[BOX_LEN];

  p2p_random_bytes(key, sizeof key);
  p2p_random_bytes(nonce, sizeof nonce);
  memcpy(box + P2P_BOX_OVERHEAD, TEXT, TEXT_LEN);
  p2p_box_seal_nonce(key, nonce, box + P2P_BOX_OVERHEAD, TEXT_LEN, box);
  p2p_box_seal_nonce(key, nonce, TEXT, TEXT_LEN, apart);
  CHECK(memcmp(box, apart, sizeof box) == 0);
  CHECK(p2p_box_open(key, box, sizeof box, box + P2P_BOX_OVERHEAD) == P2P_OK);
  CHECK(memcmp(box + P2P_BOX_OVERHEAD, TEXT, TEXT_LEN) == 0);
}

TEST(an_empty_box_is_a_box) {
  uint8_t key[P2P_BOX_KEY_LEN] = {1}, box[P2P_BOX_OVERHEAD], out[1];

  p2p_box_seal(key, "", 0, box);
  CHECK(p2p_box_open(key, box, sizeof box, out) == P2P_OK);
}

TEST(a_seal_opens_with_its_pair_only) {
  struct p2p_seal_public to, other_to;
  struct p2p_seal_secret secret, other;
  uint8_t sealed[SEALED_LEN], out[TEXT_LEN];

  p2p_seal_keypair(&to, &secret);
  p2p_seal_keypair(&other_to, &other);
  CHECK(p2p_seal(&to, TEXT, TEXT_LEN, sealed) == P2P_OK);
  CHECK(p2p_unseal(&to, &secret, sealed, sizeof sealed, out) == P2P_OK);
  CHECK(memcmp(out, TEXT, TEXT_LEN) == 0);
  CHECK(p2p_unseal(&other_to, &other, sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
  for (size_t length = 0; length < sizeof sealed; length++)
    CHECK(p2p_unseal(&to, &secret, sealed, length, out) == P2P_ERR_CRYPTO);
  sealed[SEALED_LEN - 1] ^= 1;
  CHECK(p2p_unseal(&to, &secret, sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
}

TEST(a_seal_to_an_unusable_key_is_refused) {
  struct p2p_seal_public zero = {{0}};
  uint8_t sealed[SEALED_LEN];

  CHECK(p2p_seal(&zero, TEXT, TEXT_LEN, sealed) == P2P_ERR_CRYPTO);
}

TEST(random_numbers_and_comparison) {
  CHECK(p2p_crypto_init() == P2P_OK);
  CHECK(p2p_crypto_init() == P2P_OK);
  for (int i = 0; i < 100; i++) CHECK(p2p_random_below(3) < 3);
  CHECK(p2p_equal("same", "same", 4) == 1);
  CHECK(p2p_equal("same", "sane", 4) == 0);
  CHECK(p2p_equal("", "", 0) == 1);
}

UNIT_MAIN("box", UNIT(a_box_is_the_secretbox_of_nacl), UNIT(a_box_opens_with_its_key_only),
          UNIT(a_box_seals_and_opens_in_place), UNIT(an_empty_box_is_a_box),
          UNIT(a_seal_opens_with_its_pair_only), UNIT(a_seal_to_an_unusable_key_is_refused),
          UNIT(random_numbers_and_comparison))
