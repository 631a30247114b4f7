/* base/encode: RFC 4648's vectors, and that the decoders are strict. */
#include "base/encode.h"

#include "unit.h"

static int decode_base64(const char *text, size_t out_size) {
  uint8_t out[64];
  size_t length = 99;
  int code = p2p_base64_decode(text, strlen(text), out, out_size, &length);
  if (code != P2P_OK) CHECK(length == 99);
  return code;
}

static int decode_base64url(const char *text) {
  uint8_t out[64];
  size_t length;
  return p2p_base64url_decode(text, strlen(text), out, sizeof out, &length);
}

static int decode_hex(const char *text, size_t out_size) {
  uint8_t out[64];
  size_t length;
  return p2p_hex_decode(text, strlen(text), out, out_size, &length);
}

TEST(the_vectors_of_the_rfc) {
  static const struct {
    const char *plain, *base64, *hex;
  } vectors[] = {{"", "", ""},
                 {"f", "Zg==", "66"},
                 {"fo", "Zm8=", "666f"},
                 {"foo", "Zm9v", "666f6f"},
                 {"foob", "Zm9vYg==", "666f6f62"},
                 {"fooba", "Zm9vYmE=", "666f6f6261"},
                 {"foobar", "Zm9vYmFy", "666f6f626172"}};
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    const char *plain = vectors[i].plain;
    size_t length = strlen(plain), decoded_length;
    char text[32];
    uint8_t decoded[16];
    p2p_base64_encode((const uint8_t *)plain, length, text);
    CHECK_STR(text, vectors[i].base64);
    CHECK(p2p_base64_decode(text, strlen(text), decoded, length, &decoded_length) == P2P_OK);
    CHECK(decoded_length == length && memcmp(decoded, plain, length) == 0);
    p2p_hex_encode((const uint8_t *)plain, length, text);
    CHECK_STR(text, vectors[i].hex);
    CHECK(p2p_hex_decode(text, strlen(text), decoded, length, &decoded_length) == P2P_OK);
    CHECK(decoded_length == length && memcmp(decoded, plain, length) == 0);
  }
}

TEST(every_byte_survives_in_every_length) {
  uint8_t bytes[256], decoded[256];
  char text[P2P_HEX_LEN(256) + 1];
  size_t length;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(255 - i);
  for (size_t n = 0; n <= sizeof bytes; n++) {
    p2p_base64url_encode(bytes, n, text);
    CHECK(strlen(text) <= P2P_BASE64_LEN(n) && strchr(text, '=') == NULL);
    CHECK(p2p_base64url_decode(text, strlen(text), decoded, n, &length) == P2P_OK);
    CHECK(length == n && memcmp(decoded, bytes, n) == 0);
    p2p_base64_encode(bytes, n, text);
    CHECK(strlen(text) == P2P_BASE64_LEN(n));
    CHECK(p2p_base64_decode(text, strlen(text), decoded, n, &length) == P2P_OK);
    CHECK(length == n && memcmp(decoded, bytes, n) == 0);
    p2p_hex_encode(bytes, n, text);
    CHECK(p2p_hex_decode(text, strlen(text), decoded, n, &length) == P2P_OK && length == n);
  }
}

TEST(the_two_alphabets_differ) {
  char text[8];
  p2p_base64_encode((const uint8_t *)"\xfb\xff\xbf", 3, text);
  CHECK_STR(text, "+/+/");
  p2p_base64url_encode((const uint8_t *)"\xfb\xff\xbf", 3, text);
  CHECK_STR(text, "-_-_");
  CHECK(decode_base64("-_-_", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64url("+/+/") == P2P_ERR_PARSE);
}

TEST(decoders_are_strict) {
  CHECK(decode_base64("Zg=", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64("Zg", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64("Z===", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64("====", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64("Zg==Zg==", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64("Zh==", 64) == P2P_ERR_PARSE); /* spare bits */
  CHECK(decode_base64("Zm9=", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64("Zm9v\n", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64("Zm 9", 64) == P2P_ERR_PARSE);
  CHECK(decode_base64url("Zg==") == P2P_ERR_PARSE);
  CHECK(decode_base64url("Zh") == P2P_ERR_PARSE);
  CHECK(decode_base64url("Z") == P2P_ERR_PARSE);
  CHECK(decode_base64url("Zg") == P2P_OK);
  CHECK(decode_hex("0", 64) == P2P_ERR_PARSE);
  CHECK(decode_hex("0g", 64) == P2P_ERR_PARSE);
  CHECK(decode_hex("0x12", 64) == P2P_ERR_PARSE);
  CHECK(decode_hex("aBCd", 64) == P2P_OK);
}

TEST(what_does_not_fit_is_refused) {
  CHECK(decode_base64("Zm9v", 2) == P2P_ERR_TOO_LARGE);
  CHECK(decode_base64("Zm9v", 3) == P2P_OK);
  CHECK(decode_hex("0011", 1) == P2P_ERR_TOO_LARGE);
}

TEST(an_exact_length_is_neither_less_nor_more) {
  uint8_t bytes[4];
  CHECK(p2p_base64url_decode_exactly("Zm9v", 4, bytes, 3) && memcmp(bytes, "foo", 3) == 0);
  CHECK(!p2p_base64url_decode_exactly("Zm9v", 4, bytes, 2));
  CHECK(!p2p_base64url_decode_exactly("Zm9v", 4, bytes, 4));
  CHECK(!p2p_base64url_decode_exactly("Zm9!", 4, bytes, 3));
  CHECK(p2p_hex_is_valid("0123456789abcdef", 16) && p2p_hex_is_valid("", 0));
  CHECK(!p2p_hex_is_valid("0123456789abcdef", 15) && !p2p_hex_is_valid("0123456789abcdef", 17));
  CHECK(!p2p_hex_is_valid("0A", 2) && !p2p_hex_is_valid("0g", 2) && !p2p_hex_is_valid("", 1));
}

UNIT_MAIN("encode", UNIT(the_vectors_of_the_rfc), UNIT(every_byte_survives_in_every_length),
          UNIT(the_two_alphabets_differ), UNIT(decoders_are_strict),
          UNIT(what_does_not_fit_is_refused), UNIT(an_exact_length_is_neither_less_nor_more))
