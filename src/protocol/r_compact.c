/* The state of a compact vector is what R's own classes write. R reads it
 * without a check of its type or length. */
#include "protocol/r_compact.h"

#include <math.h>

#include "protocol/r_attributes.h"
#include "protocol/r_types.h"

#define SEQUENCE_MAX 4503599627370496.0 /* 2^52, R's own limit on lengths */

/* Steps. */
enum { CLASS, PACKAGE, TYPE, STATE, ELEMENTS, INTEGERS };

/* A pairlist of class, package and type. R does not use the type. */
static int read_class(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  uint32_t flags;
  int code = p2p_r_stream_flags(in, &flags);
  if (code != P2P_OK) return code;
  if (flags != P2P_R_PAIRS) return p2p_r_stream_malformed(in, "a compact vector has no class");
  frame->at++;
  return p2p_r_stream_open(in, P2P_R_AT_NAME, P2P_R_KIND_SYMBOL, "an attribute has no name");
}

static int read_type(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t parts[5]; /* a cell; flags, length and value of an integer vector; the end */
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(in, sizeof parts, &bytes);
  if (code != P2P_OK) return code;
  memcpy(parts, bytes, sizeof parts);
  if (parts[0] != P2P_R_PAIRS || parts[1] != P2P_R_INTEGERS || parts[2] != 1 ||
      !p2p_r_is_vector(parts[3]) || parts[4] != P2P_R_NULL_VALUE) {
    return p2p_r_stream_malformed(in, "a compact vector has no type");
  }
  frame->at = STATE;
  return P2P_OK;
}

/* Length, first value and increment, as doubles. */
static int read_sequence(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int type = frame->name == P2P_R_NAME_OF_SEQUENCE ? P2P_R_INTEGERS : P2P_R_DOUBLES;
  int32_t head[2]; /* flags and length of a vector */
  double parts[3], max = type == P2P_R_INTEGERS ? INT32_MAX : SEQUENCE_MAX;
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(in, sizeof head + sizeof parts, &bytes);
  if (code != P2P_OK) return code;
  memcpy(head, bytes, sizeof head);
  memcpy(parts, bytes + sizeof head, sizeof parts);
  if (head[0] != P2P_R_DOUBLES || head[1] != 3 || !(parts[0] >= 0 && parts[0] <= SEQUENCE_MAX))
    return p2p_r_stream_malformed(in, "a compact sequence has no length");
  if (!(fabs(parts[1]) <= max && fabs(parts[2]) == 1 &&
        fabs(parts[1] + parts[2] * (parts[0] - 1)) <= max)) {
    return p2p_r_stream_malformed(in, "a compact sequence has impossible numbers");
  }
  in->last = (struct p2p_r_vector){.type = (int16_t)type,
                                   .length = (uint64_t)parts[0],
                                   .is_sequence = true,
                                   .first = (int64_t)parts[1],
                                   .step = (int8_t)parts[2]};
  code = p2p_r_stream_use_memory(in, in->last.length, type == P2P_R_INTEGERS ? 4 : 8);
  return code != P2P_OK ? code : p2p_r_item_end(in, frame);
}

/* A cell of a vector, which becomes the last one. */
static int read_wrapped(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  uint32_t flags;
  int code = p2p_r_stream_flags(in, &flags);
  if (code != P2P_OK) return code;
  if (flags != P2P_R_PAIRS) return p2p_r_stream_malformed(in, "a compact vector has no elements");
  frame->at = ELEMENTS;
  frame->n = in->memory_bytes; /* before */
  return p2p_r_stream_open_value(in, P2P_R_AT_VALUE);
}

static int read_state(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  switch (frame->name) {
  case P2P_R_NAME_OF_SEQUENCE:
  case P2P_R_NAME_OF_DOUBLES: return read_sequence(in, frame);
  case P2P_R_NAME_OF_DEFERRED:
  case P2P_R_NAME_OF_WRAPPER: return read_wrapped(in, frame);
  default: return p2p_r_stream_malformed(in, "a compact vector has an unknown class");
  }
}

/* As the tail of the cell, an integer, or two of a wrapper. */
static int read_integers(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  bool is_deferred = frame->name == P2P_R_NAME_OF_DEFERRED;
  int32_t head[2], n = is_deferred ? 1 : 2;
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(in, sizeof head + 4 * (size_t)n, &bytes);
  if (code != P2P_OK) return code;
  memcpy(head, bytes, sizeof head);
  if (head[0] != P2P_R_INTEGERS || head[1] != n)
    return p2p_r_stream_malformed(in, "a compact vector has no state");
  if (is_deferred) { /* each number becomes a string */
    in->last.type = P2P_R_STRINGS;
    in->last.is_deferred = true;
    code =
        p2p_r_stream_use_memory(in, in->memory_bytes - frame->n, P2P_R_CELL_BYTES / sizeof(double));
  }
  return code != P2P_OK ? code : p2p_r_item_end(in, frame);
}

int p2p_r_compact_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  switch (frame->at) {
  case CLASS: return read_class(in, frame);
  case PACKAGE: frame->name = (int16_t)in->type; return read_class(in, frame);
  case TYPE: return read_type(in, frame);
  case STATE: return read_state(in, frame);
  case ELEMENTS:
    if (!p2p_r_is_vector(in->type))
      return p2p_r_stream_malformed(in, "a compact vector has no elements");
    frame->at = INTEGERS;
    /* fall through */
  default: return read_integers(in, frame);
  }
}
