/* SHA-256 (FIPS 180-4), HMAC-SHA256 (RFC 4231) and HKDF-SHA256 (RFC 5869, appendix A.1 to A.3). */
#include "crypto/hash.h"

#include <stdlib.h>

#include "base/encode.h"
#include "unit.h"

struct hkdf_case {
  const char *key, *salt, *info, *out;
};

static const struct hkdf_case CASES[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
     "f0f1f2f3f4f5f6f7f8f9",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2"
     "e2f3031323334"
     "35363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8"
     "e8f9091929394"
     "95969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcddd"
     "edfe0e1e2e3e4"
     "e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590"
     "e09da3275600c"
     "2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

static size_t bytes_of(const char *hex, uint8_t *out, size_t size) {
  size_t length = 0;

  CHECK(p2p_hex_decode(hex, strlen(hex), out, size, &length) == P2P_OK);
  return length;
}

TEST(hkdf_of_the_rfc) {
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    uint8_t key[128], salt[128], info[128], expected[128], out[128];
    size_t key_length = bytes_of(CASES[i].key, key, sizeof key);
    size_t salt_length = bytes_of(CASES[i].salt, salt, sizeof salt);
    size_t info_length = bytes_of(CASES[i].info, info, sizeof info);
    size_t length = bytes_of(CASES[i].out, expected, sizeof expected);
    CHECK(p2p_hkdf(P2P_SPAN(key, key_length), P2P_SPAN(salt, salt_length),
                   P2P_SPAN(info, info_length), out, length) == P2P_OK);
    CHECK(memcmp(out, expected, length) == 0);
  }
}

TEST(hkdf_gives_at_most_255_blocks) {
  static uint8_t out[255 * P2P_SHA256_LEN + 1], part[P2P_SHA256_LEN];

  CHECK(p2p_hkdf(P2P_SPAN("key", 3), P2P_NO_SPAN, P2P_SPAN("info", 4), out, sizeof out) ==
        P2P_ERR_INVALID);
  CHECK(p2p_hkdf(P2P_SPAN("key", 3), P2P_NO_SPAN, P2P_SPAN("info", 4), out, sizeof out - 1) ==
        P2P_OK);
  CHECK(p2p_hkdf(P2P_SPAN("key", 3), P2P_NO_SPAN, P2P_SPAN("info", 4), part, sizeof part) ==
        P2P_OK);
  CHECK(memcmp(out, part, sizeof part) == 0);
}

TEST(sha256_of_abc) {
  uint8_t out[P2P_SHA256_LEN];
  char hex[P2P_HEX_LEN(P2P_SHA256_LEN) + 1];

  p2p_sha256("abc", 3, out);
  p2p_hex_encode(out, sizeof out, hex);
  CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, all test cases but the truncated one. */
TEST(hmac_sha256_of_the_rfc) {
  static const char LARGER_KEY[] = "Test Using Larger Than Block-Size Key - Hash Key First",
                    LARGER_TEXT[] =
                        "This is a test using a larger than block-size key and a larger than "
                        "block-size data. The key needs to be hashed before being used by the HMAC "
                        "algorithm.";
  uint8_t key[3][131], text[2][50], mac[P2P_SHA256_LEN];
  char hex[P2P_HEX_LEN(P2P_SHA256_LEN) + 1];
  memset(key[0], 0x0b, sizeof key[0]);
  memset(key[1], 0xaa, sizeof key[1]);
  for (size_t i = 0; i < 25; i++) key[2][i] = (uint8_t)(i + 1);
  memset(text[0], 0xdd, sizeof text[0]);
  memset(text[1], 0xcd, sizeof text[1]);
  const struct {
    struct p2p_span key, text;
    const char *mac;
  } cases[] = {{P2P_SPAN(key[0], 20), P2P_SPAN("Hi There", 8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
               {P2P_SPAN("Jefe", 4), P2P_SPAN("what do ya want for nothing?", 28),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
               {P2P_SPAN(key[1], 20), P2P_SPAN(text[0], 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
               {P2P_SPAN(key[2], 25), P2P_SPAN(text[1], 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
               {P2P_SPAN(key[1], 131), P2P_SPAN(LARGER_KEY, sizeof LARGER_KEY - 1),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
               {P2P_SPAN(key[1], 131), P2P_SPAN(LARGER_TEXT, sizeof LARGER_TEXT - 1),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    p2p_hmac_sha256(cases[i].key, cases[i].text, mac);
    p2p_hex_encode(mac, sizeof mac, hex);
    CHECK_STR(hex, cases[i].mac);
  }
}

static void hash_two(const char *domain, const char *a, const char *b,
                     uint8_t out[P2P_SHA256_LEN]) {
  const struct p2p_span parts[] = {P2P_SPAN(a, strlen(a)), P2P_SPAN(b, strlen(b))};
  p2p_sha256_parts(domain, parts, 2, out);
}

TEST(the_hash_of_a_list_is_that_of_its_encoding) {
  static const char ENCODED[] = "d\0\0\0\0\1a\0\0\0\2bc";
  uint8_t hash[P2P_SHA256_LEN], expected[P2P_SHA256_LEN];
  hash_two("d", "a", "bc", hash);
  p2p_sha256(ENCODED, sizeof ENCODED - 1, expected);
  CHECK(memcmp(hash, expected, sizeof hash) == 0);
  p2p_sha256_parts("d", NULL, 0, hash);
  p2p_sha256("d", 2, expected);
  CHECK(memcmp(hash, expected, sizeof hash) == 0);
}

TEST(lists_of_the_same_bytes_differ) {
  static const char *const lists[][3] = {{"d", "ab", "c"}, {"d", "a", "bc"}, {"d", "abc", ""},
                                         {"d", "", "abc"}, {"da", "b", "c"}, {"", "dab", "c"}};
  uint8_t hash[6][P2P_SHA256_LEN];
  for (size_t i = 0; i < 6; i++) {
    hash_two(lists[i][0], lists[i][1], lists[i][2], hash[i]);
    for (size_t j = 0; j < i; j++) CHECK(memcmp(hash[i], hash[j], P2P_SHA256_LEN) != 0);
  }
}

/* RFC 2202 */
TEST(hmac_sha1_of_the_rfc) {
  uint8_t key[20], mac[P2P_SHA1_LEN];
  char hex[P2P_HEX_LEN(P2P_SHA1_LEN) + 1];
  memset(key, 0x0b, sizeof key);
  CHECK(p2p_hmac_sha1(P2P_SPAN(key, sizeof key), P2P_SPAN("Hi There", 8), mac) == P2P_OK);
  p2p_hex_encode(mac, sizeof mac, hex);
  CHECK_STR(hex, "b617318655057264e28bc0b6fb378c8ef146be00");
}

UNIT_MAIN("hash", UNIT(hmac_sha256_of_the_rfc), UNIT(the_hash_of_a_list_is_that_of_its_encoding),
          UNIT(lists_of_the_same_bytes_differ), UNIT(hmac_sha1_of_the_rfc), UNIT(hkdf_of_the_rfc),
          UNIT(hkdf_gives_at_most_255_blocks), UNIT(sha256_of_abc))
