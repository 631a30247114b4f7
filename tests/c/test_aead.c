/* Sealing with a shared key and a label: the draft's vector, and what must not open. */
#include "crypto/aead.h"

#include <stdlib.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "unit.h"

static const char TEXT[] = "a line that only members may read";
enum { TEXT_LEN = sizeof TEXT - 1, SEALED_LEN = TEXT_LEN + P2P_AEAD_OVERHEAD };
#define LABEL P2P_SPAN("label", 5)

static size_t bytes_of(const char *hex, uint8_t *out, size_t size) {
  size_t length = 0;
  CHECK(p2p_hex_decode(hex, strlen(hex), out, size, &length) == P2P_OK);
  return length;
}

/* draft-irtf-cfrg-xchacha-03, A.3.1: nonce, text and tag. */
TEST(the_vector_of_the_draft_opens) {
  static const char SEALED[] =
      "404142434445464748494a4b4c4d4e4f5051525354555657"
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda"
      "7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b23835"
      "65d3fff921f9664c97637da9768812f615c68b13b52e"
      "c0875924c1c7987947deafd8780acf49";
  static const char EXPECTED[] =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  uint8_t key[P2P_AEAD_KEY_LEN], label[12], sealed[256], out[256];
  for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)(0x80 + i);
  CHECK(bytes_of("50515253c0c1c2c3c4c5c6c7", label, sizeof label) == sizeof label);
  size_t length = bytes_of(SEALED, sealed, sizeof sealed);
  CHECK(length == sizeof EXPECTED - 1 + P2P_AEAD_OVERHEAD);
  CHECK(p2p_aead_open(key, P2P_SPAN(label, sizeof label), sealed, length, out) == P2P_OK);
  CHECK(memcmp(out, EXPECTED, sizeof EXPECTED - 1) == 0);
}

TEST(it_opens_with_its_key_and_label_only) {
  uint8_t key[P2P_AEAD_KEY_LEN], sealed[SEALED_LEN], out[SEALED_LEN];
  p2p_random_bytes(key, sizeof key);
  p2p_aead_seal(key, LABEL, TEXT, TEXT_LEN, sealed);
  CHECK(p2p_aead_open(key, LABEL, sealed, sizeof sealed, out) == P2P_OK);
  CHECK(memcmp(out, TEXT, TEXT_LEN) == 0);
  CHECK(p2p_aead_open(key, P2P_SPAN("label", 4), sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
  CHECK(p2p_aead_open(key, P2P_SPAN("Label", 5), sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
  CHECK(p2p_aead_open(key, P2P_NO_SPAN, sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
  key[0] ^= 1;
  CHECK(p2p_aead_open(key, LABEL, sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
}

TEST(what_is_cut_or_changed_does_not_open) {
  uint8_t key[P2P_AEAD_KEY_LEN] = {1}, sealed[SEALED_LEN], out[SEALED_LEN];
  p2p_aead_seal(key, LABEL, TEXT, TEXT_LEN, sealed);
  for (size_t length = 0; length < sizeof sealed; length++)
    CHECK(p2p_aead_open(key, LABEL, sealed, length, out) == P2P_ERR_CRYPTO);
  for (size_t i = 0; i < sizeof sealed; i++) {
    sealed[i] ^= 1;
    CHECK(p2p_aead_open(key, LABEL, sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
    sealed[i] ^= 1;
  }
}

TEST(each_seal_has_a_nonce_of_its_own) {
  uint8_t key[P2P_AEAD_KEY_LEN] = {1}, one[SEALED_LEN], two[SEALED_LEN];
  p2p_aead_seal(key, LABEL, TEXT, TEXT_LEN, one);
  p2p_aead_seal(key, LABEL, TEXT, TEXT_LEN, two);
  CHECK(memcmp(one, two, SEALED_LEN - TEXT_LEN - 16) != 0);
  CHECK(memcmp(one + SEALED_LEN - TEXT_LEN - 16, two + SEALED_LEN - TEXT_LEN - 16, TEXT_LEN) != 0);
}

TEST(nothing_can_be_sealed) {
  uint8_t key[P2P_AEAD_KEY_LEN] = {1}, sealed[P2P_AEAD_OVERHEAD], out[1];
  p2p_aead_seal(key, P2P_NO_SPAN, "", 0, sealed);
  CHECK(p2p_aead_open(key, P2P_NO_SPAN, sealed, sizeof sealed, out) == P2P_OK);
}

TEST(prepare) { CHECK(p2p_crypto_init() == P2P_OK); }

UNIT_MAIN("aead", UNIT(prepare), UNIT(the_vector_of_the_draft_opens),
          UNIT(it_opens_with_its_key_and_label_only), UNIT(what_is_cut_or_changed_does_not_open),
          UNIT(each_seal_has_a_nonce_of_its_own), UNIT(nothing_can_be_sealed))
