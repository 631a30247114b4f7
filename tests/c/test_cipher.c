/* The ciphers of libcrypto: published vectors, and what must not open. */
#include "crypto/cipher.h"

#include "base/encode.h"
#include "unit.h"

static const enum p2p_cipher_kind KINDS[] = {P2P_CIPHER_AES_256_GCM, P2P_CIPHER_CHACHA20_POLY1305};
static const char TEXT[] = "the bytes of a future";
enum { TEXT_LEN = sizeof TEXT - 1 };
#define LABEL P2P_SPAN("label", 5)

static struct p2p_cipher *make(enum p2p_cipher_kind kind, bool seals, const uint8_t *key) {
  struct p2p_cipher *cipher = NULL;
  CHECK(p2p_cipher_new(kind, seals, &cipher) == P2P_OK);
  CHECK(p2p_cipher_set_key(cipher, key) == P2P_OK);
  return cipher;
}

struct sealed {
  uint8_t text[TEXT_LEN], tag[P2P_CIPHER_TAG_LEN];
};

static const uint8_t KEY[P2P_CIPHER_KEY_LEN] = {1, 2, 3};

static struct sealed seal(enum p2p_cipher_kind kind, uint64_t number) {
  struct sealed sealed;
  struct p2p_cipher *cipher = make(kind, true, KEY);
  memcpy(sealed.text, TEXT, TEXT_LEN);
  CHECK(p2p_cipher_seal(cipher, number, LABEL, sealed.text, TEXT_LEN, sealed.tag) == P2P_OK);
  p2p_cipher_free(cipher);
  return sealed;
}

static int open(enum p2p_cipher_kind kind, const uint8_t *key, uint64_t number,
                struct p2p_span label, struct sealed sealed, size_t length) {
  struct p2p_cipher *cipher = make(kind, false, key);
  int code = p2p_cipher_open(cipher, number, label, sealed.text, length, sealed.tag);
  if (code == P2P_OK) CHECK(memcmp(sealed.text, TEXT, length) == 0);
  p2p_cipher_free(cipher);
  return code;
}

static void check_hex(const uint8_t *bytes, size_t length, const char *expected) {
  char hex[2 * 32 + 1];
  p2p_hex_encode(bytes, length, hex);
  CHECK_STR(hex, expected);
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", test cases 13 and 14: a key and a
 * nonce of zeros. */
TEST(aes_agrees_with_its_published_vectors) {
  static const uint8_t zeros[P2P_CIPHER_KEY_LEN];
  uint8_t text[16] = {0}, tag[P2P_CIPHER_TAG_LEN];
  struct p2p_cipher *cipher = make(P2P_CIPHER_AES_256_GCM, true, zeros);
  CHECK(p2p_cipher_seal(cipher, 0, P2P_NO_SPAN, text, 0, tag) == P2P_OK);
  check_hex(tag, sizeof tag, "530f8afbc74536b9a963b4f1c4cb738b");
  CHECK(p2p_cipher_seal(cipher, 0, P2P_NO_SPAN, text, sizeof text, tag) == P2P_OK);
  check_hex(text, sizeof text, "cea7403d4d606b6e074ec5d3baf39d18");
  check_hex(tag, sizeof tag, "d0d1c8a799996bf0265b98b5d48ab919");
  p2p_cipher_free(cipher);
}

/* RFC 8439, A.5: it opens a text of 265 bytes under nonce 00000000 01020304 05060708. */
TEST(chacha_agrees_with_its_published_vector) {
  static const char SEALED[] = "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6"
                               "cfc18755d43eea09ee94e382d26b0"
                               "bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114a"
                               "d176e008d33bd60f982b1ff37c855"
                               "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b91"
                               "66c767b804d46a59b5216cde7a4e9"
                               "9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d0"
                               "72b04b3564eea1b422273f548271a"
                               "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e"
                               "617d91d361094fa68f0ff77987130"
                               "305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b";
  static const char KEY_HEX[] = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
  uint8_t key[P2P_CIPHER_KEY_LEN], label[12], text[265], tag[P2P_CIPHER_TAG_LEN];
  size_t length = 0;
  CHECK(p2p_hex_decode(KEY_HEX, strlen(KEY_HEX), key, sizeof key, &length) == P2P_OK);
  CHECK(p2p_hex_decode("f33388860000000000004e91", 24, label, sizeof label, &length) == P2P_OK);
  CHECK(p2p_hex_decode(SEALED, strlen(SEALED), text, sizeof text, &length) == P2P_OK);
  CHECK(length == sizeof text);
  CHECK(p2p_hex_decode("eead9d67890cbb22392336fea1851f38", 32, tag, sizeof tag, &length) == P2P_OK);
  struct p2p_cipher *cipher = make(P2P_CIPHER_CHACHA20_POLY1305, false, key);
  CHECK(p2p_cipher_open(cipher, UINT64_C(0x0102030405060708), P2P_SPAN(label, sizeof label), text,
                        sizeof text, tag) == P2P_OK);
  CHECK(memcmp(text, "Internet-Drafts are draft documents", 35) == 0);
  p2p_cipher_free(cipher);
}

TEST(it_opens_with_its_key_number_and_label_only) {
  static const uint8_t other[P2P_CIPHER_KEY_LEN] = {1, 2, 4};
  for (size_t i = 0; i < 2; i++) {
    struct sealed sealed = seal(KINDS[i], 7);
    CHECK(open(KINDS[i], KEY, 7, LABEL, sealed, TEXT_LEN) == P2P_OK);
    CHECK(open(KINDS[1 - i], KEY, 7, LABEL, sealed, TEXT_LEN) == P2P_ERR_CRYPTO);
    CHECK(open(KINDS[i], other, 7, LABEL, sealed, TEXT_LEN) == P2P_ERR_CRYPTO);
    CHECK(open(KINDS[i], KEY, 6, LABEL, sealed, TEXT_LEN) == P2P_ERR_CRYPTO);
    CHECK(open(KINDS[i], KEY, 7 + (UINT64_C(1) << 32), LABEL, sealed, TEXT_LEN) == P2P_ERR_CRYPTO);
    CHECK(open(KINDS[i], KEY, 7, P2P_SPAN("label", 4), sealed, TEXT_LEN) == P2P_ERR_CRYPTO);
    CHECK(open(KINDS[i], KEY, 7, P2P_NO_SPAN, sealed, TEXT_LEN) == P2P_ERR_CRYPTO);
  }
}

TEST(what_is_cut_or_changed_does_not_open) {
  for (size_t i = 0; i < 2; i++) {
    struct sealed sealed = seal(KINDS[i], 0), bad;
    for (size_t length = 0; length < TEXT_LEN; length++)
      CHECK(open(KINDS[i], KEY, 0, LABEL, sealed, length) == P2P_ERR_CRYPTO);
    for (size_t at = 0; at < sizeof sealed; at++) {
      bad = sealed;
      ((uint8_t *)&bad)[at] ^= 1;
      CHECK(open(KINDS[i], KEY, 0, LABEL, bad, TEXT_LEN) == P2P_ERR_CRYPTO);
    }
  }
}

TEST(after_what_did_not_open_the_rest_opens) {
  for (size_t i = 0; i < 2; i++) {
    struct sealed sealed = seal(KINDS[i], 3);
    struct p2p_cipher *cipher = make(KINDS[i], false, KEY);
    struct sealed copy = sealed;
    CHECK(p2p_cipher_open(cipher, 2, LABEL, copy.text, TEXT_LEN, copy.tag) == P2P_ERR_CRYPTO);
    CHECK(p2p_cipher_open(cipher, 3, LABEL, sealed.text, TEXT_LEN, sealed.tag) == P2P_OK);
    p2p_cipher_free(cipher);
  }
}

TEST(ours_are_in_an_order_that_stays) {
  const struct p2p_cipher_list *ours = p2p_cipher_ours();
  CHECK(ours->count == P2P_CIPHER_KINDS); /* where libcrypto is not restricted */
  CHECK(ours->kinds[0] != ours->kinds[1]);
  CHECK(p2p_cipher_ours() == ours);
}

UNIT_MAIN("cipher", UNIT(aes_agrees_with_its_published_vectors),
          UNIT(chacha_agrees_with_its_published_vector),
          UNIT(it_opens_with_its_key_number_and_label_only),
          UNIT(what_is_cut_or_changed_does_not_open), UNIT(after_what_did_not_open_the_rest_opens),
          UNIT(ours_are_in_an_order_that_stays))
