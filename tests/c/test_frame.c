/* Frames: exact bytes, whole, byte by byte, truncated, oversized. */
#include "protocol/frame.h"

#include <stdlib.h>

#include "base/endian.h"
#include "unit.h"

static struct p2p_buf two_frames(void) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, 1024);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_TASK, 0x01020304, "hello", 5) == P2P_OK);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_PING, 0, NULL, 0) == P2P_OK);
  return buf;
}

TEST(the_format_on_the_wire) {
  struct p2p_buf buf = two_frames();
  static const char wire[] =
      "\x03\x01\x02\x03\x04\x00\x00\x00\x05hello\x09\x00\x00\x00\x00\x00\x00\x00\x00";
  CHECK(p2p_buf_len(&buf) == sizeof wire - 1);
  CHECK(memcmp(p2p_buf_data(&buf), wire, sizeof wire - 1) == 0);
  p2p_buf_clear(&buf);
}

TEST(a_frame_is_read_whole) {
  struct p2p_buf buf = two_frames();
  struct p2p_frame frame;
  CHECK(p2p_frame_get(p2p_buf_data(&buf), p2p_buf_len(&buf), &frame) == 14);
  CHECK(frame.type == P2P_FRAME_TASK && frame.task == 0x01020304 && frame.length == 5);
  CHECK(memcmp(frame.payload, "hello", 5) == 0);
  p2p_buf_consume(&buf, 14);
  CHECK(p2p_frame_get(p2p_buf_data(&buf), p2p_buf_len(&buf), &frame) == 9);
  CHECK(frame.type == P2P_FRAME_PING && frame.task == 0 && frame.length == 0);
  p2p_buf_clear(&buf);
}

TEST(a_truncated_frame_asks_for_more) {
  struct p2p_buf buf = two_frames();
  for (size_t n = 0; n < 14; n++) {
    /* In memory of its own length, so that a byte read too many is detected. */
    uint8_t *part = malloc(n + (n == 0));
    if (n > 0) memcpy(part, p2p_buf_data(&buf), n);
    struct p2p_frame frame;
    CHECK(p2p_frame_get(part, n, &frame) == 0);
    free(part);
  }
  p2p_buf_clear(&buf);
}

TEST(unknown_types_and_long_lengths_are_refused_by_the_header) {
  struct p2p_frame frame;
  CHECK(p2p_frame_get((const uint8_t *)"\x00", 1, &frame) == P2P_ERR_PARSE);
  CHECK(p2p_frame_get((const uint8_t *)"\x0e", 1, &frame) == P2P_ERR_PARSE);
  CHECK(p2p_frame_get((const uint8_t *)"\xff", 1, &frame) == P2P_ERR_PARSE);
  CHECK(p2p_frame_get((const uint8_t *)"\x04\0\0\0\1\x00\x01\x00\x00", 9, &frame) == 0);
  CHECK(p2p_frame_get((const uint8_t *)"\x04\0\0\0\1\x00\x01\x00\x01", 9, &frame) ==
        P2P_ERR_TOO_LARGE);
  CHECK(p2p_frame_get((const uint8_t *)"\x04\0\0\0\1\xff\xff\xff\xff", 9, &frame) ==
        P2P_ERR_TOO_LARGE);
}

TEST(every_type_is_read) {
  struct p2p_frame frame;
  for (int type = P2P_FRAME_HELLO; type <= P2P_FRAME_REQUEST; type++) {
    uint8_t wire[10] = {(uint8_t)type, 0, 0, 0, 0, 0, 0, 0, 1, 'a'};
    CHECK(p2p_frame_get(wire, 9, &frame) == 0);
    CHECK(p2p_frame_get(wire, 10, &frame) == 10 && frame.type == type && frame.length == 1);
  }
}

TEST(the_largest_payload_fits_and_no_larger) {
  static uint8_t payload[P2P_FRAME_PAYLOAD_MAX + 1];
  struct p2p_buf buf;
  p2p_buf_init(&buf, 1 << 20);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_DATA, 1, payload, sizeof payload) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_buf_len(&buf) == 0);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_DATA, 1, payload, P2P_FRAME_PAYLOAD_MAX) == P2P_OK);
  struct p2p_frame frame;
  CHECK(p2p_frame_get(p2p_buf_data(&buf), p2p_buf_len(&buf), &frame) == 9 + P2P_FRAME_PAYLOAD_MAX);
  p2p_buf_clear(&buf);
  p2p_buf_init(&buf, 20);
  CHECK(p2p_frame_put(&buf, P2P_FRAME_DATA, 1, payload, 12) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_buf_len(&buf) == 0);
  p2p_buf_clear(&buf);
}

TEST(integers_round_trip) {
  uint8_t bytes[8];
  p2p_set_u64(bytes, UINT64_C(0xFEDCBA9876543210));
  CHECK(memcmp(bytes, "\xFE\xDC\xBA\x98\x76\x54\x32\x10", 8) == 0);
  CHECK(p2p_get_u64(bytes) == UINT64_C(0xFEDCBA9876543210));
  CHECK(p2p_get_u32(bytes) == 0xFEDCBA98);
  p2p_set_u32(bytes, 0x80000001);
  CHECK(p2p_get_u32(bytes) == 0x80000001);
}

UNIT_MAIN("frame", UNIT(the_format_on_the_wire), UNIT(a_frame_is_read_whole),
          UNIT(a_truncated_frame_asks_for_more),
          UNIT(unknown_types_and_long_lengths_are_refused_by_the_header), UNIT(every_type_is_read),
          UNIT(the_largest_payload_fits_and_no_larger), UNIT(integers_round_trip))
