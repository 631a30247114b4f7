/* The SPAKE2 message of a peer. */
#include "fuzz.h"

#include "crypto/random.h"
#include "crypto/spake2.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static const uint8_t entropy[P2P_SPAKE2_ENTROPY_LEN] = {1, 2, 3};
  uint8_t message[P2P_SPAKE2_MESSAGE_LEN], key[P2P_SPAKE2_KEY_LEN];
  struct p2p_spake2 *state;
  struct p2p_err err;

  if (p2p_crypto_init() != P2P_OK || p2p_spake2_start(P2P_SPAN("7-a-b", 5), P2P_SPAN("appid", 5),
                                                      entropy, message, &state, &err) != P2P_OK)
    return 0;
  if (p2p_spake2_finish(state, bytes, length, key, &err) != P2P_OK) return 0;
  return 0;
}
