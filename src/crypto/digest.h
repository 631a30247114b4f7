/* SHA-256 of what comes in parts, for whole files: by libcrypto, which uses the processor's SHA
 * instructions where it has them (1900 MB/s against libsodium's 430 MB/s where this was measured).
 */
#ifndef P2P_CRYPTO_DIGEST_H
#define P2P_CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/hash.h"

struct p2p_digest;

struct p2p_digest *p2p_digest_new(void);         /* NULL when out of memory */
void p2p_digest_free(struct p2p_digest *digest); /* takes NULL */
/* Any thread, one at a time. P2P_ERR_CRYPTO. */
int p2p_digest_add(struct p2p_digest *digest, const void *bytes, size_t length) P2P_MUST_USE;
/* The hash of all that was added; nothing may be added any more. */
int p2p_digest_end(struct p2p_digest *digest, uint8_t out[P2P_SHA256_LEN]) P2P_MUST_USE;

#endif
