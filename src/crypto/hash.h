/* SHA-256, HKDF-SHA256 (RFC 5869), and SHA-1 where a protocol asks for it. Any thread. */
#ifndef P2P_CRYPTO_HASH_H
#define P2P_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define P2P_SHA256_LEN 32
#define P2P_SHA1_LEN 20

void p2p_sha256(const void *bytes, size_t length, uint8_t out[P2P_SHA256_LEN]);
/* SHA-1, only for the Sec-WebSocket-Accept header (RFC 6455), which needs no security of it.
 * P2P_ERR_CRYPTO if libcrypto does not provide it. */
int p2p_sha1(const void *bytes, size_t length, uint8_t out[P2P_SHA1_LEN]) P2P_MUST_USE;
/* HMAC-SHA1, only for the hashed names in known_hosts. P2P_ERR_CRYPTO. */
int p2p_hmac_sha1(struct p2p_span key, struct p2p_span text,
                  uint8_t out[P2P_SHA1_LEN]) P2P_MUST_USE;
/* Derives out_length bytes from `key`. The salt may be P2P_NO_SPAN. P2P_ERR_INVALID for more than
 * 255 * 32 bytes. */
int p2p_hkdf(struct p2p_span key, struct p2p_span salt, struct p2p_span info, uint8_t *out,
             size_t out_length);

#endif
