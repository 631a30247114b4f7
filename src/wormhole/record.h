/* Transit records: a 4-byte big-endian length, then a box whose nonce is a big-endian counter from
 * 0 in each direction. Sans-I/O: bytes in, payloads out. The length is the peer's word and capped
 * before anything is allocated; any other nonce than the next is an error. */
#ifndef P2P_WORMHOLE_RECORD_H
#define P2P_WORMHOLE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypto/box.h"
#include "wormhole/key.h"

#define P2P_RECORD_PAYLOAD_MAX (128 * 1024 + 1024)
#define P2P_RECORD_OVERHEAD (4 + P2P_BOX_OVERHEAD)

struct p2p_record_sealer {
  struct p2p_record_key key;
  uint64_t counter; /* of the next record; never wraps in a lifetime */
};

void p2p_record_sealer_init(struct p2p_record_sealer *sealer, const struct p2p_record_key *key);
/* Seals in place: `record` has P2P_RECORD_OVERHEAD bytes of room, then `length` bytes of payload
 * (at most P2P_RECORD_PAYLOAD_MAX). The whole is then one record. */
void p2p_record_seal(struct p2p_record_sealer *sealer, uint8_t *record, size_t length);
void p2p_record_sealer_clear(struct p2p_record_sealer *sealer);

struct p2p_record_opener {
  struct p2p_record_key key;
  uint64_t counter;
  struct p2p_buf buf; /* at most one record */
  bool shown;         /* the record in buf was given out by the last call */
};

void p2p_record_opener_init(struct p2p_record_opener *opener, const struct p2p_record_key *key);
/* Takes bytes from *bytes (advanced) as far as one record needs them. 1: a whole record was opened,
 * *payload of *payload_length bytes is valid until the next call; 0: all bytes are taken, more are
 * needed. P2P_ERR_TOO_LARGE, P2P_ERR_PROTOCOL (length, nonce), P2P_ERR_CRYPTO, P2P_ERR_MEMORY: the
 * connection is of no more use. */
int p2p_record_open(struct p2p_record_opener *opener, const uint8_t **bytes, size_t *length,
                    const uint8_t **payload, size_t *payload_length,
                    struct p2p_err *err) P2P_MUST_USE;
/* Whether a record was begun and has not ended yet. */
bool p2p_record_opener_is_within(const struct p2p_record_opener *opener);
void p2p_record_opener_clear(struct p2p_record_opener *opener);

#endif
