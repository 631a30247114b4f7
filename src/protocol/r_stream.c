/* The bytes of a serialized R object, piece by piece, and what a walk over them keeps. */
#include "protocol/r_stream.h"

#include <stdlib.h>

#include "protocol/r_types.h"

void p2p_r_stream_init(struct p2p_r_stream *stream, uint64_t size_bytes, uint64_t memory_max_bytes,
                       p2p_r_step *item) {
  *stream =
      (struct p2p_r_stream){.left = size_bytes, .memory_max_bytes = memory_max_bytes, .item = item};
}

void p2p_r_stream_clear(struct p2p_r_stream *stream) {
  free(stream->frames);
  free(stream->references.items);
  free(stream->kept.items);
  free(stream->cells.items);
}

int p2p_r_stream_malformed(struct p2p_r_stream *stream, const char *what) {
  return p2p_err_set(stream->err, P2P_ERR_PARSE, "the serialized object is malformed: %s", what);
}

int p2p_r_stream_no_memory(struct p2p_r_stream *stream) {
  return p2p_err_set(stream->err, P2P_ERR_TOO_LARGE,
                     "the object needs more than %llu bytes of memory",
                     (unsigned long long)stream->memory_max_bytes);
}

int p2p_r_stream_too_deep(struct p2p_r_stream *stream) {
  return p2p_err_set(stream->err, P2P_ERR_TOO_LARGE, "the object is nested too deeply");
}

/* ---- Arrays that grow ---- */

/* Makes room for `more` items of `size` bytes. */
static int grow(struct p2p_r_stream *stream, struct p2p_r_array *array, uint64_t more,
                size_t size) {
  if (more <= array->capacity - array->n) return P2P_OK;
  size_t capacity = array->capacity == 0 ? 256 : 2 * array->capacity;
  if (capacity < array->n + more) capacity = array->n + (size_t)more;
  void *grown = realloc(array->items, capacity * size);
  if (grown == NULL) return p2p_err_set(stream->err, P2P_ERR_MEMORY, "out of memory");
  array->items = grown;
  array->capacity = capacity;
  return P2P_OK;
}

int p2p_r_stream_add_reference(struct p2p_r_stream *stream, int type) {
  struct p2p_r_array *array = &stream->references;
  int code = grow(stream, array, 1, 1);
  if (code == P2P_OK) ((uint8_t *)array->items)[array->n++] = (uint8_t)type;
  return code;
}

int p2p_r_stream_keep(struct p2p_r_stream *stream, int32_t value) {
  struct p2p_r_array *array = &stream->kept;
  int code = grow(stream, array, 1, sizeof value);
  if (code == P2P_OK) ((int32_t *)array->items)[array->n++] = value;
  return code;
}

int p2p_r_stream_add_cells(struct p2p_r_stream *stream, uint64_t n) {
  struct p2p_r_array *array = &stream->cells;
  int code = grow(stream, array, n, 1);
  if (code != P2P_OK || n == 0) return code;
  memset((uint8_t *)array->items + array->n, 0, (size_t)n);
  array->n += (size_t)n;
  return P2P_OK;
}

/* ---- Frames ---- */

int p2p_r_stream_push(struct p2p_r_stream *stream, p2p_r_step *step, struct p2p_r_frame **out) {
  if (stream->n_frames == stream->frames_capacity) {
    size_t capacity = stream->frames_capacity == 0 ? 32 : 2 * stream->frames_capacity;
    struct p2p_r_frame *grown = realloc(stream->frames, capacity * sizeof *grown);
    if (grown == NULL) return p2p_err_set(stream->err, P2P_ERR_MEMORY, "out of memory");
    stream->frames = grown;
    stream->frames_capacity = capacity;
  }
  *out = &stream->frames[stream->n_frames++];
  memset(*out, 0, offsetof(struct p2p_r_frame, of));
  (*out)->step = step;
  return P2P_OK;
}

int p2p_r_stream_open(struct p2p_r_stream *stream, enum p2p_r_place place, unsigned kinds,
                      const char *what) {
  struct p2p_r_frame *frame = NULL;
  int code = p2p_r_stream_push(stream, stream->item, &frame);
  if (code != P2P_OK) return code;
  frame->place = (uint8_t)place;
  frame->kinds = (uint16_t)kinds;
  frame->what = what;
  return P2P_OK;
}

int p2p_r_stream_open_value(struct p2p_r_stream *stream, enum p2p_r_place place) {
  return p2p_r_stream_open(stream, place, P2P_R_KIND_VALUE,
                           "a string is outside of a character vector");
}

int p2p_r_stream_open_tag(struct p2p_r_stream *stream, bool may_be_null) {
  return p2p_r_stream_open(stream, P2P_R_AT_NAME, may_be_null ? P2P_R_KIND_NAME : P2P_R_KIND_SYMBOL,
                           "a tag is not a symbol");
}

int p2p_r_stream_close(struct p2p_r_stream *stream, int type) {
  const struct p2p_r_frame *frame = &stream->frames[--stream->n_frames];
  if (frame->is_entered) p2p_r_stream_leave(stream);
  stream->type = type;
  return p2p_r_is(type, frame->kinds) ? P2P_OK : p2p_r_stream_malformed(stream, frame->what);
}

/* ---- Bytes ---- */

static size_t here(const struct p2p_r_stream *stream) { return (size_t)(stream->end - stream->at); }

/* Reads on until `length` bytes are carried. */
static int gather(struct p2p_r_stream *stream, size_t length) {
  if (stream->carried >= length) return P2P_OK;
  size_t n = length - stream->carried;
  if (n > stream->left) return p2p_r_stream_malformed(stream, "it is truncated");
  if (n > here(stream)) n = here(stream);
  if (n > 0) memcpy(stream->carry + stream->carried, stream->at, n);
  stream->at += n;
  stream->left -= n;
  stream->carried = (uint8_t)(stream->carried + n);
  return stream->carried < length ? P2P_R_MORE : P2P_OK;
}

int p2p_r_stream_take_more(struct p2p_r_stream *stream, size_t length, const uint8_t **out) {
  int code = gather(stream, length);
  if (code != P2P_OK) return code;
  stream->carried = 0;
  *out = stream->carry;
  return P2P_OK;
}

/* A length of -1 is followed by two halves. */
int p2p_r_stream_length(struct p2p_r_stream *stream, uint64_t size, uint64_t *out) {
  int32_t length;
  uint32_t halves[2];
  uint64_t bytes;
  int code = gather(stream, sizeof length);
  if (code != P2P_OK) return code;
  memcpy(&length, stream->carry, sizeof length);
  *out = (uint64_t)length;
  if (length == -1) {
    if ((code = gather(stream, sizeof length + sizeof halves)) != P2P_OK) return code;
    memcpy(halves, stream->carry + sizeof length, sizeof halves);
    *out = (uint64_t)halves[0] << 32 | halves[1];
  } else if (length < 0) {
    return p2p_r_stream_malformed(stream, "a vector has a negative length");
  }
  stream->carried = 0;
  if (__builtin_mul_overflow(*out, size, &bytes) || bytes > stream->left)
    return p2p_r_stream_malformed(stream, "a vector is longer than the object");
  return P2P_OK;
}

int p2p_r_stream_skip(struct p2p_r_stream *stream, uint64_t *length) {
  if (*length > stream->left) return p2p_r_stream_malformed(stream, "it is truncated");
  size_t n = *length < here(stream) ? (size_t)*length : here(stream);
  stream->at += n;
  stream->left -= n;
  *length -= n;
  return *length == 0 ? P2P_OK : P2P_R_MORE;
}
