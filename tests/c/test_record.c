/* Transit records: whole, byte by byte, truncated, oversized, altered, replayed. */
#include "wormhole/record.h"

#include <stdlib.h>

#include "base/endian.h"
#include "unit.h"

static const struct p2p_record_key KEY = {{1, 2, 3}};

static size_t seal(struct p2p_record_sealer *sealer, const char *text, size_t length,
                   uint8_t *record) {
  memcpy(record + P2P_RECORD_OVERHEAD, text, length);
  p2p_record_seal(sealer, record, length);
  return P2P_RECORD_OVERHEAD + length;
}

static int open_one(struct p2p_record_opener *opener, const uint8_t *bytes, size_t length) {
  const uint8_t *payload;
  size_t payload_length;
  return p2p_record_open(opener, &bytes, &length, &payload, &payload_length, NULL);
}

TEST(records_arrive_in_pieces_of_any_size) {
  static const char *const TEXTS[] = {"first", "", "the third"};
  uint8_t stream[512];
  size_t total = 0;
  struct p2p_record_sealer sealer;

  p2p_record_sealer_init(&sealer, &KEY);
  for (int i = 0; i < 3; i++) total += seal(&sealer, TEXTS[i], strlen(TEXTS[i]), stream + total);
  for (size_t step = 1; step <= total; step++) {
    struct p2p_record_opener opener;
    int seen = 0;
    p2p_record_opener_init(&opener, &KEY);
    for (size_t at = 0; at < total; at += step) {
      const uint8_t *bytes = stream + at, *payload;
      size_t length = total - at < step ? total - at : step, payload_length;
      while (p2p_record_open(&opener, &bytes, &length, &payload, &payload_length, NULL) == 1) {
        CHECK(payload_length == strlen(TEXTS[seen]) &&
              memcmp(payload, TEXTS[seen], payload_length) == 0);
        seen++;
      }
      CHECK(length == 0);
    }
    CHECK(seen == 3);
    CHECK(!p2p_record_opener_is_within(&opener));
    p2p_record_opener_clear(&opener);
  }
  p2p_record_sealer_clear(&sealer);
}

TEST(the_counter_is_big_endian) {
  uint8_t record[P2P_RECORD_OVERHEAD];
  struct p2p_record_sealer sealer;

  p2p_record_sealer_init(&sealer, &KEY);
  seal(&sealer, "", 0, record);
  CHECK(record[4 + 23] == 0);
  seal(&sealer, "", 0, record);
  CHECK(record[3] == P2P_BOX_OVERHEAD && record[4] == 0 && record[4 + 23] == 1);
}

TEST(a_replayed_or_altered_record_is_an_error) {
  uint8_t one[64], bad[64];
  struct p2p_record_sealer sealer;
  struct p2p_record_opener opener;

  p2p_record_sealer_init(&sealer, &KEY);
  size_t length = seal(&sealer, "text", 4, one);
  p2p_record_opener_init(&opener, &KEY);
  CHECK(open_one(&opener, one, length) == 1);
  CHECK(open_one(&opener, one, length) == P2P_ERR_PROTOCOL);
  p2p_record_opener_clear(&opener);
  for (size_t i = 4; i < length; i++) {
    memcpy(bad, one, length);
    bad[i] ^= 0x10;
    p2p_record_opener_init(&opener, &KEY);
    CHECK(open_one(&opener, bad, length) ==
          (i < 4 + P2P_BOX_NONCE_LEN ? P2P_ERR_PROTOCOL : P2P_ERR_CRYPTO));
    p2p_record_opener_clear(&opener);
  }
}

TEST(a_truncated_record_needs_more_bytes) {
  uint8_t record[64];
  struct p2p_record_sealer sealer;

  p2p_record_sealer_init(&sealer, &KEY);
  size_t length = seal(&sealer, "text", 4, record);
  for (size_t part = 0; part < length; part++) {
    struct p2p_record_opener opener;
    p2p_record_opener_init(&opener, &KEY);
    CHECK(open_one(&opener, record, part) == 0);
    CHECK(p2p_record_opener_is_within(&opener) == (part > 0));
    p2p_record_opener_clear(&opener);
  }
}

TEST(a_length_beyond_the_limits_is_refused_at_once) {
  static const struct {
    uint32_t length;
    int code;
  } CASES[] = {{0, P2P_ERR_PROTOCOL},
               {P2P_BOX_OVERHEAD - 1, P2P_ERR_PROTOCOL},
               {P2P_BOX_OVERHEAD, 0},
               {P2P_BOX_OVERHEAD + P2P_RECORD_PAYLOAD_MAX, 0},
               {P2P_BOX_OVERHEAD + P2P_RECORD_PAYLOAD_MAX + 1, P2P_ERR_TOO_LARGE},
               {UINT32_MAX, P2P_ERR_TOO_LARGE}};

  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    uint8_t prefix[4];
    struct p2p_record_opener opener;
    p2p_set_u32(prefix, CASES[i].length);
    p2p_record_opener_init(&opener, &KEY);
    CHECK(open_one(&opener, prefix, sizeof prefix) == CASES[i].code);
    p2p_record_opener_clear(&opener);
  }
}

TEST(the_largest_record_passes) {
  size_t length = P2P_RECORD_OVERHEAD + P2P_RECORD_PAYLOAD_MAX, payload_length;
  uint8_t *record = calloc(1, length);
  const uint8_t *bytes = record, *payload;
  struct p2p_record_sealer sealer;
  struct p2p_record_opener opener;

  p2p_record_sealer_init(&sealer, &KEY);
  p2p_record_seal(&sealer, record, P2P_RECORD_PAYLOAD_MAX);
  p2p_record_opener_init(&opener, &KEY);
  CHECK(p2p_record_open(&opener, &bytes, &length, &payload, &payload_length, NULL) == 1);
  CHECK(payload_length == P2P_RECORD_PAYLOAD_MAX && length == 0);
  p2p_record_opener_clear(&opener);
  free(record);
}

UNIT_MAIN("record", UNIT(records_arrive_in_pieces_of_any_size), UNIT(the_counter_is_big_endian),
          UNIT(a_replayed_or_altered_record_is_an_error), UNIT(a_truncated_record_needs_more_bytes),
          UNIT(a_length_beyond_the_limits_is_refused_at_once), UNIT(the_largest_record_passes))
