/* The form of all files of keys: a line "future.p2p KIND VERSION", then lines "key=value" in a
 * fixed order, so that each content has one text only. Pure. */
#ifndef P2P_KEYS_TEXT_H
#define P2P_KEYS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "crypto/sign.h"

#define P2P_KEY_TEXT_VERSION 1

struct p2p_key_text { /* what is left to read; borrows the text */
  const char *at, *end;
};

/* Reads the first line. P2P_ERR_PARSE; P2P_ERR_VERSION for a version that is not known yet. */
int p2p_key_text_begin(struct p2p_key_text *text, const struct p2p_buf *contents,
                       const char *kind) P2P_MUST_USE;
/* Takes the next line if it has this key; *value is not NUL-terminated. False for another one. */
bool p2p_key_text_next(struct p2p_key_text *text, const char *key,
                       struct p2p_span *value) P2P_MUST_USE;
bool p2p_key_text_has(const struct p2p_key_text *text, const char *key); /* in the next line */
bool p2p_key_text_is_at_end(const struct p2p_key_text *text);

/* The next line, in the forms that values have. False for another key or a malformed value: the
 * text is then damaged. */
bool p2p_key_text_next_count(struct p2p_key_text *text, const char *key,
                             uint32_t *out) P2P_MUST_USE;
bool p2p_key_text_next_public(struct p2p_key_text *text, const char *key,
                              struct p2p_sign_public *out) P2P_MUST_USE;
bool p2p_key_text_next_secret(struct p2p_key_text *text, const char *key,
                              uint8_t out[32]) P2P_MUST_USE;

/* Values, without a key. */
bool p2p_key_text_copy(struct p2p_span value, char *out, size_t size) P2P_MUST_USE;
/* A decimal number from 0 to `max` without leading zeros. */
bool p2p_key_text_number(struct p2p_span value, uint64_t max, uint64_t *out) P2P_MUST_USE;
/* Exactly `length` bytes in base64url. Not for secrets. */
bool p2p_key_text_bytes(struct p2p_span value, uint8_t *out, size_t length) P2P_MUST_USE;

/* Appends a line. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_key_text_put_kind(struct p2p_buf *out, const char *kind) P2P_MUST_USE;
int p2p_key_text_put(struct p2p_buf *out, const char *key, const char *value) P2P_MUST_USE;
int p2p_key_text_put_count(struct p2p_buf *out, const char *key, uint32_t value) P2P_MUST_USE;
/* At most 64 bytes. */
int p2p_key_text_put_bytes(struct p2p_buf *out, const char *key, const uint8_t *bytes,
                           size_t length) P2P_MUST_USE;
int p2p_key_text_put_secret(struct p2p_buf *out, const char *key,
                            const uint8_t bytes[32]) P2P_MUST_USE;

/* Fills `err` for a code that a reader of such a file has returned, and returns it. */
int p2p_key_text_explain(int code, const char *folder, const char *name, struct p2p_err *err);

#endif
