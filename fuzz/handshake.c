/* The transit handshake of both roles, with and without a relay. Each byte of the input is the
 * length of the next piece; 0xff stands for the expected line, so that inputs get beyond the first
 * one. */
#include <string.h>

#include "fuzz.h"
#include "wormhole/handshake.h"

static void shake(const uint8_t *bytes, size_t length, bool is_sender, const char *relay_side) {
  static const struct p2p_transit_key key;
  struct p2p_handshake handshake;

  p2p_handshake_init(&handshake, &key, is_sender, relay_side);
  while (length > 1) {
    size_t part = bytes[0] < length - 1 ? bytes[0] : length - 1;
    const char *line = handshake.state == P2P_HANDSHAKE_RELAY  ? "ok\n"
                       : handshake.state == P2P_HANDSHAKE_PEER ? handshake.theirs
                                                               : "go\n";
    bool is_right = bytes[0] == 0xff;
    const uint8_t *at = is_right ? (const uint8_t *)line + handshake.received : bytes + 1;
    size_t left = is_right ? strlen(line) - handshake.received : part;
    p2p_handshake_feed(&handshake, &at, &left);
    if (handshake.state == P2P_HANDSHAKE_DECIDE) p2p_handshake_decide(&handshake, part % 2 == 0);
    (void)p2p_handshake_line(&handshake);
    bytes += 1 + (is_right ? 0 : part);
    length -= 1 + (is_right ? 0 : part);
  }
  p2p_handshake_clear(&handshake);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  shake(bytes, length, true, NULL);
  shake(bytes, length, false, NULL);
  shake(bytes, length, true, "0123456789abcdef");
  return 0;
}
