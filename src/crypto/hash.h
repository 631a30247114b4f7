/* SHA-256, HMAC-SHA256 (RFC 2104), HKDF-SHA256 (RFC 5869), and SHA-1 where a protocol asks for it.
 * Any thread. */
#ifndef P2P_CRYPTO_HASH_H
#define P2P_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define P2P_SHA256_LEN 32
#define P2P_SHA1_LEN 20

void p2p_sha256(const void *bytes, size_t length, uint8_t out[P2P_SHA256_LEN]);
/* The hash of a list: SHA-256 of `domain` and a NUL, then of each part as its length (u32,
 * big-endian) and its bytes. No two lists are encoded alike. */
void p2p_sha256_parts(const char *domain, const struct p2p_span *parts, size_t n_parts,
                      uint8_t out[P2P_SHA256_LEN]);
void p2p_hmac_sha256(struct p2p_span key, struct p2p_span text, uint8_t out[P2P_SHA256_LEN]);
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
