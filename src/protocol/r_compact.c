/* The state of a compact vector is what R's own classes write. R reads it
 * without a check of its type or length. */
#include "protocol/r_compact.h"

#include <stdbool.h>
#include <string.h>

#define SEQUENCE_LENGTH_MAX 4503599627370496.0 /* 2^52, R's own limit */

int p2p_r_compact_symbol_type(const char *name) {
  if (strcmp(name, "compact_intseq") == 0 || strcmp(name, "compact_realseq") == 0) {
    return P2P_R_NAME_OF_SEQUENCE;
  }
  if (strcmp(name, "deferred_string") == 0) return P2P_R_NAME_OF_DEFERRED;
  return strncmp(name, "wrap_", 5) == 0 ? P2P_R_NAME_OF_WRAPPER : P2P_R_SYMBOL;
}

/* Length, first value and increment, as doubles. */
static int sequence_state(struct p2p_r_stream *in, int32_t type) {
  uint32_t flags = 0;
  int32_t n;
  double parts[3];
  int code = p2p_r_stream_flags(in, &flags);
  if (code < 0 || (code = p2p_r_stream_int(in, &n)) < 0) return code;
  if (flags != P2P_R_DOUBLES || n != 3) {
    return p2p_r_stream_malformed(in, "a compact sequence has no length");
  }
  if ((code = p2p_r_stream_read(in, parts, sizeof parts)) < 0) return code;
  if (!(parts[0] >= 0 && parts[0] <= SEQUENCE_LENGTH_MAX)) {
    return p2p_r_stream_malformed(in, "a compact sequence has no length");
  }
  return p2p_r_stream_use_memory(in, (uint64_t)parts[0], type == P2P_R_INTEGERS ? 4 : 8);
}

/* A cell of a vector and, as its tail, integers. */
static int wrapped_state(struct p2p_r_stream *in, const struct p2p_r_reader *reader,
                         int32_t n_integers) {
  uint32_t flags = 0;
  int32_t n;
  int code = p2p_r_stream_flags(in, &flags);
  if (code < 0) return code;
  if (flags != P2P_R_PAIRS) return p2p_r_stream_malformed(in, "a compact vector has no elements");
  if ((code = reader->read(reader->arg, P2P_R_WANT_VALUE)) < 0) return code;
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
  return p2p_r_stream_use_memory(in, in->memory_bytes - before, P2P_R_CELL_BYTES / sizeof(double));
}

static bool is_vector_type(int32_t type) {
  return type == P2P_R_LOGICALS || type == P2P_R_INTEGERS || type == P2P_R_DOUBLES ||
         type == P2P_R_COMPLEXES || type == P2P_R_STRINGS || type == P2P_R_RAWS ||
         type == P2P_R_LIST;
}

/* A pairlist of class, package and type. Returns the class, and sets *out to the type. */
static int class_of(struct p2p_r_stream *in, const struct p2p_r_reader *reader, int32_t *out) {
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
  if (type[0] != P2P_R_INTEGERS || type[1] != 1 || !is_vector_type(type[2]) ||
      flags != P2P_R_NULL_VALUE) {
    return p2p_r_stream_malformed(in, "a compact vector has no type");
  }
  *out = type[2];
  return class;
}

int p2p_r_compact_check(struct p2p_r_stream *in, const struct p2p_r_reader *reader) {
  int32_t type = 0;
  int code = class_of(in, reader, &type);
  switch (code) {
  case P2P_R_NAME_OF_SEQUENCE: code = sequence_state(in, type); break;
  case P2P_R_NAME_OF_DEFERRED: code = deferred_state(in, reader); break;
  case P2P_R_NAME_OF_WRAPPER: code = wrapped_state(in, reader, 2); break;
  default:
    return code < 0 ? code : p2p_r_stream_malformed(in, "a compact vector has an unknown class");
  }
  if (code < 0 || (code = reader->read(reader->arg, P2P_R_WANT_ATTRIBUTES)) < 0) return code;
  return P2P_R_ALTREP;
}
