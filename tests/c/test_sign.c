/* Signatures and seals with signing keys: keys of RFC 8032, what must not be accepted. */
#include "crypto/sign.h"

#include <stdlib.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "unit.h"

#define DOMAIN "future.p2p/test/v1"
#define N_PARTS 3

static const struct p2p_span PARTS[N_PARTS] = {
    {(const uint8_t *)"a", 1}, {(const uint8_t *)"", 0}, {(const uint8_t *)"bc", 2}};

static void bytes_of(const char *hex, uint8_t *out, size_t size) {
  size_t length = 0;
  CHECK(p2p_hex_decode(hex, strlen(hex), out, size, &length) == P2P_OK && length == size);
}

/* RFC 8032, 7.1, tests 1 to 3. */
static const struct {
  const char *seed, *public_key;
} KEYS[] = {{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
             "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
            {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
             "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
            {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
             "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"}};

TEST(public_keys_are_those_of_the_rfc) {
  for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
    struct p2p_sign_secret secret;
    struct p2p_sign_public public_key, expected;
    bytes_of(KEYS[i].seed, secret.bytes, sizeof secret.bytes);
    bytes_of(KEYS[i].public_key, expected.bytes, sizeof expected.bytes);
    p2p_sign_public_of(&secret, &public_key);
    CHECK(memcmp(&public_key, &expected, sizeof expected) == 0);
  }
}

/* The signature is OpenSSL's, of the hash of the parts. */
TEST(a_signature_is_that_of_another_implementation) {
  struct p2p_sign_secret secret;
  struct p2p_sign_public public_key;
  uint8_t signature[P2P_SIGNATURE_LEN], expected[P2P_SIGNATURE_LEN];
  bytes_of(KEYS[0].seed, secret.bytes, sizeof secret.bytes);
  p2p_sign_public_of(&secret, &public_key);
  bytes_of("2918cf7b6ba99dac89d5e68f07fe6b70ebedabe59693b82c0bad8ad7c462ffd7"
           "e9b345968b31304404effe933ed024748eb2cdd4f55fe4f91b9f2b61b021550f",
           expected, sizeof expected);
  p2p_sign(&secret, DOMAIN, PARTS, N_PARTS, signature);
  CHECK(memcmp(signature, expected, sizeof expected) == 0);
  CHECK(p2p_sign_check(&public_key, DOMAIN, PARTS, N_PARTS, expected));
}

TEST(a_signature_is_for_one_key_domain_and_list) {
  struct p2p_sign_secret secret, other_secret;
  struct p2p_sign_public public_key, other;
  struct p2p_span parts[N_PARTS + 1] = {PARTS[0], PARTS[1], PARTS[2], P2P_SPAN("", 0)};
  uint8_t signature[P2P_SIGNATURE_LEN];
  p2p_sign_keypair(&public_key, &secret);
  p2p_sign_keypair(&other, &other_secret);
  p2p_sign(&secret, DOMAIN, parts, N_PARTS, signature);
  CHECK(p2p_sign_check(&public_key, DOMAIN, parts, N_PARTS, signature));
  CHECK(!p2p_sign_check(&other, DOMAIN, parts, N_PARTS, signature));
  CHECK(!p2p_sign_check(&public_key, DOMAIN "0", parts, N_PARTS, signature));
  CHECK(!p2p_sign_check(&public_key, DOMAIN, parts, N_PARTS - 1, signature));
  CHECK(!p2p_sign_check(&public_key, DOMAIN, parts, N_PARTS + 1, signature));
  parts[1] = P2P_SPAN("b", 1); /* the same bytes, cut elsewhere */
  parts[2] = P2P_SPAN("c", 1);
  CHECK(!p2p_sign_check(&public_key, DOMAIN, parts, N_PARTS, signature));
}

TEST(a_changed_signature_is_refused) {
  struct p2p_sign_secret secret;
  struct p2p_sign_public public_key;
  uint8_t signature[P2P_SIGNATURE_LEN];
  p2p_sign_keypair(&public_key, &secret);
  p2p_sign(&secret, DOMAIN, PARTS, N_PARTS, signature);
  for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
    signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    CHECK(!p2p_sign_check(&public_key, DOMAIN, PARTS, N_PARTS, signature));
    signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  CHECK(p2p_sign_check(&public_key, DOMAIN, PARTS, N_PARTS, signature));
}

/* The order of the group added to the second half: the equation still holds. */
TEST(a_signature_has_one_form_only) {
  struct p2p_sign_secret secret;
  struct p2p_sign_public public_key;
  uint8_t signature[P2P_SIGNATURE_LEN], order[32];
  p2p_sign_keypair(&public_key, &secret);
  p2p_sign(&secret, DOMAIN, PARTS, N_PARTS, signature);
  bytes_of("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, sizeof order);
  unsigned carry = 0;
  for (size_t i = 0; i < sizeof order; i++) {
    carry += (unsigned)signature[32 + i] + order[i];
    signature[32 + i] = (uint8_t)carry;
    carry >>= 8;
  }
  CHECK(carry == 0 && !p2p_sign_check(&public_key, DOMAIN, PARTS, N_PARTS, signature));
}

/* Points of order 1, 2, 4 and 8, in each encoding. For some of them, (base point, 1) is a signature
 * of any text, and for all of them, of one text in a few. */
static const char *const SMALL[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"};

TEST(nothing_is_signed_by_a_key_of_small_order) {
  uint8_t signature[P2P_SIGNATURE_LEN] = {0};
  bytes_of("5866666666666666666666666666666666666666666666666666666666666666", signature, 32);
  signature[32] = 1;
  for (size_t i = 0; i < sizeof SMALL / sizeof SMALL[0]; i++) {
    struct p2p_sign_public key;
    bytes_of(SMALL[i], key.bytes, sizeof key.bytes);
    for (uint8_t text = 0; text < 64; text++) {
      struct p2p_span part = P2P_SPAN(&text, 1);
      CHECK(!p2p_sign_check(&key, DOMAIN, &part, 1, signature));
    }
  }
}

TEST(nothing_is_sealed_to_an_unusable_key) {
  struct p2p_sign_public key = {{2}}; /* not a point */
  uint8_t sealed[4 + P2P_SEAL_OVERHEAD];
  CHECK(p2p_sign_seal(&key, "text", 4, sealed) == P2P_ERR_CRYPTO);
  for (size_t i = 0; i < sizeof SMALL / sizeof SMALL[0]; i++) {
    bytes_of(SMALL[i], key.bytes, sizeof key.bytes);
    CHECK(p2p_sign_seal(&key, "text", 4, sealed) == P2P_ERR_CRYPTO);
  }
}

TEST(what_is_sealed_opens_with_its_key_only) {
  struct p2p_sign_secret secret, other_secret;
  struct p2p_sign_public public_key, other;
  uint8_t sealed[4 + P2P_SEAL_OVERHEAD], out[4];
  p2p_sign_keypair(&public_key, &secret);
  p2p_sign_keypair(&other, &other_secret);
  CHECK(p2p_sign_seal(&public_key, "text", 4, sealed) == P2P_OK);
  CHECK(p2p_sign_unseal(&secret, sealed, sizeof sealed, out) == P2P_OK);
  CHECK(memcmp(out, "text", 4) == 0);
  CHECK(p2p_sign_unseal(&other_secret, sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
  for (size_t length = 0; length < sizeof sealed; length++)
    CHECK(p2p_sign_unseal(&secret, sealed, length, out) == P2P_ERR_CRYPTO);
  for (size_t i = 0; i < sizeof sealed; i++) {
    sealed[i] ^= 1;
    CHECK(p2p_sign_unseal(&secret, sealed, sizeof sealed, out) == P2P_ERR_CRYPTO);
    sealed[i] ^= 1;
  }
}

TEST(prepare) { CHECK(p2p_crypto_init() == P2P_OK); }

UNIT_MAIN("sign", UNIT(prepare), UNIT(public_keys_are_those_of_the_rfc),
          UNIT(a_signature_is_that_of_another_implementation),
          UNIT(a_signature_is_for_one_key_domain_and_list), UNIT(a_changed_signature_is_refused),
          UNIT(a_signature_has_one_form_only), UNIT(nothing_is_signed_by_a_key_of_small_order),
          UNIT(nothing_is_sealed_to_an_unusable_key), UNIT(what_is_sealed_opens_with_its_key_only))
