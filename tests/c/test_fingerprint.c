/* Fingerprints: the same bytes, however they come, have the same id, and others another one. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/fingerprint.h"

static uint8_t bytes[20000];

static void take(size_t length, size_t piece, uint8_t out[P2P_FINGERPRINT_LEN]) {
  struct p2p_fingerprint *fingerprint = p2p_fingerprint_new();
  uint64_t size = 0;
  CHECK(fingerprint != NULL);
  for (size_t at = 0, n; at < length; at += n) {
    n = length - at < piece ? length - at : piece;
    CHECK(p2p_fingerprint_add(fingerprint, bytes + at, n) == P2P_OK);
  }
  CHECK(p2p_fingerprint_end(fingerprint, out, &size) == P2P_OK && size == length);
  p2p_fingerprint_free(fingerprint);
}

TEST(pieces_do_not_matter) {
  static const size_t pieces[] = {1, 4, 4095, 4096, 4097, 9000, sizeof bytes};
  uint8_t whole[P2P_FINGERPRINT_LEN], out[P2P_FINGERPRINT_LEN];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + i / 256);
  take(sizeof bytes, sizeof bytes, whole);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    take(sizeof bytes, pieces[i], out);
    CHECK(memcmp(out, whole, sizeof out) == 0);
  }
}

TEST(every_bit_and_the_length_matter) {
  static const size_t places[] = {0, 1, 4095, 4096, sizeof bytes - 1};
  uint8_t whole[P2P_FINGERPRINT_LEN], out[P2P_FINGERPRINT_LEN];
  take(sizeof bytes, 4096, whole);
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    for (int bit = 0; bit < 8; bit++) {
      bytes[places[i]] ^= (uint8_t)(1 << bit);
      take(sizeof bytes, 4096, out);
      bytes[places[i]] ^= (uint8_t)(1 << bit);
      CHECK(memcmp(out, whole, sizeof out) != 0);
    }
  }
  memset(bytes, 0, sizeof bytes);
  take(1000, 1000, whole);
  take(1001, 1000, out);
  CHECK(memcmp(out, whole, sizeof out) != 0);
  take(0, 1, out);
  CHECK(memcmp(out, whole, sizeof out) != 0);
}

UNIT_MAIN("fingerprint", UNIT(pieces_do_not_matter), UNIT(every_bit_and_the_length_matter))
