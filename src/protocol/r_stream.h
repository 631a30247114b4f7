/* The state of a walk over the bytes of a serialized R object, which come in pieces: what is open,
 * what was read of the last vector, and the sums that bound the object. For r_object.c, which says
 * what a walk is. Pure.
 *
 * What is open is a stack of frames, one for each item that is not complete. A step of the walk
 * reads what one frame needs next, and opens the item within it. A step that finds too few bytes
 * returns P2P_R_MORE, and is called again when there are more. */
#ifndef P2P_PROTOCOL_R_STREAM_H
#define P2P_PROTOCOL_R_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define P2P_R_NESTING_MAX 5000 /* lists in lists, environments in environments, ... */
#define P2P_R_DEPTH_MAX 20000  /* the same, and the elements of pairlists and calls */
#define P2P_R_DIMENSIONS_MAX 1000
#define P2P_R_PIECE_MAX 64 /* bytes that one step needs at once */

/* Returned by steps besides P2P_OK and negative codes: more bytes are needed. */
#define P2P_R_MORE 1

/* A vector that was read. */
struct p2p_r_vector {
  uint64_t length;
  int64_t first;
  int8_t step;
  bool is_sequence; /* whose integers are `first`, `first + step`, ... */
  bool is_deferred; /* its elements are not in the object */
  uint8_t classes;  /* which names of enum p2p_r_class it has, if they were looked for */
  int16_t type;     /* that of its elements if it is compact */
  uint32_t most;    /* of integers that are not a sequence: the greatest; see r_vectors.c */
};

/* Names of classes that mean something to the check. */
enum p2p_r_class {
  P2P_R_CLASS_FACTOR = 1,
  P2P_R_CLASS_FUTURE_RESULT = 2,
  P2P_R_CLASS_FUTURE_ERROR = 4,
  P2P_R_CLASS_CONDITION = 8
};

/* Where an item is. */
enum p2p_r_place {
  P2P_R_AT_VALUE,   /* anywhere that has no rule of its own */
  P2P_R_AT_BINDING, /* the value of a variable, which may be a promise or `...` */
  P2P_R_AT_FRAME,   /* the cells of an environment */
  P2P_R_AT_FORMALS, /* the arguments of a function */
  P2P_R_AT_NAME,    /* a tag, or the name of an attribute or class */
  P2P_R_AT_SELFREF  /* of a data.table */
};

struct p2p_r_stream;
struct p2p_r_frame;
/* P2P_OK: go on with the last frame, which may be another one. Other codes: P2P_R_MORE, errors. */
typedef int p2p_r_step(struct p2p_r_stream *stream, struct p2p_r_frame *frame);

/* What attributes have, besides; and byte code: where its cells are. */
struct p2p_r_attributes {
  struct p2p_r_vector subject;
  size_t kept_before, dim_at; /* in `kept` */
  uint64_t n_levels;
  uint32_t n_dims;
  int16_t levels_type;
  uint8_t classes;
  uint16_t names; /* that have occurred, as bits from P2P_R_NAME_OF_CLASS on */
};

struct p2p_r_frame {
  p2p_r_step *step;
  const char *what; /* why it is malformed if it is not of these kinds, */
  uint16_t kinds;   /* which an item must be */
  uint8_t place;
  uint8_t at;      /* how far the step has come; 0 at first */
  bool is_entered; /* counts as a level of nesting */
  bool looks;      /* at the values of a vector */
  int16_t type, name;
  uint32_t flags;             /* of the item */
  uint32_t depth;             /* to be restored */
  uint64_t n, length;         /* what is left, and the whole: elements, bytes; by step */
  uint64_t string_left;       /* bytes */
  struct p2p_r_attributes of; /* not set at first */
};

/* Numbers that a walk keeps, in an array that grows. */
struct p2p_r_array {
  void *items;
  size_t n, capacity;
};

struct p2p_r_stream {
  struct p2p_err *err;
  uint64_t left;           /* bytes that were not read yet */
  const uint8_t *at, *end; /* what is left of the current piece */
  p2p_r_step *item;
  struct p2p_r_frame *frames;
  size_t n_frames, frames_capacity;
  uint64_t memory_bytes, memory_max_bytes;
  uint32_t nesting, depth;
  bool data_only;
  bool keeps;             /* the next integers are to be kept, if they are few */
  bool looks_for_classes; /* in the next strings */
  uint8_t carried;
  uint8_t carry[P2P_R_PIECE_MAX]; /* the beginning of what is needed at once */
  int type;                       /* of the last item that was complete */
  struct p2p_r_array references;  /* uint8_t: types of the objects to which the stream may refer */
  struct p2p_r_array kept;        /* int32_t: dimensions of what is open */
  struct p2p_r_array cells; /* uint8_t: states of the shared cells of byte code that is open */
  struct p2p_r_vector last; /* the last vector that was read, but for its attributes */
  uint8_t classes;          /* those of the last item that has attributes */
};

/* `item`: the step of a frame that p2p_r_stream_open() adds. */
void p2p_r_stream_init(struct p2p_r_stream *stream, uint64_t size_bytes, uint64_t memory_max_bytes,
                       p2p_r_step *item);
void p2p_r_stream_clear(struct p2p_r_stream *stream); /* frees what init and the others made */

/* All that return an int return P2P_OK or a negative code, and fill the error of the stream. */

int p2p_r_stream_malformed(struct p2p_r_stream *stream, const char *what) P2P_MUST_USE;
int p2p_r_stream_no_memory(struct p2p_r_stream *stream) P2P_MUST_USE;
int p2p_r_stream_too_deep(struct p2p_r_stream *stream) P2P_MUST_USE;

/* Opens an item at `place`, which must be of one of these kinds. Frames may move. */
int p2p_r_stream_open(struct p2p_r_stream *stream, enum p2p_r_place place, unsigned kinds,
                      const char *what) P2P_MUST_USE;
/* A value of any kind, and the tag of a cell. */
int p2p_r_stream_open_value(struct p2p_r_stream *stream, enum p2p_r_place place) P2P_MUST_USE;
int p2p_r_stream_open_tag(struct p2p_r_stream *stream, bool may_be_null) P2P_MUST_USE;
/* Adds a frame that is not for an item. *out: all else is 0, but for `of`. Frames may move. */
int p2p_r_stream_push(struct p2p_r_stream *stream, p2p_r_step *step,
                      struct p2p_r_frame **out) P2P_MUST_USE;
/* Removes the last frame, an item's, which is complete and of this type. */
int p2p_r_stream_close(struct p2p_r_stream *stream, int type) P2P_MUST_USE;

/* What p2p_r_stream_take() cannot do at once. */
int p2p_r_stream_take_more(struct p2p_r_stream *stream, size_t length,
                           const uint8_t **out) P2P_MUST_USE;
/* Skips `*length` bytes, from which it subtracts what it has skipped. */
int p2p_r_stream_skip(struct p2p_r_stream *stream, uint64_t *length) P2P_MUST_USE;
/* Reads the length of a vector whose elements take at least `size` bytes each of the stream. */
int p2p_r_stream_length(struct p2p_r_stream *stream, uint64_t size, uint64_t *out) P2P_MUST_USE;

int p2p_r_stream_add_reference(struct p2p_r_stream *stream, int type) P2P_MUST_USE;
int p2p_r_stream_keep(struct p2p_r_stream *stream, int32_t value) P2P_MUST_USE;
/* Adds `n` cells of state 0. */
int p2p_r_stream_add_cells(struct p2p_r_stream *stream, uint64_t n) P2P_MUST_USE;

/* The rest is inline, since it runs for each item. */

/* Reads `length` bytes, at most P2P_R_PIECE_MAX, at once: *out is valid until the next call. A step
 * that gets P2P_R_MORE asks for the same again. */
static inline int p2p_r_stream_take(struct p2p_r_stream *stream, size_t length,
                                    const uint8_t **out) {
  if (stream->carried > 0 || (size_t)(stream->end - stream->at) < length)
    return p2p_r_stream_take_more(stream, length, out);
  *out = stream->at;
  stream->at += length;
  stream->left -= length;
  return P2P_OK;
}

/* Reads an integer; or the type, flags and levels of an item. */
static inline int p2p_r_stream_int(struct p2p_r_stream *stream, int32_t *out) {
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(stream, sizeof *out, &bytes);
  if (code == P2P_OK) memcpy(out, bytes, sizeof *out);
  return code;
}
static inline int p2p_r_stream_flags(struct p2p_r_stream *stream, uint32_t *out) {
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(stream, sizeof *out, &bytes);
  if (code == P2P_OK) memcpy(out, bytes, sizeof *out);
  return code;
}

/* Keeps the vector as the last one. */
static inline void p2p_r_stream_set_last(struct p2p_r_stream *stream, int type, uint64_t length) {
  stream->last = (struct p2p_r_vector){.type = (int16_t)type, .length = length};
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
 * end. */
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

#endif
