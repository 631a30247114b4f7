/* The first message of a peer in a mailbox. */
#include <string.h>

#include "fuzz.h"
#include "wormhole/pake_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  uint8_t element[P2P_SPAKE2_MESSAGE_LEN], again[P2P_SPAKE2_MESSAGE_LEN];
  char text[P2P_PAKE_MESSAGE_MAX];
  struct p2p_err err;

  if (p2p_pake_message_parse((const char *)bytes, length, element, &err) != P2P_OK) return 0;
  p2p_pake_message_format(element, text);
  if (p2p_pake_message_parse(text, strlen(text), again, &err) != P2P_OK ||
      memcmp(element, again, sizeof again) != 0)
    __builtin_trap();
  return 0;
}
