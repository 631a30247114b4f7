/* Sealing with a shared key and a public label (XChaCha20-Poly1305 as libsodium has it;
 * draft-irtf-cfrg-xchacha): lines of a cluster. Any thread. */
#ifndef P2P_CRYPTO_AEAD_H
#define P2P_CRYPTO_AEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define P2P_AEAD_KEY_LEN 32
#define P2P_AEAD_OVERHEAD 40 /* nonce and tag */

/* out: length + P2P_AEAD_OVERHEAD bytes: the nonce, which is random, then the sealed text and its
 * tag. `label` is bound to it and not sent. */
void p2p_aead_seal(const uint8_t key[P2P_AEAD_KEY_LEN], struct p2p_span label, const void *text,
                   size_t length, uint8_t *out);
/* out: sealed_length - P2P_AEAD_OVERHEAD bytes. P2P_ERR_CRYPTO. */
int p2p_aead_open(const uint8_t key[P2P_AEAD_KEY_LEN], struct p2p_span label, const uint8_t *sealed,
                  size_t sealed_length, uint8_t *out) P2P_MUST_USE;

#endif
