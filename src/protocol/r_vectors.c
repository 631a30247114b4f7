/* The elements of vectors. Most time is spent here on large objects. */
#include "protocol/r_vectors.h"

#include "protocol/r_types.h"

#define NA_LOGICAL 0x80000000u

int p2p_r_string_check(struct p2p_r_stream *in) {
  int32_t length;
  int code = p2p_r_stream_int(in, &length);
  if (code < 0) return code;
  if (length == -1) return P2P_R_STRING; /* NA */
  if (length < 0) return p2p_r_stream_malformed(in, "a string has a negative length");
  if ((code = p2p_r_stream_skip(in, (uint64_t)length)) < 0) return code;
  return (code = p2p_r_stream_use_memory(in, (uint64_t)length, 1)) < 0 ? code : P2P_R_STRING;
}

/* Skips the strings that are whole in the current chunk, at most `n`. Returns how many. */
static uint64_t skip_plain_strings(struct p2p_r_stream *in, uint64_t n) {
  const uint8_t *at = in->at;
  uint64_t done = 0;
  for (; done < n && in->end - at >= 8; done++) {
    uint32_t flags;
    int32_t length;
    memcpy(&flags, at, 4);
    memcpy(&length, at + 4, 4);
    if ((flags & P2P_R_NOT_LEVELS) != P2P_R_STRING || length < -1) break;
    if (length == -1) length = 0;
    if (length > in->end - at - 8) break;
    at += 8 + length;
  }
  in->left -= (uint64_t)(at - in->at);
  in->at = at;
  return done;
}

int p2p_r_strings_check(struct p2p_r_stream *in) {
  uint64_t n, before = in->left;
  int code = p2p_r_stream_length(in, 8, &n);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, n, sizeof(void *))) < 0) return code;
  p2p_r_stream_set_last(in, P2P_R_STRINGS, n);
  while ((n -= skip_plain_strings(in, n)) > 0) {
    uint32_t flags = 0;
    if ((code = p2p_r_stream_flags(in, &flags)) < 0) return code;
    if ((flags & P2P_R_NOT_LEVELS) != P2P_R_STRING) {
      return p2p_r_stream_malformed(in, "a character vector has another element");
    }
    if ((code = p2p_r_string_check(in)) < 0) return code;
    n--;
  }
  code = p2p_r_stream_use_memory(in, before - in->left, 1);
  return code < 0 ? code : P2P_R_STRINGS;
}

int p2p_r_numbers_check(struct p2p_r_stream *in, int type, uint64_t size) {
  uint64_t n;
  int code = p2p_r_stream_length(in, size, &n);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, n, size)) < 0) return code;
  p2p_r_stream_set_last(in, type, n);
  return (code = p2p_r_stream_skip(in, n * size)) < 0 ? code : type;
}

int p2p_r_logicals_check(struct p2p_r_stream *in) {
  uint32_t some[1024];
  uint64_t n;
  int code = p2p_r_stream_length(in, 4, &n);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, n, 4)) < 0) return code;
  p2p_r_stream_set_last(in, P2P_R_LOGICALS, n);
  while (n > 0) {
    size_t here = n < 1024 ? (size_t)n : 1024;
    uint32_t others = 0;
    if ((code = p2p_r_stream_read(in, some, 4 * here)) < 0) return code;
    for (size_t i = 0; i < here; i++) others |= some[i] == NA_LOGICAL ? 0 : some[i] & ~1u;
    if (others != 0) return p2p_r_stream_malformed(in, "a logical value is not TRUE, FALSE or NA");
    n -= here;
  }
  return P2P_R_LOGICALS;
}
