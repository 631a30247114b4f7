/* Reads the bytes of a serialized R object: integers, lengths, and what the stream may refer to.
 * Counts the memory that R needs for the object. For r_object.c. Pure. */
#ifndef P2P_PROTOCOL_R_STREAM_H
#define P2P_PROTOCOL_R_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/blob.h"

#define P2P_R_NESTING_MAX 5000 /* lists in lists, environments in environments, ... */
#define P2P_R_DEPTH_MAX 20000  /* the same, and the elements of pairlists and calls */

/* A vector that was read. */
struct p2p_r_vector {
  uint64_t length;
  uint64_t offset; /* of its elements in the object, unless it is a sequence or deferred */
  int64_t first;
  int8_t step;
  bool is_sequence; /* whose integers are `first`, `first + step`, ... */
  bool is_deferred; /* its elements are not in the object */
  int type;         /* that of its elements if it is compact */
};

struct p2p_r_stream {
  const struct p2p_blob *object;
  struct p2p_err *err;
  uint64_t left;           /* bytes that were not read yet */
  uint64_t offset;         /* of `end` in the object */
  const uint8_t *at, *end; /* what is left of the current chunk */
  uint32_t nesting;
  uint64_t memory_bytes, memory_max_bytes;
  uint32_t depth; /* not beside `nesting`: compilers would change both at once, which is slower */
  bool data_only;
  int32_t word;        /* the last one that was in two chunks: variables stay in registers */
  uint8_t *references; /* the types of the objects to which the stream may refer */
  size_t n_references, capacity;
  struct p2p_r_vector last;  /* the last vector that was read, but for its attributes */
  struct p2p_r_vector class; /* the classes of the last item that has attributes; none: length 0 */
};

/* Begins to read `object`, which is borrowed, as is `err`. */
void p2p_r_stream_init(struct p2p_r_stream *stream, const struct p2p_blob *object,
                       uint64_t memory_max_bytes, struct p2p_err *err);
void p2p_r_stream_clear(struct p2p_r_stream *stream); /* frees what init and the others made */

/* All of these return P2P_OK or a negative code, and fill the error of the stream. */

int p2p_r_stream_malformed(struct p2p_r_stream *stream, const char *what) P2P_MUST_USE;
int p2p_r_stream_read(struct p2p_r_stream *stream, void *out, size_t length) P2P_MUST_USE;
/* Reads again what is elsewhere in the object. */
int p2p_r_stream_read_at(struct p2p_r_stream *stream, uint64_t offset, void *out,
                         size_t length) P2P_MUST_USE;
/* Sets *is_in to whether all integers of the vector are NA or at least 1 and at most `max`. */
int p2p_r_stream_are_within(struct p2p_r_stream *stream, const struct p2p_r_vector *integers,
                            uint64_t max, bool *is_in) P2P_MUST_USE;
/* Element `i` of integers. */
int p2p_r_stream_integer_at(struct p2p_r_stream *stream, const struct p2p_r_vector *integers,
                            uint64_t i, int64_t *out) P2P_MUST_USE;
/* Sets *has to whether one of the strings is `text`, which is at most 31 bytes long. */
int p2p_r_stream_has_string(struct p2p_r_stream *stream, const struct p2p_r_vector *strings,
                            const char *text, bool *has) P2P_MUST_USE;
/* What p2p_r_stream_skip() and p2p_r_stream_length(), below, cannot do at once. */
int p2p_r_stream_skip_far(struct p2p_r_stream *stream, uint64_t length) P2P_MUST_USE;
int p2p_r_stream_length_of(struct p2p_r_stream *stream, int32_t length, uint64_t size,
                           uint64_t *out) P2P_MUST_USE;
int p2p_r_stream_add_reference(struct p2p_r_stream *stream, uint8_t type) P2P_MUST_USE;

int p2p_r_stream_no_memory(struct p2p_r_stream *stream) P2P_MUST_USE;
int p2p_r_stream_too_deep(struct p2p_r_stream *stream) P2P_MUST_USE;

/* The rest is inline, since it runs for each item. */

/* Keeps the vector whose elements begin here as the last one. */
static inline void p2p_r_stream_set_last(struct p2p_r_stream *stream, int type, uint64_t length) {
  uint64_t offset = stream->offset - (uint64_t)(stream->end - stream->at);
  stream->last = (struct p2p_r_vector){.type = type, .length = length, .offset = offset};
}

/* Counts memory for `n` things of `size` bytes each. */
static inline int p2p_r_stream_use_memory(struct p2p_r_stream *stream, uint64_t n, uint64_t size) {
  uint64_t bytes;
  if (__builtin_mul_overflow(n, size, &bytes) ||
      bytes > stream->memory_max_bytes - stream->memory_bytes) {
    return p2p_r_stream_no_memory(stream);
  }
  stream->memory_bytes += bytes;
  return P2P_OK;
}

/* Goes on to the next element of a pairlist, which R reads with recursion. Restore `depth` at the
 * end.
 */
static inline int p2p_r_stream_descend(struct p2p_r_stream *stream) {
  return ++stream->depth <= P2P_R_DEPTH_MAX ? P2P_OK : p2p_r_stream_too_deep(stream);
}

/* Enters an item within another one; leave it after its end. */
static inline int p2p_r_stream_enter(struct p2p_r_stream *stream) {
  if (++stream->nesting > P2P_R_NESTING_MAX) return p2p_r_stream_too_deep(stream);
  return p2p_r_stream_descend(stream);
}
static inline void p2p_r_stream_leave(struct p2p_r_stream *stream) {
  stream->nesting--;
  stream->depth--;
}

static inline int p2p_r_stream_int(struct p2p_r_stream *stream, int32_t *out) {
  if (stream->end - stream->at < 4) {
    int code = p2p_r_stream_read(stream, &stream->word, sizeof stream->word);
    *out = stream->word;
    return code;
  }
  memcpy(out, stream->at, sizeof *out);
  stream->at += sizeof *out;
  stream->left -= sizeof *out;
  return P2P_OK;
}

static inline int p2p_r_stream_skip(struct p2p_r_stream *stream, uint64_t length) {
  if (length > (uint64_t)(stream->end - stream->at)) return p2p_r_stream_skip_far(stream, length);
  stream->at += length;
  stream->left -= length;
  return P2P_OK;
}

/* The length of a vector whose elements take at least `size` bytes each of the stream. */
static inline int p2p_r_stream_length(struct p2p_r_stream *stream, uint64_t size, uint64_t *out) {
  int32_t length;
  int code = p2p_r_stream_int(stream, &length);
  if (code != P2P_OK) return code;
  *out = (uint64_t)length;
  if (length >= 0 && *out * size <= stream->left) return P2P_OK; /* sizes are small */
  return p2p_r_stream_length_of(stream, length, size, out);
}

/* The type, flags and levels of the next item. */
static inline int p2p_r_stream_flags(struct p2p_r_stream *stream, uint32_t *out) {
  int32_t flags;
  int code = p2p_r_stream_int(stream, &flags);
  if (code == P2P_OK) *out = (uint32_t)flags;
  return code;
}

#endif
