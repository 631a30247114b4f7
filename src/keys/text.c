/* The form of files of keys. */
#include "keys/text.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "crypto/secret_text.h"

#define PROGRAM "future.p2p "
#define BYTES_MAX 64
#define DIGITS_MAX 18 /* of a number: fits 64 bits */

/* ---- reading ---- */

/* Takes a line, without its newline. False at the end, and for a line without a newline. */
static bool next_line(struct p2p_key_text *text, struct p2p_span *line) {
  const char *newline =
      text->at == text->end ? NULL : memchr(text->at, '\n', (size_t)(text->end - text->at));
  if (newline == NULL) return false;
  *line = P2P_SPAN(text->at, (size_t)(newline - text->at));
  text->at = newline + 1;
  return true;
}

static bool skip(struct p2p_span *line, const char *prefix) {
  size_t length = strlen(prefix);
  if (line->length < length || memcmp(line->bytes, prefix, length) != 0) return false;
  *line = P2P_SPAN((const char *)line->bytes + length, line->length - length);
  return true;
}

int p2p_key_text_begin(struct p2p_key_text *text, const struct p2p_buf *contents,
                       const char *kind) {
  struct p2p_span line;
  uint64_t version;
  text->at = (const char *)p2p_buf_data(contents);
  text->end = text->at == NULL ? NULL : text->at + p2p_buf_len(contents);
  if (!next_line(text, &line) || !skip(&line, PROGRAM) || !skip(&line, kind) || !skip(&line, " ") ||
      !p2p_key_text_number(line, UINT32_MAX, &version) || version == 0)
    return P2P_ERR_PARSE;
  return version > P2P_KEY_TEXT_VERSION ? P2P_ERR_VERSION : P2P_OK;
}

bool p2p_key_text_next(struct p2p_key_text *text, const char *key, struct p2p_span *value) {
  struct p2p_key_text rest = *text;
  struct p2p_span line;
  if (!next_line(&rest, &line) || !skip(&line, key) || !skip(&line, "=")) return false;
  *value = line;
  *text = rest;
  return true;
}

bool p2p_key_text_has(const struct p2p_key_text *text, const char *key) {
  struct p2p_key_text rest = *text;
  struct p2p_span value;
  return p2p_key_text_next(&rest, key, &value);
}

bool p2p_key_text_is_at_end(const struct p2p_key_text *text) { return text->at == text->end; }

bool p2p_key_text_next_count(struct p2p_key_text *text, const char *key, uint32_t *out) {
  struct p2p_span value;
  uint64_t number;
  if (!p2p_key_text_next(text, key, &value) || !p2p_key_text_number(value, UINT32_MAX, &number))
    return false;
  *out = (uint32_t)number;
  return true;
}

bool p2p_key_text_next_public(struct p2p_key_text *text, const char *key,
                              struct p2p_sign_public *out) {
  struct p2p_span value;
  return p2p_key_text_next(text, key, &value) &&
         p2p_key_text_bytes(value, out->bytes, sizeof out->bytes);
}

bool p2p_key_text_next_secret(struct p2p_key_text *text, const char *key, uint8_t out[32]) {
  struct p2p_span value;
  return p2p_key_text_next(text, key, &value) &&
         p2p_secret_text_read(value.bytes, value.length, out);
}

bool p2p_key_text_copy(struct p2p_span value, char *out, size_t size) {
  if (value.length >= size || memchr(value.bytes, '\0', value.length) != NULL) return false;
  memcpy(out, value.bytes, value.length);
  out[value.length] = '\0';
  return true;
}

bool p2p_key_text_number(struct p2p_span value, uint64_t max, uint64_t *out) {
  const char *digits = value.bytes;
  uint64_t number = 0;
  if (value.length == 0 || value.length > DIGITS_MAX || (digits[0] == '0' && value.length > 1))
    return false;
  for (size_t i = 0; i < value.length; i++) {
    if (digits[i] < '0' || digits[i] > '9') return false;
    number = number * 10 + (uint64_t)(digits[i] - '0');
  }
  if (number > max) return false;
  *out = number;
  return true;
}

bool p2p_key_text_bytes(struct p2p_span value, uint8_t *out, size_t length) {
  return p2p_base64url_decode_exactly(value.bytes, value.length, out, length);
}

/* ---- writing ---- */

static int put_text(struct p2p_buf *out, const char *text) {
  return p2p_buf_put(out, text, strlen(text));
}

int p2p_key_text_put_kind(struct p2p_buf *out, const char *kind) {
  char line[64];
  snprintf(line, sizeof line, PROGRAM "%s %d\n", kind, P2P_KEY_TEXT_VERSION);
  return put_text(out, line);
}

int p2p_key_text_put(struct p2p_buf *out, const char *key, const char *value) {
  int code = put_text(out, key);
  if (code == P2P_OK) code = put_text(out, "=");
  if (code == P2P_OK) code = put_text(out, value);
  return code == P2P_OK ? put_text(out, "\n") : code;
}

int p2p_key_text_put_count(struct p2p_buf *out, const char *key, uint32_t value) {
  char digits[16];
  snprintf(digits, sizeof digits, "%lu", (unsigned long)value);
  return p2p_key_text_put(out, key, digits);
}

int p2p_key_text_put_bytes(struct p2p_buf *out, const char *key, const uint8_t *bytes,
                           size_t length) {
  char value[P2P_BASE64_LEN(BYTES_MAX) + 1];
  if (length > BYTES_MAX) return P2P_ERR_TOO_LARGE;
  p2p_base64url_encode(bytes, length, value);
  return p2p_key_text_put(out, key, value);
}

int p2p_key_text_put_secret(struct p2p_buf *out, const char *key, const uint8_t bytes[32]) {
  char value[P2P_SECRET_TEXT_MAX];
  p2p_secret_text_write(bytes, value);
  int code = p2p_key_text_put(out, key, value);
  p2p_wipe(value, sizeof value);
  return code;
}

int p2p_key_text_explain(int code, const char *folder, const char *name, struct p2p_err *err) {
  if (code == P2P_ERR_PARSE)
    return p2p_err_because(err, "keys_damaged",
                           p2p_err_set(err, code, "the file '%s/%s' is damaged", folder, name));
  if (code == P2P_ERR_VERSION)
    return p2p_err_because(
        err, "keys_newer",
        p2p_err_set(err, code, "the file '%s/%s' was written by a newer version", folder, name));
  if (code == P2P_ERR_TOO_LARGE)
    return p2p_err_set(err, code, "the file '%s/%s' is too large", folder, name);
  if (code == P2P_ERR_MEMORY) return p2p_err_set(err, code, "out of memory");
  return code;
}
