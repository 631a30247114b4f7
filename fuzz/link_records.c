/* Records of a link in pieces, before and after the switch to a cipher: the input itself, and
 * sealed records with one corrupted byte. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wormhole/record.h"

#define RECORDS 4
#define TEXT_MAX 32

static const struct p2p_transit_key key;

struct ends {
  struct p2p_record_sealer sealer, other_sealer;
  struct p2p_record_opener opener, other_opener;
};

static void ends_init(struct ends *ends) {
  p2p_record_init(&ends->sealer, &ends->other_opener, &key, true);
  p2p_record_init(&ends->other_sealer, &ends->opener, &key, false);
}

static void ends_clear(struct ends *ends) {
  p2p_record_sealer_clear(&ends->sealer);
  p2p_record_sealer_clear(&ends->other_sealer);
  p2p_record_opener_clear(&ends->opener);
  p2p_record_opener_clear(&ends->other_opener);
}

static void switch_reader(struct ends *ends, enum p2p_cipher_kind kind) {
  if (p2p_record_switch(&ends->other_sealer, &ends->opener, kind, &key, false) != P2P_OK) abort();
}

/* Opens records until one is refused, and expects cipher records from `switch_at` on. Returns how
 * many were opened. */
static int open_all(struct ends *ends, enum p2p_cipher_kind kind, int switch_at,
                    const uint8_t *bytes, size_t length, size_t piece) {
  const uint8_t *payload;
  size_t payload_length;
  struct p2p_err err = {0};
  int code = 0, opened = 0;

  if (switch_at == 0) switch_reader(ends, kind);
  while (length > 0 && code >= 0) {
    const uint8_t *at = bytes;
    size_t left = piece < length ? piece : length;
    bytes += left;
    length -= left;
    while ((code = p2p_record_open(&ends->opener, &at, &left, &payload, &payload_length, &err)) ==
           1) {
      if (payload_length > P2P_RECORD_PAYLOAD_MAX) __builtin_trap();
      if (++opened == switch_at) switch_reader(ends, kind);
    }
  }
  if (code < 0 && err.code != code) __builtin_trap();
  return opened;
}

static size_t seal_all(struct ends *ends, enum p2p_cipher_kind kind, int switch_at, size_t length,
                       uint8_t *out) {
  size_t n = 0;

  for (int i = 0; i < RECORDS; i++) {
    uint8_t room[P2P_RECORD_OVERHEAD + TEXT_MAX];
    if (i == switch_at &&
        p2p_record_switch(&ends->sealer, &ends->other_opener, kind, &key, true) != P2P_OK)
      abort();
    memset(room + P2P_RECORD_OVERHEAD, i, length);
    const uint8_t *record = p2p_record_seal(&ends->sealer, room, length);
    if (record == NULL) __builtin_trap();
    size_t size = (size_t)(room + P2P_RECORD_OVERHEAD + length - record);
    memcpy(out + n, record, size);
    n += size;
  }
  return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  uint8_t sealed[RECORDS * (P2P_RECORD_OVERHEAD + TEXT_MAX)];
  struct ends ends, again;

  if (length < 6) return 0;
  enum p2p_cipher_kind kind =
      bytes[0] % 2 == 0 ? P2P_CIPHER_AES_256_GCM : P2P_CIPHER_CHACHA20_POLY1305;
  int switch_at = 1 + bytes[0] / 2 % (RECORDS - 1); /* what the sender does */
  int expect_at = bytes[1] % (switch_at + 1);       /* the reader does it earlier or at once */
  size_t piece = 1 + bytes[2], text_length = bytes[3] % (TEXT_MAX + 1);

  ends_init(&ends);
  (void)open_all(&ends, kind, 0, bytes + 4, length - 4, piece);
  ends_clear(&ends);

  ends_init(&ends);
  size_t n = seal_all(&ends, kind, switch_at, text_length, sealed);
  if (open_all(&ends, kind, expect_at, sealed, n, piece) != RECORDS) __builtin_trap();
  ends_clear(&ends);

  if (bytes[4] == 0) return 0;
  ends_init(&again);
  sealed[(bytes[5] + 256u * (bytes[1] % 2)) % n] ^= bytes[4];
  if (open_all(&again, kind, expect_at, sealed, n, piece) == RECORDS) __builtin_trap();
  ends_clear(&again);
  return 0;
}
