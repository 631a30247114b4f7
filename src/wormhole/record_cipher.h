/* The cipher of a link's records in one direction. Its key is followed by the next one before each
 * record whose number is a multiple of P2P_RECORD_KEY_SPAN: AES-GCM must not seal too much under
 * one key (RFC 8446, 5.5). */
#ifndef P2P_WORMHOLE_RECORD_CIPHER_H
#define P2P_WORMHOLE_RECORD_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/cipher.h"
#include "wormhole/key.h"

#define P2P_RECORD_KEY_SPAN (UINT64_C(1) << 24) /* records, of which the largest fill 2 TiB */
#define P2P_RECORD_CIPHER_OVERHEAD (4 + P2P_CIPHER_TAG_LEN)

struct p2p_record_cipher;

/* `by_sender`: for what the side in the sender's role sends. P2P_ERR_MEMORY, P2P_ERR_CRYPTO. */
int p2p_record_cipher_new(enum p2p_cipher_kind kind, const struct p2p_transit_key *key,
                          bool by_sender, bool seals, struct p2p_record_cipher **out) P2P_MUST_USE;
/* Wipes the key. Takes NULL. */
void p2p_record_cipher_free(struct p2p_record_cipher *cipher);

/* In place. `record` has a length word, which is bound to the text, the tag, and the text of
 * `length` bytes. Each number is one above the last. P2P_ERR_CRYPTO, also when there are no more
 * numbers. */
int p2p_record_cipher_seal(struct p2p_record_cipher *cipher, uint64_t number, uint8_t *record,
                           size_t length) P2P_MUST_USE;
int p2p_record_cipher_open(struct p2p_record_cipher *cipher, uint64_t number, uint8_t *record,
                           size_t length) P2P_MUST_USE;

#endif
