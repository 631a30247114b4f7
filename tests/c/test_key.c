/* The key schedule, against test vectors. */
#include "wormhole/key.h"

#include "vectors.h"

static void check_hex(const uint8_t bytes[P2P_KEY_LEN], const char *expected) {
  char hex[P2P_KEY_HEX_LEN + 1];

  p2p_hex_encode(bytes, P2P_KEY_LEN, hex);
  CHECK_STR(hex, expected);
}

TEST(derived_keys_match_the_vectors) {
  json_t *root = vectors_load("spake2"), *object, *phase_key;
  const char *appid = vectors_text(root, "derived_appid"), *phase;
  size_t index, count = 0;

  json_array_foreach(json_object_get(root, "derived"), index, object) {
    struct p2p_wormhole_key key;
    struct p2p_transit_key transit;
    uint8_t out[P2P_KEY_LEN];
    CHECK(vectors_bytes(object, "key_hex", key.bytes, sizeof key.bytes) == sizeof key.bytes);
    json_object_foreach(json_object_get(object, "phase_keys"), phase, phase_key) {
      p2p_key_phase(&key, vectors_text(object, "side"), phase, out);
      check_hex(out, json_string_value(phase_key));
      count++;
    }
    p2p_key_verifier(&key, out);
    check_hex(out, vectors_text(object, "verifier_hex"));
    p2p_key_transit(&key, appid, &transit);
    check_hex(transit.bytes, vectors_text(object, "transit_key_hex"));
  }
  CHECK(count == 18);
  json_decref(root);
}

TEST(every_purpose_and_direction_has_its_own_key) {
  struct p2p_transit_key transit = {{7}};
  struct p2p_record_key record[2];
  char hex[5][P2P_KEY_HEX_LEN + 1];

  p2p_key_record(&transit, true, &record[0]);
  p2p_key_record(&transit, false, &record[1]);
  p2p_hex_encode(record[0].bytes, P2P_KEY_LEN, hex[0]);
  p2p_hex_encode(record[1].bytes, P2P_KEY_LEN, hex[1]);
  p2p_key_handshake(&transit, true, hex[2]);
  p2p_key_handshake(&transit, false, hex[3]);
  p2p_key_relay_token(&transit, hex[4]);
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < i; j++) CHECK(strcmp(hex[i], hex[j]) != 0);
}

UNIT_MAIN("key", UNIT(derived_keys_match_the_vectors),
          UNIT(every_purpose_and_direction_has_its_own_key))
