/* The first message of each side in a mailbox. */
#include "wormhole/pake_message.h"

#include "unit.h"

static const uint8_t ELEMENT[P2P_SPAKE2_MESSAGE_LEN] = {'S', 1, 2, 3, [32] = 0xff};

static int parse(const char *text, size_t length, uint8_t out[P2P_SPAKE2_MESSAGE_LEN]) {
  return p2p_pake_message_parse(text, length, out, NULL);
}

TEST(a_message_is_read_as_it_was_written) {
  char text[P2P_PAKE_MESSAGE_MAX];
  uint8_t out[P2P_SPAKE2_MESSAGE_LEN];

  p2p_pake_message_format(ELEMENT, text);
  CHECK_STR(text, "{\"pake_v1\":\"53010203"
                  "00000000000000000000000000000000000000000000000000000000ff\"}");
  CHECK(parse(text, strlen(text), out) == P2P_OK);
  CHECK(memcmp(out, ELEMENT, sizeof out) == 0);
}

TEST(a_truncated_message_is_rejected_and_changes_nothing) {
  char text[P2P_PAKE_MESSAGE_MAX];
  uint8_t out[P2P_SPAKE2_MESSAGE_LEN] = {7};

  p2p_pake_message_format(ELEMENT, text);
  for (size_t length = 0; length < strlen(text); length++)
    CHECK(parse(text, length, out) == P2P_ERR_PROTOCOL);
  CHECK(out[0] == 7);
}

TEST(malformed_messages_are_rejected) {
  static char large[100000];
  uint8_t out[P2P_SPAKE2_MESSAGE_LEN];
  const char *bad[] = {"[]",
                       "{}",
                       "\"pake_v1\"",
                       "{\"pake_v1\":7}",
                       "{\"pake_v1\":\"\"}",
                       "{\"pake_v1\":\"5\"}",
                       "{\"pake_v1\":\"53\"}",
                       "{\"pake_v1\":\"zz\"}",
                       "{\"pake_v1\":\"53\",\"pake_v1\":\"53\"}"};

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(parse(bad[i], strlen(bad[i]), out) == P2P_ERR_PROTOCOL);
  memset(large, '0', sizeof large);
  memcpy(large, "{\"pake_v1\":\"", 12);
  memcpy(large + sizeof large - 3, "\"}", 3);
  CHECK(parse(large, strlen(large), out) == P2P_ERR_PROTOCOL);
}

UNIT_MAIN("pake_message", UNIT(a_message_is_read_as_it_was_written),
          UNIT(a_truncated_message_is_rejected_and_changes_nothing),
          UNIT(malformed_messages_are_rejected))
