/* Records in pieces: the input itself, and sealed records with one corrupted byte. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wormhole/record.h"

static void open_all(const struct p2p_record_key *key, const uint8_t *bytes, size_t length,
                     size_t piece) {
  struct p2p_record_opener opener;
  const uint8_t *payload;
  size_t payload_length;
  struct p2p_err err;
  int code = 0;

  p2p_record_opener_init(&opener, key);
  while (length > 0 && code >= 0) {
    const uint8_t *at = bytes;
    size_t left = piece < length ? piece : length;
    bytes += left;
    length -= left;
    while ((code = p2p_record_open(&opener, &at, &left, &payload, &payload_length, &err)) == 1)
      if (payload_length > P2P_RECORD_PAYLOAD_MAX) __builtin_trap();
  }
  (void)p2p_record_opener_is_within(&opener);
  p2p_record_opener_clear(&opener);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static const struct p2p_record_key key;
  struct p2p_record_sealer sealer;
  uint8_t sealed[3 * (P2P_RECORD_OVERHEAD + 64)];

  if (length < 4) return 0;
  open_all(&key, bytes + 1, length - 1, 1 + bytes[0]);
  size_t n = 0, payload = bytes[1] % 64;
  p2p_record_sealer_init(&sealer, &key);
  for (int i = 0; i < 3; i++) {
    memset(sealed + n + P2P_RECORD_OVERHEAD, i, payload);
    p2p_record_seal(&sealer, sealed + n, payload);
    n += P2P_RECORD_OVERHEAD + payload;
  }
  sealed[(bytes[2] + 256u * (bytes[3] % 2)) % n] ^= bytes[0];
  open_all(&key, sealed, n, 1 + bytes[1]);
  p2p_record_sealer_clear(&sealer);
  return 0;
}
