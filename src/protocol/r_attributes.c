/* What R itself makes sure of when a program sets an attribute, and does not when it reads one. */
#include "protocol/r_attributes.h"

#include "protocol/r_data.h"

#define DIMENSIONS_MAX 1000

struct walk {
  struct p2p_r_stream *in;
  const struct p2p_r_reader *reader;
  struct p2p_r_vector subject;
  struct p2p_r_vector class, dim, levels; /* of length 0: none */
};

static int malformed(struct walk *walk, const char *what) {
  return p2p_r_stream_malformed(walk->in, what);
}

/* Reads a value, which must be a vector of `type`, compact or not. */
static int vector(struct walk *walk, int type, struct p2p_r_vector *out, const char *what) {
  int code = walk->reader->read(walk->reader->arg, P2P_R_WANT_VALUE);
  if (code < 0) return code;
  if (!p2p_r_is_vector(code) || walk->in->last.type != type) return malformed(walk, what);
  *out = walk->in->last;
  return P2P_OK;
}

static int dim(struct walk *walk) {
  uint64_t product = 1;
  int code = vector(walk, P2P_R_INTEGERS, &walk->dim, "dimensions are not integers");
  if (code < 0) return code;
  if (walk->dim.length < 1 || walk->dim.length > DIMENSIONS_MAX) {
    return malformed(walk, "it has no or too many dimensions");
  }
  for (uint64_t i = 0; i < walk->dim.length; i++) {
    int64_t n;
    if ((code = p2p_r_stream_integer_at(walk->in, &walk->dim, i, &n)) < 0) return code;
    if (n < 0 || __builtin_mul_overflow(product, (uint64_t)n, &product)) {
      return malformed(walk, "a dimension is negative or too large");
    }
  }
  if (product != walk->subject.length) return malformed(walk, "dimensions do not fit a length");
  return P2P_OK;
}

/* NULL, or one string for each index of dimension `i`. */
static int names_of_dimension(struct walk *walk, uint64_t i) {
  int64_t n;
  int code = walk->reader->read(walk->reader->arg, P2P_R_WANT_VALUE);
  if (code < 0 || code == P2P_R_NULL_VALUE) return code;
  struct p2p_r_vector value = walk->in->last;
  bool is_strings = p2p_r_is_vector(code) && value.type == P2P_R_STRINGS;
  if ((code = p2p_r_stream_integer_at(walk->in, &walk->dim, i, &n)) < 0) return code;
  if (!is_strings || value.length != (uint64_t)n) {
    return malformed(walk, "names of dimensions do not fit the dimensions");
  }
  return P2P_OK;
}

/* A list. R sets `dim` first. */
static int dimnames(struct walk *walk) {
  struct p2p_r_vector value = {.type = P2P_R_LIST};
  uint32_t flags = 0;
  int code = p2p_r_stream_flags(walk->in, &flags);
  if (code < 0) return code;
  if ((flags & 0xff) != P2P_R_LIST) return malformed(walk, "names of dimensions are not a list");
  if (walk->in->data_only && (code = p2p_r_data_check(walk->in, flags)) < 0) return code;
  if ((code = p2p_r_stream_length(walk->in, 4, &value.length)) < 0) return code;
  if (walk->dim.length == 0 || value.length != walk->dim.length) {
    return malformed(walk, "names of dimensions do not fit the dimensions");
  }
  code = p2p_r_stream_use_memory(walk->in, 1, P2P_R_CELL_BYTES + value.length * sizeof(void *));
  for (uint64_t i = 0; code >= 0 && i < value.length; i++) code = names_of_dimension(walk, i);
  if (code < 0 || !(flags & P2P_R_HAS_ATTRIBUTES)) return code < 0 ? code : P2P_OK;
  return p2p_r_attributes_check(walk->in, walk->reader, &value);
}

/* Strings or integers; NA and n mean n rows without names, for which R may make the numbers. */
static int row_names(struct walk *walk) {
  int64_t parts[2];
  int code = walk->reader->read(walk->reader->arg, P2P_R_WANT_VALUE);
  if (code < 0) return code;
  struct p2p_r_vector value = walk->in->last;
  if (!p2p_r_is_vector(code) || (value.type != P2P_R_STRINGS && value.type != P2P_R_INTEGERS)) {
    return malformed(walk, "names of rows are neither strings nor integers");
  }
  if (value.type != P2P_R_INTEGERS || value.length != 2) return P2P_OK;
  if ((code = p2p_r_stream_integer_at(walk->in, &value, 0, &parts[0])) < 0 ||
      (code = p2p_r_stream_integer_at(walk->in, &value, 1, &parts[1])) < 0 ||
      parts[0] != INT32_MIN) {
    return code;
  }
  return p2p_r_stream_use_memory(walk->in, (uint64_t)(parts[1] < 0 ? -parts[1] : parts[1]), 4);
}

static int tsp(struct walk *walk) {
  int code = walk->reader->read(walk->reader->arg, P2P_R_WANT_VALUE);
  if (code < 0) return code;
  const struct p2p_r_vector *value = &walk->in->last;
  if (!p2p_r_is_vector(code) || value->length != 3 ||
      (value->type != P2P_R_DOUBLES && value->type != P2P_R_INTEGERS)) {
    return malformed(walk, "the times of a series are not three numbers");
  }
  return P2P_OK;
}

static int names(struct walk *walk) {
  struct p2p_r_vector value;
  int code = vector(walk, P2P_R_STRINGS, &value, "names are not strings");
  if (code < 0) return code;
  return value.length == walk->subject.length ? P2P_OK
                                              : malformed(walk, "names do not fit a length");
}

static int class(struct walk *walk) {
  int code = vector(walk, P2P_R_STRINGS, &walk->class, "a class is not a string");
  if (code < 0) return code;
  if (walk->class.length == 0 || walk->class.is_deferred)
    return malformed(walk, "a class is not a string");
  return P2P_OK;
}

/* Any value; only those of a factor must be strings. */
static int levels(struct walk *walk) {
  int code = walk->reader->read(walk->reader->arg, P2P_R_WANT_VALUE);
  if (code >= 0 && p2p_r_is_vector(code)) walk->levels = walk->in->last;
  return code;
}

static int value_of(struct walk *walk, int name) {
  bool is_s4 = walk->subject.type == P2P_R_S4; /* whose attributes are slots */
  bool is_vector = p2p_r_is_vector(walk->subject.type);
  if (name == P2P_R_NAME_OF_CLASS) return class(walk);
  if (name == P2P_R_NAME_OF_SELFREF)
    return walk->reader->read(walk->reader->arg, P2P_R_WANT_SELFREF);
  if (is_s4 || name == P2P_R_SYMBOL) return walk->reader->read(walk->reader->arg, P2P_R_WANT_VALUE);
  if (name == P2P_R_NAME_OF_LEVELS) return levels(walk);
  if (!is_vector && name >= P2P_R_NAME_OF_DIM && name <= P2P_R_NAME_OF_TSP) {
    return malformed(walk, "what is not a vector has dimensions or names");
  }
  switch (name) {
  case P2P_R_NAME_OF_DIM: return dim(walk);
  case P2P_R_NAME_OF_DIMNAMES: return dimnames(walk);
  case P2P_R_NAME_OF_NAMES: return names(walk);
  case P2P_R_NAME_OF_ROW_NAMES: return row_names(walk);
  case P2P_R_NAME_OF_TSP: return tsp(walk);
  default: return walk->reader->read(walk->reader->arg, P2P_R_WANT_VALUE);
  }
}

/* A factor: integers from 1 to the number of its levels, which are strings. */
static int factor(struct walk *walk) {
  bool is_factor, is_in;
  int code = p2p_r_stream_has_string(walk->in, &walk->class, "factor", &is_factor);
  if (code < 0 || !is_factor) return code;
  if (walk->subject.type != P2P_R_INTEGERS ||
      (walk->levels.length > 0 && walk->levels.type != P2P_R_STRINGS)) {
    return malformed(walk, "a factor has no integers, or levels that are not strings");
  }
  code = p2p_r_stream_are_within(walk->in, &walk->subject, walk->levels.length, &is_in);
  return code < 0 || is_in ? code : malformed(walk, "a factor has a level without a name");
}

/* The cells of the pairlist, each with a name. */
static int cells(struct walk *walk) {
  struct p2p_r_stream *in = walk->in;
  for (;;) {
    uint32_t flags = 0;
    int code = p2p_r_stream_flags(in, &flags);
    if (code < 0 || flags == P2P_R_NULL_VALUE) return code;
    if ((flags & (P2P_R_NOT_LEVELS | P2P_R_IS_ACTIVE_BINDING)) != (P2P_R_PAIRS | P2P_R_HAS_TAG))
      return malformed(walk, "attributes are not a pairlist with names");
    if ((code = p2p_r_stream_descend(in)) < 0 ||
        (code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES)) < 0 ||
        (code = walk->reader->read(walk->reader->arg, P2P_R_WANT_SYMBOL)) < 0 ||
        (code = value_of(walk, code)) < 0) {
      return code;
    }
  }
}

int p2p_r_attributes_check(struct p2p_r_stream *stream, const struct p2p_r_reader *reader,
                           const struct p2p_r_vector *subject) {
  struct walk walk = {.in = stream, .reader = reader, .subject = *subject};
  uint32_t depth = stream->depth;
  int code = p2p_r_stream_enter(stream);
  if (code < 0 || (code = cells(&walk)) < 0) return code;
  if (walk.class.length > 0 && (code = factor(&walk)) < 0) return code;
  stream->nesting--;
  stream->depth = depth;
  stream->class = walk.class;
  stream->last = *subject;
  return P2P_OK;
}
