/* Hex (RFC 4648 section 8, lower case), base64 (section 4, with padding) and base64url
 * (section 5, without padding). Decoders are strict: no white space, no other letters, no
 * trailing bits. */
#ifndef P2P_BASE_ENCODE_H
#define P2P_BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_HEX_LEN(n) (2 * (n))
#define P2P_BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes P2P_HEX_LEN(length) characters and a NUL. */
void p2p_hex_encode(const uint8_t *bytes, size_t length, char *out);
/* `text` of text_length characters into at most out_size bytes; *out_length set last.
 * P2P_ERR_PARSE or P2P_ERR_TOO_LARGE. Upper case is accepted. */
int p2p_hex_decode(const char *text, size_t text_length, uint8_t *out, size_t out_size,
                   size_t *out_length) P2P_MUST_USE;
/* Whether `text`, NUL-terminated, is `length` hex digits in lower case. */
bool p2p_hex_is_valid(const char *text, size_t length) P2P_MUST_USE;

/* Each writes at most P2P_BASE64_LEN(length) characters and a NUL. */
void p2p_base64_encode(const uint8_t *bytes, size_t length, char *out);
void p2p_base64url_encode(const uint8_t *bytes, size_t length, char *out);
int p2p_base64_decode(const char *text, size_t text_length, uint8_t *out, size_t out_size,
                      size_t *out_length) P2P_MUST_USE;
int p2p_base64url_decode(const char *text, size_t text_length, uint8_t *out, size_t out_size,
                         size_t *out_length) P2P_MUST_USE;
/* Decodes `text`, unless it has more or less than `out_length` bytes. */
bool p2p_base64url_decode_exactly(const char *text, size_t text_length, uint8_t *out,
                                  size_t out_length) P2P_MUST_USE;

#endif
