/* Records of a link: boxes, and then those of a cipher. */
#include "base/endian.h"
#include "crypto/random.h"
#include "unit.h"
#include "wormhole/record.h"

#define ROOM (P2P_RECORD_OVERHEAD + 64)
#define MARK 0x80

static const struct p2p_transit_key KEY = {{1, 2, 3}};
static const enum p2p_cipher_kind KINDS[] = {P2P_CIPHER_AES_256_GCM, P2P_CIPHER_CHACHA20_POLY1305};

/* What one side sends to the other. */
struct way {
  struct p2p_record_sealer sealer, unused_sealer;
  struct p2p_record_opener opener, unused_opener;
};

static void way_init(struct way *way) {
  p2p_record_init(&way->sealer, &way->unused_opener, &KEY, true);
  p2p_record_init(&way->unused_sealer, &way->opener, &KEY, false);
}

static void switch_sealer(struct way *way, enum p2p_cipher_kind kind) {
  CHECK(p2p_record_switch(&way->sealer, &way->unused_opener, kind, &KEY, true) == P2P_OK);
}

static void switch_opener(struct way *way, enum p2p_cipher_kind kind,
                          const struct p2p_transit_key *key) {
  CHECK(p2p_record_switch(&way->unused_sealer, &way->opener, kind, key, false) == P2P_OK);
}

static void way_clear(struct way *way) {
  p2p_record_sealer_clear(&way->sealer);
  p2p_record_sealer_clear(&way->unused_sealer);
  p2p_record_opener_clear(&way->opener);
  p2p_record_opener_clear(&way->unused_opener);
}

/* Returns the length. `out` has ROOM bytes. */
static size_t seal(struct way *way, const char *text, uint8_t *out) {
  uint8_t room[ROOM];
  size_t length = strlen(text);
  memcpy(room + P2P_RECORD_OVERHEAD, text, length);
  uint8_t *record = p2p_record_seal(&way->sealer, room, length);
  CHECK(record != NULL);
  if (record == NULL) return 0;
  size_t total = (size_t)(room + P2P_RECORD_OVERHEAD + length - record);
  memcpy(out, record, total);
  return total;
}

static int open_one(struct way *way, const uint8_t *bytes, size_t length, const char *expected) {
  const uint8_t *payload;
  size_t payload_length;
  struct p2p_err err = {0};
  int code = p2p_record_open(&way->opener, &bytes, &length, &payload, &payload_length, &err);
  if (code < 0) CHECK(err.code == code && err.message[0] != '\0');
  if (code == 1)
    CHECK(length == 0 && payload_length == strlen(expected) &&
          memcmp(payload, expected, payload_length) == 0);
  return code;
}

TEST(boxes_are_followed_by_records_of_the_cipher) {
  static const char *const TEXTS[] = {"hello", "box", "first", "", "third"};
  for (size_t kind = 0; kind < 2; kind++) {
    uint8_t stream[5 * ROOM];
    size_t total = 0;
    struct way way;
    way_init(&way);
    for (int i = 0; i < 5; i++) {
      if (i == 2) switch_sealer(&way, KINDS[kind]);
      size_t length = seal(&way, TEXTS[i], stream + total);
      CHECK(length == strlen(TEXTS[i]) + (i < 2 ? P2P_RECORD_OVERHEAD : 20));
      CHECK((stream[total] == MARK) == (i >= 2));
      total += length;
    }
    for (size_t step = 1; step <= total; step++) {
      int seen = 0;
      struct way reader;
      way_init(&reader);
      for (size_t at = 0; at < total; at += step) {
        const uint8_t *bytes = stream + at, *payload;
        size_t length = total - at < step ? total - at : step, payload_length;
        while (p2p_record_open(&reader.opener, &bytes, &length, &payload, &payload_length, NULL) ==
               1) {
          CHECK(payload_length == strlen(TEXTS[seen]) &&
                memcmp(payload, TEXTS[seen], payload_length) == 0);
          if (seen++ == 0) switch_opener(&reader, KINDS[kind], &KEY); /* at its HELLO */
        }
        CHECK(length == 0);
      }
      CHECK(seen == 5 && !p2p_record_opener_is_within(&reader.opener));
      way_clear(&reader);
    }
    way_clear(&way);
  }
}

/* One record of a cipher, after one box. */
struct sample {
  struct way way;
  uint8_t bytes[ROOM];
  size_t length;
};

static void sample_init(struct sample *sample, enum p2p_cipher_kind kind) {
  way_init(&sample->way);
  sample->length = seal(&sample->way, "hello", sample->bytes);
  CHECK(open_one(&sample->way, sample->bytes, sample->length, "hello") == 1);
  switch_sealer(&sample->way, kind);
  switch_opener(&sample->way, kind, &KEY);
  sample->length = seal(&sample->way, "text", sample->bytes);
}

TEST(an_altered_or_replayed_record_is_an_error) {
  struct sample sample;
  for (size_t kind = 0; kind < 2; kind++) {
    for (size_t i = 4; i < 4 + 16 + 4; i++) {
      sample_init(&sample, KINDS[kind]);
      sample.bytes[i] ^= 1;
      CHECK(open_one(&sample.way, sample.bytes, sample.length, "text") == P2P_ERR_CRYPTO);
      way_clear(&sample.way);
    }
    sample_init(&sample, KINDS[kind]);
    CHECK(open_one(&sample.way, sample.bytes, sample.length, "text") == 1);
    CHECK(open_one(&sample.way, sample.bytes, sample.length, "text") == P2P_ERR_CRYPTO);
    way_clear(&sample.way);
  }
}

/* The length is bound to the text: a shorter one with the same bytes behind it does not open. */
TEST(an_altered_length_is_an_error) {
  struct sample sample;
  sample_init(&sample, P2P_CIPHER_AES_256_GCM);
  sample.bytes[3]--;
  const uint8_t *bytes = sample.bytes, *payload;
  size_t length = sample.length, payload_length;
  CHECK(p2p_record_open(&sample.way.opener, &bytes, &length, &payload, &payload_length, NULL) ==
        P2P_ERR_CRYPTO);
  way_clear(&sample.way);
}

TEST(a_record_that_is_left_out_or_moved_is_an_error) {
  uint8_t next[ROOM];
  struct sample sample;
  sample_init(&sample, P2P_CIPHER_CHACHA20_POLY1305);
  size_t length = seal(&sample.way, "next", next);
  CHECK(open_one(&sample.way, next, length, "next") == P2P_ERR_CRYPTO);
  way_clear(&sample.way);
}

/* The counter goes on at the switch. */
TEST(a_box_that_is_left_out_before_the_switch_is_an_error) {
  uint8_t box[ROOM], record[ROOM];
  struct way way;
  way_init(&way);
  CHECK(seal(&way, "left out", box) > 0);
  switch_sealer(&way, P2P_CIPHER_AES_256_GCM);
  switch_opener(&way, P2P_CIPHER_AES_256_GCM, &KEY);
  size_t length = seal(&way, "text", record);
  CHECK(open_one(&way, record, length, "text") == P2P_ERR_CRYPTO);
  way_clear(&way);
}

TEST(a_box_after_the_switch_is_an_error) {
  uint8_t box[ROOM];
  struct sample sample;
  struct way old;
  way_init(&old);
  sample_init(&sample, P2P_CIPHER_AES_256_GCM);
  CHECK(open_one(&sample.way, sample.bytes, sample.length, "text") == 1);
  old.sealer.counter = 2;
  size_t length = seal(&old, "box", box);
  CHECK(open_one(&sample.way, box, length, "box") == P2P_ERR_PROTOCOL);
  way_clear(&sample.way);
  way_clear(&old);
}

TEST(a_record_of_a_cipher_before_the_switch_is_an_error) {
  struct way way;
  uint8_t record[ROOM];
  way_init(&way);
  switch_sealer(&way, P2P_CIPHER_AES_256_GCM);
  size_t length = seal(&way, "text", record);
  CHECK(open_one(&way, record, length, "text") == P2P_ERR_TOO_LARGE);
  way_clear(&way);
}

TEST(another_key_cipher_or_direction_does_not_open_it) {
  static const struct p2p_transit_key OTHER = {{1, 2, 4}};
  uint8_t record[ROOM];
  for (int i = 0; i < 3; i++) {
    struct way way;
    way_init(&way);
    switch_sealer(&way, P2P_CIPHER_AES_256_GCM);
    if (i == 0) switch_opener(&way, P2P_CIPHER_AES_256_GCM, &OTHER);
    if (i == 1) switch_opener(&way, P2P_CIPHER_CHACHA20_POLY1305, &KEY);
    if (i == 2) /* what it has sent itself comes back */
      CHECK(p2p_record_switch(&way.unused_sealer, &way.opener, P2P_CIPHER_AES_256_GCM, &KEY,
                              true) == P2P_OK);
    size_t length = seal(&way, "text", record);
    CHECK(open_one(&way, record, length, "text") == P2P_ERR_CRYPTO);
    way_clear(&way);
  }
}

TEST(a_truncated_record_needs_more_bytes) {
  struct sample sample;
  sample_init(&sample, P2P_CIPHER_CHACHA20_POLY1305);
  for (size_t i = 0; i + 1 < sample.length; i++) {
    CHECK(open_one(&sample.way, sample.bytes + i, 1, "") == 0);
    CHECK(p2p_record_opener_is_within(&sample.way.opener));
  }
  CHECK(open_one(&sample.way, sample.bytes + sample.length - 1, 1, "text") == 1);
  way_clear(&sample.way);
}

TEST(a_length_beyond_the_limits_is_refused_at_once) {
  static const struct {
    uint32_t length;
    int code;
  } CASES[] = {{0, P2P_ERR_PROTOCOL},
               {P2P_CIPHER_TAG_LEN - 1, P2P_ERR_PROTOCOL},
               {P2P_CIPHER_TAG_LEN, 0},
               {P2P_CIPHER_TAG_LEN + P2P_RECORD_PAYLOAD_MAX, 0},
               {P2P_CIPHER_TAG_LEN + P2P_RECORD_PAYLOAD_MAX + 1, P2P_ERR_TOO_LARGE},
               {UINT32_MAX >> 1, P2P_ERR_TOO_LARGE}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    uint8_t prefix[4];
    struct way way;
    way_init(&way);
    switch_opener(&way, P2P_CIPHER_AES_256_GCM, &KEY);
    p2p_set_u32(prefix, UINT32_C(0x80000000) | CASES[i].length);
    CHECK(open_one(&way, prefix, sizeof prefix, "") == CASES[i].code);
    way_clear(&way);
  }
}

TEST(the_key_changes_after_so_many_records) {
  for (size_t kind = 0; kind < 2; kind++) {
    uint8_t record[ROOM], early[ROOM];
    struct way way, other;
    way_init(&way);
    way_init(&other);
    switch_sealer(&way, KINDS[kind]);
    switch_sealer(&other, KINDS[kind]);
    switch_opener(&way, KINDS[kind], &KEY);
    way.sealer.counter = way.opener.counter = P2P_RECORD_KEY_SPAN - 1;
    for (int i = 0; i < 3; i++) {
      size_t length = seal(&way, "text", record);
      CHECK(open_one(&way, record, length, "text") == 1);
    }
    /* The same number under the first key. */
    other.sealer.counter = way.opener.counter = P2P_RECORD_KEY_SPAN + 1;
    CHECK(open_one(&way, early, seal(&other, "text", early), "text") == P2P_ERR_CRYPTO);
    way_clear(&way);
    way_clear(&other);
  }
}

TEST(numbers_do_not_start_again) {
  uint8_t room[ROOM], record[ROOM];
  struct way way;
  way_init(&way);
  switch_sealer(&way, P2P_CIPHER_AES_256_GCM);
  switch_opener(&way, P2P_CIPHER_AES_256_GCM, &KEY);
  way.sealer.counter = way.opener.counter = UINT64_MAX - 1;
  size_t length = seal(&way, "last", record);
  CHECK(open_one(&way, record, length, "last") == 1);
  CHECK(p2p_record_seal(&way.sealer, room, 0) == NULL);
  CHECK(open_one(&way, record, length, "last") == P2P_ERR_CRYPTO);
  way_clear(&way);
}

TEST(the_largest_record_passes) {
  static uint8_t room[P2P_RECORD_OVERHEAD + P2P_RECORD_PAYLOAD_MAX];
  struct way way;
  way_init(&way);
  switch_sealer(&way, P2P_CIPHER_CHACHA20_POLY1305);
  switch_opener(&way, P2P_CIPHER_CHACHA20_POLY1305, &KEY);
  const uint8_t *bytes = p2p_record_seal(&way.sealer, room, P2P_RECORD_PAYLOAD_MAX), *payload;
  size_t length = 20 + P2P_RECORD_PAYLOAD_MAX, payload_length = 0;
  CHECK(p2p_record_open(&way.opener, &bytes, &length, &payload, &payload_length, NULL) == 1);
  CHECK(payload_length == P2P_RECORD_PAYLOAD_MAX && length == 0);
  way_clear(&way);
}

TEST(prepare) { CHECK(p2p_crypto_init() == P2P_OK); }

UNIT_MAIN("record_switch", UNIT(prepare), UNIT(boxes_are_followed_by_records_of_the_cipher),
          UNIT(an_altered_or_replayed_record_is_an_error), UNIT(an_altered_length_is_an_error),
          UNIT(a_record_that_is_left_out_or_moved_is_an_error),
          UNIT(a_box_that_is_left_out_before_the_switch_is_an_error),
          UNIT(a_box_after_the_switch_is_an_error),
          UNIT(a_record_of_a_cipher_before_the_switch_is_an_error),
          UNIT(another_key_cipher_or_direction_does_not_open_it),
          UNIT(a_truncated_record_needs_more_bytes),
          UNIT(a_length_beyond_the_limits_is_refused_at_once),
          UNIT(the_key_changes_after_so_many_records), UNIT(numbers_do_not_start_again),
          UNIT(the_largest_record_passes))
