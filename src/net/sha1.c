/* SHA-1 of short texts. */
#include "net/sha1.h"

#include <string.h>

static uint32_t rotate(uint32_t word, int n) { return word << n | word >> (32 - n); }

static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d) {
  switch (round / 20) {
  case 0: return (b & c) | (~b & d);
  case 2: return (b & c) | (b & d) | (c & d);
  default: return b ^ c ^ d;
  }
}

static void add_block(uint32_t state[static 5], const uint8_t block[static 64]) {
  static const uint32_t constants[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
  uint32_t words[80];
  for (int i = 0; i < 16; i++)
    words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 80; i++)
    words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + constants[i / 20] + words[i];
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void p2p_sha1(const void *bytes, size_t length, uint8_t out[static P2P_SHA1_LEN]) {
  if (length > P2P_SHA1_INPUT_MAX) length = P2P_SHA1_INPUT_MAX;
  uint8_t padded[128] = {0};
  memcpy(padded, bytes, length);
  padded[length] = 0x80;
  size_t total = length + 9 <= 64 ? 64 : 128;
  padded[total - 2] = (uint8_t)(length * 8 >> 8);
  padded[total - 1] = (uint8_t)(length * 8);

  uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  for (size_t at = 0; at < total; at += 64) add_block(state, padded + at);
  for (int i = 0; i < P2P_SHA1_LEN; i++) out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
