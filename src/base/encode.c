/* Hex, base64 and base64url (RFC 4648). Not constant-time: not for secrets. */
#include "base/encode.h"

#include <string.h>

static const char hex_letters[] = "0123456789abcdef";
static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void p2p_hex_encode(const uint8_t *bytes, size_t length, char *out) {
  for (size_t i = 0; i < length; i++) {
    *out++ = hex_letters[bytes[i] >> 4];
    *out++ = hex_letters[bytes[i] & 15];
  }
  *out = '\0';
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int p2p_hex_decode(const char *text, size_t text_length, uint8_t *out, size_t out_size,
                   size_t *out_length) {
  if (text_length % 2 != 0) return P2P_ERR_PARSE;
  size_t length = text_length / 2;
  if (length > out_size) return P2P_ERR_TOO_LARGE;
  for (size_t i = 0; i < length; i++) {
    int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return P2P_ERR_PARSE;
    out[i] = (uint8_t)(high << 4 | low);
  }
  *out_length = length;
  return P2P_OK;
}

bool p2p_hex_is_valid(const char *text, size_t length) {
  return strspn(text, hex_letters) == length && text[length] == '\0';
}

static void encode64(const char *letters, bool pad, const uint8_t *bytes, size_t length,
                     char *out) {
  for (; length >= 3; bytes += 3, length -= 3) {
    uint32_t group = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
    for (int shift = 18; shift >= 0; shift -= 6) *out++ = letters[group >> shift & 63];
  }
  if (length > 0) {
    uint32_t group = (uint32_t)bytes[0] << 16 | (length == 2 ? (uint32_t)bytes[1] << 8 : 0);
    *out++ = letters[group >> 18 & 63];
    *out++ = letters[group >> 12 & 63];
    if (length == 2) *out++ = letters[group >> 6 & 63];
    if (pad && length == 1) *out++ = '=';
    if (pad) *out++ = '=';
  }
  *out = '\0';
}

static int value64(const char *letters, char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == letters[62]) return 62;
  return c == letters[63] ? 63 : -1;
}

/* `text` without padding. */
static int decode64(const char *letters, const char *text, size_t text_length, uint8_t *out,
                    size_t out_size, size_t *out_length) {
  if (text_length % 4 == 1) return P2P_ERR_PARSE;
  size_t length = text_length / 4 * 3 + (text_length % 4) * 3 / 4;
  if (length > out_size) return P2P_ERR_TOO_LARGE;
  uint32_t bits = 0;
  int n_bits = 0;
  for (size_t i = 0; i < text_length; i++) {
    int value = value64(letters, text[i]);
    if (value < 0) return P2P_ERR_PARSE;
    bits = bits << 6 | (uint32_t)value;
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    *out++ = (uint8_t)(bits >> n_bits);
    bits &= (1u << n_bits) - 1;
  }
  /* Each value has one text only: spare bits must be zero. */
  if (bits != 0) return P2P_ERR_PARSE;
  *out_length = length;
  return P2P_OK;
}

void p2p_base64_encode(const uint8_t *bytes, size_t length, char *out) {
  encode64(base64_letters, true, bytes, length, out);
}

void p2p_base64url_encode(const uint8_t *bytes, size_t length, char *out) {
  encode64(base64url_letters, false, bytes, length, out);
}

int p2p_base64_decode(const char *text, size_t text_length, uint8_t *out, size_t out_size,
                      size_t *out_length) {
  if (text_length % 4 != 0) return P2P_ERR_PARSE;
  for (int most = 2; most > 0 && text_length > 0 && text[text_length - 1] == '='; most--)
    text_length--;
  return decode64(base64_letters, text, text_length, out, out_size, out_length);
}

int p2p_base64url_decode(const char *text, size_t text_length, uint8_t *out, size_t out_size,
                         size_t *out_length) {
  return decode64(base64url_letters, text, text_length, out, out_size, out_length);
}

bool p2p_base64url_decode_exactly(const char *text, size_t text_length, uint8_t *out,
                                  size_t out_length) {
  size_t length;
  return p2p_base64url_decode(text, text_length, out, out_length, &length) == P2P_OK &&
         length == out_length;
}
