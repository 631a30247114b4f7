/* base/buf: grows to its cap, keeps order, and a failed call changes nothing. */
#include "base/buf.h"

#include "unit.h"

TEST(an_empty_buffer_allocates_nothing) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, 10);
  CHECK(buf.bytes == NULL);
  CHECK(p2p_buf_data(&buf) == NULL);
  CHECK(p2p_buf_len(&buf) == 0);
  p2p_buf_consume(&buf, 5);
  p2p_buf_clear(&buf);
}

TEST(the_cap_holds_and_a_failed_put_changes_nothing) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, 10);
  CHECK(p2p_buf_put(&buf, "abcdefgh", 8) == P2P_OK);
  CHECK(p2p_buf_put(&buf, "xyz", 3) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_buf_put_u32(&buf, 1) == P2P_ERR_TOO_LARGE);
  uint8_t *space;
  CHECK(p2p_buf_reserve(&buf, SIZE_MAX, &space) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_buf_len(&buf) == 8 && memcmp(p2p_buf_data(&buf), "abcdefgh", 8) == 0);
  CHECK(p2p_buf_put(&buf, "ij", 2) == P2P_OK);
  CHECK(p2p_buf_len(&buf) == 10 && memcmp(p2p_buf_data(&buf), "abcdefghij", 10) == 0);
  /* The cap is on unread bytes. */
  p2p_buf_consume(&buf, 4);
  CHECK(p2p_buf_put(&buf, "klmn", 4) == P2P_OK);
  CHECK(memcmp(p2p_buf_data(&buf), "efghijklmn", 10) == 0);
  p2p_buf_clear(&buf);
  CHECK(p2p_buf_len(&buf) == 0 && buf.cap_bytes == 10);
}

TEST(integers_are_big_endian) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, 100);
  CHECK(p2p_buf_put_u8(&buf, 0xAB) == P2P_OK);
  CHECK(p2p_buf_put_u32(&buf, 0x01020304) == P2P_OK);
  CHECK(memcmp(p2p_buf_data(&buf), "\xAB\x01\x02\x03\x04", 5) == 0);
  p2p_buf_clear(&buf);
}

TEST(what_goes_in_comes_out_in_order) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, 5000);
  uint8_t next_in = 0, next_out = 0;
  size_t most = 0;
  for (int round = 0; round < 20000; round++) {
    size_t n_in = (size_t)(round * 7 % 251), n_out = (size_t)(round * 11 % 257);
    uint8_t *space;
    int code = p2p_buf_reserve(&buf, n_in, &space);
    CHECK(code == P2P_OK || (code == P2P_ERR_TOO_LARGE && p2p_buf_len(&buf) + n_in > 5000));
    for (size_t i = 0; code == P2P_OK && i < n_in; i++) space[i] = next_in++;
    if (n_out > p2p_buf_len(&buf)) n_out = p2p_buf_len(&buf);
    for (size_t i = 0; i < n_out; i++)
      if (p2p_buf_data(&buf)[i] != next_out++) CHECK(!"order");
    p2p_buf_consume(&buf, n_out);
    if (buf.capacity > most) most = buf.capacity;
  }
  CHECK(most <= 2 * 5000);
  CHECK((uint8_t)(next_in - next_out) == (uint8_t)p2p_buf_len(&buf));
  p2p_buf_clear(&buf);
}

TEST(consuming_more_than_there_is_empties) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, 100);
  CHECK(p2p_buf_put(&buf, "abc", 3) == P2P_OK);
  p2p_buf_consume(&buf, 1000);
  CHECK(p2p_buf_len(&buf) == 0);
  p2p_buf_clear(&buf);
}

TEST(wiping_overwrites) {
  char secret[16] = "a password here";
  p2p_wipe(secret, sizeof secret);
  for (size_t i = 0; i < sizeof secret; i++) CHECK(secret[i] == 0);
  p2p_wipe(NULL, 0);
}

UNIT_MAIN("buf", UNIT(an_empty_buffer_allocates_nothing),
          UNIT(the_cap_holds_and_a_failed_put_changes_nothing), UNIT(integers_are_big_endian),
          UNIT(what_goes_in_comes_out_in_order), UNIT(consuming_more_than_there_is_empties),
          UNIT(wiping_overwrites))
