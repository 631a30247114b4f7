/* Hints: JSON, parsed and formatted again, and relay addresses. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wormhole/hints.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct p2p_hints hints, again;
  struct p2p_hint relay;
  struct p2p_err err;
  char *text = NULL, address[512];

  if (p2p_hints_parse((const char *)bytes, length, &hints, &err) == P2P_OK) {
    if (p2p_hints_format(&hints, &text) != P2P_OK ||
        p2p_hints_parse(text, strlen(text), &again, &err) != P2P_OK ||
        again.n_direct != hints.n_direct || again.n_relay != hints.n_relay)
      __builtin_trap();
    free(text);
  }
  if (length < sizeof address) {
    memcpy(address, bytes, length);
    address[length] = '\0';
    if (p2p_hint_parse_relay(address, &relay, &err) == P2P_OK && relay.port == 0) __builtin_trap();
  }
  return 0;
}
