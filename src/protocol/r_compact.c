/* The state of a compact vector is what R's own classes write. R reads it
 * without a check of its type or length. */
#include "protocol/r_compact.h"

#include <math.h>

#define SEQUENCE_MAX 4503599627370496.0 /* 2^52, R's own limit on lengths */

/* Length, first value and increment, as doubles. */
static int sequence_state(struct p2p_r_stream *in, int type) {
  uint32_t flags = 0;
  int32_t n;
  double parts[3], max = type == P2P_R_INTEGERS ? INT32_MAX : SEQUENCE_MAX;
  int code = p2p_r_stream_flags(in, &flags);
  if (code < 0 || (code = p2p_r_stream_int(in, &n)) < 0) return code;
  if (flags != P2P_R_DOUBLES || n != 3) {
    return p2p_r_stream_malformed(in, "a compact sequence has no length");
  }
  if ((code = p2p_r_stream_read(in, parts, sizeof parts)) < 0) return code;
  if (!(parts[0] >= 0 && parts[0] <= SEQUENCE_MAX)) {
    return p2p_r_stream_malformed(in, "a compact sequence has no length");
  }
  if (!(fabs(parts[1]) <= max && fabs(parts[2]) == 1 &&
        fabs(parts[1] + parts[2] * (parts[0] - 1)) <= max)) {
    return p2p_r_stream_malformed(in, "a compact sequence has impossible numbers");
  }
  in->last = (struct p2p_r_vector){.type = type,
                                   .length = (uint64_t)parts[0],
                                   .is_sequence = true,
                                   .first = (int64_t)parts[1],
                                   .step = (int8_t)parts[2]};
  return p2p_r_stream_use_memory(in, in->last.length, type == P2P_R_INTEGERS ? 4 : 8);
}

/* A cell of a vector, which becomes the last one, and, as its tail, integers. */
static int wrapped_state(struct p2p_r_stream *in, const struct p2p_r_reader *reader,
                         int32_t n_integers) {
  uint32_t flags = 0;
  int32_t n;
  int code = p2p_r_stream_flags(in, &flags);
  if (code < 0) return code;
  if (flags != P2P_R_PAIRS) return p2p_r_stream_malformed(in, "a compact vector has no elements");
  if ((code = reader->read(reader->arg, P2P_R_WANT_VALUE)) < 0) return code;
  if (!p2p_r_is_vector(code)) {
    return p2p_r_stream_malformed(in, "a compact vector has no elements");
  }
  if ((code = p2p_r_stream_flags(in, &flags)) < 0 || (code = p2p_r_stream_int(in, &n)) < 0) {
    return code;
  }
  if (flags != P2P_R_INTEGERS || n != n_integers) {
    return p2p_r_stream_malformed(in, "a compact vector has no state");
  }
  return p2p_r_stream_skip(in, 4 * (uint64_t)n);
}

/* Each number of a deferred string becomes a string. */
static int deferred_state(struct p2p_r_stream *in, const struct p2p_r_reader *reader) {
  uint64_t before = in->memory_bytes;
  int code = wrapped_state(in, reader, 1);
  if (code < 0) return code;
  in->last.type = P2P_R_STRINGS;
  in->last.is_deferred = true;
  return p2p_r_stream_use_memory(in, in->memory_bytes - before, P2P_R_CELL_BYTES / sizeof(double));
}

/* A pairlist of class, package and type. Returns the class. R does not use the type. */
static int class_of(struct p2p_r_stream *in, const struct p2p_r_reader *reader) {
  int class = P2P_R_SYMBOL, code;
  uint32_t flags = 0;
  int32_t type[3] = {0}; /* flags, length and value of an integer vector */
  for (int i = 0; i < 3; i++) {
    if ((code = p2p_r_stream_flags(in, &flags)) < 0) return code;
    if (flags != P2P_R_PAIRS) return p2p_r_stream_malformed(in, "a compact vector has no class");
    code = i < 2 ? reader->read(reader->arg, P2P_R_WANT_SYMBOL)
                 : p2p_r_stream_read(in, type, sizeof type);
    if (code < 0) return code;
    if (i == 0) class = code;
  }
  if ((code = p2p_r_stream_flags(in, &flags)) < 0) return code;
  if (type[0] != P2P_R_INTEGERS || type[1] != 1 || !p2p_r_is_vector(type[2]) ||
      flags != P2P_R_NULL_VALUE) {
    return p2p_r_stream_malformed(in, "a compact vector has no type");
  }
  return class;
}

int p2p_r_compact_check(struct p2p_r_stream *in, const struct p2p_r_reader *reader) {
  int code = class_of(in, reader);
  switch (code) {
  case P2P_R_NAME_OF_SEQUENCE: code = sequence_state(in, P2P_R_INTEGERS); break;
  case P2P_R_NAME_OF_DOUBLES: code = sequence_state(in, P2P_R_DOUBLES); break;
  case P2P_R_NAME_OF_DEFERRED: code = deferred_state(in, reader); break;
  case P2P_R_NAME_OF_WRAPPER: code = wrapped_state(in, reader, 2); break;
  default:
    return code < 0 ? code : p2p_r_stream_malformed(in, "a compact vector has an unknown class");
  }
  return code < 0 ? code : P2P_R_ALTREP;
}
