/* base/object: what is appended in any portions is read back in runs, under the cap. */
#include "base/blob.h"
#include "base/chunks.h"

#include "unit.h"

static uint8_t expected_at(uint64_t offset) { return (uint8_t)(offset * 31 + offset / 65536); }

static int append_portion(struct p2p_blob *object, size_t length) {
  static uint8_t portion[3 * P2P_CHUNK_BYTES];
  uint64_t at = p2p_blob_size(object);
  for (size_t i = 0; i < length; i++) portion[i] = expected_at(at + i);
  return p2p_blob_append(object, portion, length);
}

TEST(portions_of_any_length_are_read_back) {
  struct p2p_blob *object = p2p_blob_new(1 << 22);
  static const size_t lengths[] = {0, 1, 65534, 1, 1, 65536, 7, 150000, 65535, 3};
  uint64_t total = 0;
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    CHECK(append_portion(object, lengths[i]) == P2P_OK);
    total += lengths[i];
  }
  CHECK(p2p_blob_size(object) == total);
  const uint8_t *bytes;
  uint64_t offset = 0;
  for (size_t length; (length = p2p_blob_span(object, offset, &bytes)) > 0; offset += length)
    for (size_t i = 0; i < length; i++)
      if (bytes[i] != expected_at(offset + i)) CHECK(!"the byte that was appended");
  CHECK(offset == total);
  CHECK(p2p_blob_span(object, 65530, &bytes) == 6 && bytes[0] == expected_at(65530));
  CHECK(p2p_blob_span(object, total + 1, &bytes) == 0);
  p2p_blob_free(object);
}

TEST(the_cap_holds_and_a_failed_append_appends_nothing) {
  struct p2p_blob *object = p2p_blob_new(100000);
  CHECK(append_portion(object, 99999) == P2P_OK);
  CHECK(append_portion(object, 2) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_blob_append(object, "", SIZE_MAX) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_blob_size(object) == 99999);
  CHECK(append_portion(object, 1) == P2P_OK);
  CHECK(append_portion(object, 1) == P2P_ERR_TOO_LARGE);
  p2p_blob_free(object);
}

TEST(an_empty_object_has_no_span) {
  struct p2p_blob *object = p2p_blob_new(UINT64_MAX);
  const uint8_t *bytes;
  CHECK(p2p_blob_size(object) == 0 && p2p_blob_span(object, 0, &bytes) == 0);
  p2p_blob_free(object);
  p2p_blob_free(NULL);
}

UNIT_MAIN("object", UNIT(portions_of_any_length_are_read_back),
          UNIT(the_cap_holds_and_a_failed_append_appends_nothing),
          UNIT(an_empty_object_has_no_span))
