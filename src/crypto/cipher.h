/* Ciphers for a stream of records: AES-256-GCM (NIST SP 800-38D) and ChaCha20-Poly1305 (RFC 8439)
 * as libcrypto has them, which uses the instructions of the CPU. A number takes the place of the
 * nonce: the caller uses none twice with a key. Any thread. */
#ifndef P2P_CRYPTO_CIPHER_H
#define P2P_CRYPTO_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define P2P_CIPHER_KEY_LEN 32
#define P2P_CIPHER_TAG_LEN 16

enum p2p_cipher_kind {
  P2P_CIPHER_NONE = 0,
  P2P_CIPHER_AES_256_GCM = 1,
  P2P_CIPHER_CHACHA20_POLY1305 = 2
};
#define P2P_CIPHER_KINDS 2 /* besides none */

struct p2p_cipher_list {
  enum p2p_cipher_kind kinds[P2P_CIPHER_KINDS]; /* each at most once */
  size_t count;
};

/* Those that libcrypto provides, the preferred one first: AES-256-GCM, unless this CPU has no
 * instructions for it. The first call in a process measures, for a fraction of a millisecond. */
const struct p2p_cipher_list *p2p_cipher_ours(void);

struct p2p_cipher; /* with one key at a time, for sealing or for opening */

/* Has no key yet. P2P_ERR_MEMORY; P2P_ERR_CRYPTO if libcrypto does not provide it. */
int p2p_cipher_new(enum p2p_cipher_kind kind, bool seals, struct p2p_cipher **out) P2P_MUST_USE;
int p2p_cipher_set_key(struct p2p_cipher *cipher,
                       const uint8_t key[P2P_CIPHER_KEY_LEN]) P2P_MUST_USE;
/* Wipes the key. Takes NULL. */
void p2p_cipher_free(struct p2p_cipher *cipher);

/* In place; `length` is below INT_MAX. `label` is bound to the text and is not sealed.
 * P2P_ERR_CRYPTO: libcrypto failed; what is in `text` must not be sent. */
int p2p_cipher_seal(struct p2p_cipher *cipher, uint64_t number, struct p2p_span label,
                    uint8_t *text, size_t length, uint8_t tag[P2P_CIPHER_TAG_LEN]) P2P_MUST_USE;
/* In place. P2P_ERR_CRYPTO: what is in `text` then must not be used. */
int p2p_cipher_open(struct p2p_cipher *cipher, uint64_t number, struct p2p_span label,
                    uint8_t *text, size_t length,
                    const uint8_t tag[P2P_CIPHER_TAG_LEN]) P2P_MUST_USE;

#endif
