/* Records of links, as an independent implementation writes them (tests/vectors/records.json). */
#include "crypto/random.h"
#include "protocol/cipher_list.h"
#include "vectors.h"
#include "wormhole/record.h"

#define TEXT_MAX 512
#define ROOM (P2P_RECORD_OVERHEAD + TEXT_MAX)

/* One direction: the ends that write and read it. */
static struct p2p_record_sealer sealer, other_sealer;
static struct p2p_record_opener opener, other_opener;

static void check_record(const json_t *record) {
  uint8_t room[ROOM], expected[ROOM], text[TEXT_MAX];
  size_t length = vectors_bytes(record, "payload", text, sizeof text);
  size_t size = vectors_bytes(record, "record", expected, sizeof expected), left = size;
  const uint8_t *bytes = expected, *payload;
  size_t payload_length = 0;

  memcpy(room + P2P_RECORD_OVERHEAD, text, length);
  const uint8_t *ours = p2p_record_seal(&sealer, room, length);
  CHECK(ours != NULL && (size_t)(room + P2P_RECORD_OVERHEAD + length - ours) == size &&
        memcmp(ours, expected, size) == 0);
  CHECK(p2p_record_open(&opener, &bytes, &left, &payload, &payload_length, NULL) == 1);
  CHECK(payload_length == length && memcmp(payload, text, length) == 0);
}

static void check_case(const json_t *object) {
  const json_t *records = json_object_get(object, "records");
  bool by_sender = strcmp(vectors_text(object, "by"), "sender") == 0;
  struct p2p_cipher_list list;
  struct p2p_transit_key key;
  uint64_t first =
      (uint64_t)json_integer_value(json_object_get(json_array_get(records, 0), "counter"));

  CHECK(vectors_bytes(object, "transit_key", key.bytes, sizeof key.bytes) == sizeof key.bytes);
  CHECK(p2p_cipher_list_read(vectors_text(object, "cipher"), &list) && list.count == 1);
  p2p_record_init(&sealer, &other_opener, &key, by_sender);
  p2p_record_init(&other_sealer, &opener, &key, !by_sender);
  sealer.counter = opener.counter = first;
  CHECK(json_array_size(records) == 4);
  for (size_t i = 0; i < 4; i++) {
    if (first + i == 1 || (i == 0 && first > 0)) {
      CHECK(p2p_record_switch(&sealer, &other_opener, list.kinds[0], &key, by_sender) == P2P_OK);
      CHECK(p2p_record_switch(&other_sealer, &opener, list.kinds[0], &key, !by_sender) == P2P_OK);
    }
    check_record(json_array_get(records, i));
  }
  p2p_record_sealer_clear(&sealer);
  p2p_record_sealer_clear(&other_sealer);
  p2p_record_opener_clear(&opener);
  p2p_record_opener_clear(&other_opener);
}

TEST(records_are_those_of_the_vectors) {
  CHECK(p2p_crypto_init() == P2P_OK);
  json_t *root = vectors_load("records");
  const json_t *cases = json_object_get(root, "records");
  CHECK(json_array_size(cases) == 8);
  for (size_t i = 0; i < json_array_size(cases); i++) check_case(json_array_get(cases, i));
  json_decref(root);
}

UNIT_MAIN("record_vectors", UNIT(records_are_those_of_the_vectors))
