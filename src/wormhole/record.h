/* Transit records: a 4-byte big-endian length, then a box whose nonce is a big-endian counter that
 * starts at 0 in each direction. On links, a direction changes to a cipher after some boxes: the
 * highest bit of the length is set, a tag and the text follow, and the counter goes on but is not
 * sent. Sans-I/O. The length comes from the peer and is checked before anything is allocated; a
 * record other than the next one is an error. */
#ifndef P2P_WORMHOLE_RECORD_H
#define P2P_WORMHOLE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypto/box.h"
#include "wormhole/key.h"
#include "wormhole/record_cipher.h"

#define P2P_RECORD_PAYLOAD_MAX (128 * 1024 + 1024)
#define P2P_RECORD_OVERHEAD (4 + P2P_BOX_OVERHEAD)

struct p2p_record_sealer {
  struct p2p_record_key key;        /* of boxes */
  uint64_t counter;                 /* of the next record */
  struct p2p_record_cipher *cipher; /* NULL: seals boxes */
};

void p2p_record_sealer_init(struct p2p_record_sealer *sealer, const struct p2p_record_key *key);
/* Seals in place. `room` has room for P2P_RECORD_OVERHEAD bytes, followed by `length` bytes of
 * payload (at most P2P_RECORD_PAYLOAD_MAX). Returns the record, which ends where the payload ends.
 * A box begins at `room`, a record of a cipher later. NULL: the cipher failed; the connection
 * cannot be used any more. */
uint8_t *p2p_record_seal(struct p2p_record_sealer *sealer, uint8_t *room, size_t length);
void p2p_record_sealer_clear(struct p2p_record_sealer *sealer);

struct p2p_record_opener {
  struct p2p_record_key key;
  uint64_t counter;
  struct p2p_buf buf;               /* at most one record */
  bool is_returned;                 /* the last call returned the record in `buf` */
  struct p2p_record_cipher *cipher; /* NULL: opens boxes only */
  bool has_switched;                /* a record of the cipher was opened: no more boxes */
};

void p2p_record_opener_init(struct p2p_record_opener *opener, const struct p2p_record_key *key);
/* Consumes bytes from *bytes (which it advances) up to the end of one record. Returns 1 when a
 * record is complete: *payload, of *payload_length bytes, is valid until the next call. Returns 0
 * when all bytes are consumed and more are needed. P2P_ERR_TOO_LARGE, P2P_ERR_PROTOCOL (length or
 * nonce), P2P_ERR_CRYPTO, P2P_ERR_MEMORY: the connection cannot be used any more. */
int p2p_record_open(struct p2p_record_opener *opener, const uint8_t **bytes, size_t *length,
                    const uint8_t **payload, size_t *payload_length,
                    struct p2p_err *err) P2P_MUST_USE;
/* Whether part of a record has arrived. */
bool p2p_record_opener_is_within(const struct p2p_record_opener *opener);
void p2p_record_opener_clear(struct p2p_record_opener *opener);

/* Initializes both for one side of a transit connection. */
void p2p_record_init(struct p2p_record_sealer *sealer, struct p2p_record_opener *opener,
                     const struct p2p_transit_key *key, bool is_sender);
/* From now on seals records of this cipher. Opens boxes until the first record of the cipher
 * arrives: those that the peer sent before it switched. P2P_ERR_MEMORY, P2P_ERR_CRYPTO; both are
 * then unchanged. */
int p2p_record_switch(struct p2p_record_sealer *sealer, struct p2p_record_opener *opener,
                      enum p2p_cipher_kind kind, const struct p2p_transit_key *key,
                      bool is_sender) P2P_MUST_USE;

#endif
