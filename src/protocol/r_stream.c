/* The bytes of a serialized R object, chunk by chunk, and the sums that bound it. */
#include "protocol/r_stream.h"

#include <stdlib.h>

#define SOME 256 /* integers, checked at once */

void p2p_r_stream_init(struct p2p_r_stream *stream, const struct p2p_blob *object,
                       uint64_t memory_max_bytes, struct p2p_err *err) {
  *stream = (struct p2p_r_stream){.object = object,
                                  .err = err,
                                  .left = p2p_blob_size(object),
                                  .memory_max_bytes = memory_max_bytes};
}

void p2p_r_stream_clear(struct p2p_r_stream *stream) { free(stream->references); }

int p2p_r_stream_malformed(struct p2p_r_stream *stream, const char *what) {
  return p2p_err_set(stream->err, P2P_ERR_PARSE, "the serialized object is malformed: %s", what);
}

static bool next_chunk(struct p2p_r_stream *stream) {
  size_t length = p2p_blob_span(stream->object, stream->offset, &stream->at);
  stream->end = stream->at + length;
  stream->offset += length;
  return length > 0;
}

int p2p_r_stream_skip_far(struct p2p_r_stream *stream, uint64_t length) {
  if (length > stream->left) return p2p_r_stream_malformed(stream, "it is truncated");
  stream->left -= length;
  for (;;) {
    uint64_t here = (uint64_t)(stream->end - stream->at);
    if (length <= here) break;
    length -= here;
    if (!next_chunk(stream)) return p2p_r_stream_malformed(stream, "it is truncated");
  }
  stream->at += length;
  return P2P_OK;
}

int p2p_r_stream_read(struct p2p_r_stream *stream, void *out, size_t length) {
  if (length > stream->left) return p2p_r_stream_malformed(stream, "it is truncated");
  stream->left -= length;
  for (uint8_t *to = out; length > 0;) {
    if (stream->at == stream->end && !next_chunk(stream)) {
      return p2p_r_stream_malformed(stream, "it is truncated");
    }
    size_t n = (size_t)(stream->end - stream->at);
    if (n > length) n = length;
    memcpy(to, stream->at, n);
    to += n;
    stream->at += n;
    length -= n;
  }
  return P2P_OK;
}

int p2p_r_stream_read_at(struct p2p_r_stream *stream, uint64_t offset, void *out, size_t length) {
  for (uint8_t *to = out; length > 0;) {
    const uint8_t *at;
    size_t n = p2p_blob_span(stream->object, offset, &at);
    if (n == 0) return p2p_r_stream_malformed(stream, "it is truncated");
    if (n > length) n = length;
    memcpy(to, at, n);
    to += n;
    offset += n;
    length -= n;
  }
  return P2P_OK;
}

int p2p_r_stream_integer_at(struct p2p_r_stream *stream, const struct p2p_r_vector *integers,
                            uint64_t i, int64_t *out) {
  int32_t value;
  *out = integers->first + integers->step * (int64_t)i;
  if (integers->is_sequence) return P2P_OK;
  int code = p2p_r_stream_read_at(stream, integers->offset + 4 * i, &value, 4);
  if (code == P2P_OK) *out = value;
  return code;
}

int p2p_r_stream_are_within(struct p2p_r_stream *stream, const struct p2p_r_vector *integers,
                            uint64_t max, bool *is_in) {
  int32_t some[SOME];
  *is_in = true;
  if (integers->is_sequence) {
    int64_t last = integers->first + integers->step * ((int64_t)integers->length - 1);
    int64_t least = last < integers->first ? last : integers->first;
    int64_t most = last < integers->first ? integers->first : last;
    *is_in = integers->length == 0 || (least >= 1 && (uint64_t)most <= max);
    return P2P_OK;
  }
  const uint32_t most = max < INT32_MAX ? (uint32_t)max : INT32_MAX;
  for (uint64_t done = 0; done < integers->length && *is_in;) {
    uint64_t n = integers->length - done;
    uint32_t others = 0;
    if (n > SOME) n = SOME;
    int code = p2p_r_stream_read_at(stream, integers->offset + 4 * done, some, 4 * (size_t)n);
    if (code != P2P_OK) return code;
    for (size_t i = n; i < SOME; i++) some[i] = INT32_MIN;
    for (size_t i = 0; i < SOME; i++) /* no branch: compilers use vector instructions */
      others |= (some[i] != INT32_MIN) & ((uint32_t)some[i] - 1 >= most);
    *is_in = others == 0;
    done += n;
  }
  return P2P_OK;
}

int p2p_r_stream_has_string(struct p2p_r_stream *stream, const struct p2p_r_vector *strings,
                            const char *text, bool *has) {
  uint64_t offset = strings->offset;
  size_t length = strlen(text);
  *has = false;
  for (uint64_t i = 0; i < strings->length && !*has; i++) {
    int32_t parts[2]; /* flags and length */
    char start[32];
    int code = p2p_r_stream_read_at(stream, offset, parts, sizeof parts);
    if (code != P2P_OK) return code;
    offset += sizeof parts;
    if (parts[1] < 0) continue; /* NA */
    if ((size_t)parts[1] == length) {
      if ((code = p2p_r_stream_read_at(stream, offset, start, length)) != P2P_OK) return code;
      *has = memcmp(start, text, length) == 0;
    }
    offset += (uint64_t)parts[1];
  }
  return P2P_OK;
}

int p2p_r_stream_no_memory(struct p2p_r_stream *stream) {
  return p2p_err_set(stream->err, P2P_ERR_TOO_LARGE,
                     "the object needs more than %llu bytes of memory",
                     (unsigned long long)stream->memory_max_bytes);
}

int p2p_r_stream_length_of(struct p2p_r_stream *stream, int32_t length, uint64_t size,
                           uint64_t *out) {
  uint32_t halves[2];
  uint64_t bytes;
  if (length == -1) { /* a long vector */
    int code = p2p_r_stream_read(stream, halves, sizeof halves);
    if (code != P2P_OK) return code;
    *out = (uint64_t)halves[0] << 32 | halves[1];
  } else if (length < 0) {
    return p2p_r_stream_malformed(stream, "a vector has a negative length");
  }
  if (__builtin_mul_overflow(*out, size, &bytes) || bytes > stream->left) {
    return p2p_r_stream_malformed(stream, "a vector is longer than the object");
  }
  return P2P_OK;
}

int p2p_r_stream_add_reference(struct p2p_r_stream *stream, uint8_t type) {
  if (stream->n_references == stream->capacity) {
    size_t capacity = stream->capacity == 0 ? 256 : 2 * stream->capacity;
    uint8_t *grown = realloc(stream->references, capacity);
    if (grown == NULL) return p2p_err_set(stream->err, P2P_ERR_MEMORY, "out of memory");
    stream->references = grown;
    stream->capacity = capacity;
  }
  stream->references[stream->n_references++] = type;
  return P2P_OK;
}

int p2p_r_stream_too_deep(struct p2p_r_stream *stream) {
  return p2p_err_set(stream->err, P2P_ERR_TOO_LARGE, "the object is nested too deeply");
}
