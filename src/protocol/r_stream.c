/* The bytes of a serialized R object, chunk by chunk, and the sums that bound it. */
#include "protocol/r_stream.h"

#include <stdbool.h>
#include <stdlib.h>

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

int p2p_r_stream_skip(struct p2p_r_stream *stream, uint64_t length) {
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

int p2p_r_stream_no_memory(struct p2p_r_stream *stream) {
  return p2p_err_set(stream->err, P2P_ERR_TOO_LARGE,
                     "the object needs more than %llu bytes of memory",
                     (unsigned long long)stream->memory_max_bytes);
}

int p2p_r_stream_length(struct p2p_r_stream *stream, uint64_t size, uint64_t *out) {
  int32_t length;
  uint32_t halves[2];
  uint64_t bytes;
  int code = p2p_r_stream_int(stream, &length);
  if (code != P2P_OK) return code;
  *out = (uint64_t)length;
  if (length == -1) { /* a long vector */
    code = p2p_r_stream_read(stream, halves, sizeof halves);
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
