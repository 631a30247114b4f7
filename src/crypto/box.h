/* Sealing with a shared key (XSalsa20-Poly1305, libsodium's secretbox): messages of a mailbox
 * with a random nonce, records of a transit connection with a counter. */
#ifndef P2P_CRYPTO_BOX_H
#define P2P_CRYPTO_BOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_BOX_KEY_LEN 32
#define P2P_BOX_NONCE_LEN 24
#define P2P_BOX_OVERHEAD 40 /* nonce and tag */

/* out: length + P2P_BOX_OVERHEAD bytes, nonce first. The nonce is random. */
void p2p_box_seal(const uint8_t key[P2P_BOX_KEY_LEN], const void *text, size_t length,
                  uint8_t *out);
/* The same under a given nonce. In place when text == out + P2P_BOX_OVERHEAD is allowed. */
void p2p_box_seal_nonce(const uint8_t key[P2P_BOX_KEY_LEN], const uint8_t nonce[P2P_BOX_NONCE_LEN],
                        const void *text, size_t length, uint8_t *out);
/* sealed: nonce first. Writes sealed_length - P2P_BOX_OVERHEAD bytes; in place (out == sealed +
 * P2P_BOX_OVERHEAD) is allowed. P2P_ERR_CRYPTO. */
int p2p_box_open(const uint8_t key[P2P_BOX_KEY_LEN], const uint8_t *sealed, size_t sealed_length,
                 uint8_t *out) P2P_MUST_USE;

#endif
