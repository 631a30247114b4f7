/* What R itself makes sure of when a program sets an attribute, and does not when it reads one. */
#include "protocol/r_attributes.h"

#include "protocol/r_data.h"
#include "protocol/r_types.h"

static int malformed(struct p2p_r_stream *in, const char *what) {
  return p2p_r_stream_malformed(in, what);
}

/* Whether the last item is a vector of `type`, compact or not. */
static bool is_vector_of(const struct p2p_r_stream *in, int type) {
  return p2p_r_is_vector(in->type) && in->last.type == type;
}

/* ---- Values that were read ---- */

/* The values of a sequence are not in the object. */
static int keep_sequence(struct p2p_r_stream *in) {
  int code = P2P_OK;
  for (int64_t i = 0; code == P2P_OK && i < (int64_t)in->last.length; i++)
    code = p2p_r_stream_keep(in, (int32_t)(in->last.first + in->last.step * i));
  return code;
}

/* The first `n` values that were kept from `at` on; NULL if there are fewer. */
static const int32_t *kept(const struct p2p_r_stream *in, size_t at, uint64_t n) {
  return in->kept.n - at < n ? NULL : (const int32_t *)in->kept.items + at;
}

static int dim(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  uint64_t product = 1, length = in->last.length;
  if (!is_vector_of(in, P2P_R_INTEGERS)) return malformed(in, "dimensions are not integers");
  if (length < 1 || length > P2P_R_DIMENSIONS_MAX)
    return malformed(in, "it has no or too many dimensions");
  int code = in->last.is_sequence ? keep_sequence(in) : P2P_OK;
  if (code != P2P_OK) return code;
  const int32_t *values = kept(in, (size_t)frame->n, length);
  if (values == NULL) return malformed(in, "dimensions are not integers");
  frame->of.dim_at = (size_t)frame->n;
  frame->of.n_dims = (uint32_t)length;
  for (uint64_t i = 0; i < length; i++) {
    if (values[i] < 0 || __builtin_mul_overflow(product, (uint64_t)values[i], &product))
      return malformed(in, "a dimension is negative or too large");
  }
  return product == frame->of.subject.length ? P2P_OK
                                             : malformed(in, "dimensions do not fit a length");
}

/* Strings or integers; NA and n mean n rows without names, for which R may make the numbers. */
static int row_names(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  if (!is_vector_of(in, P2P_R_STRINGS) && !is_vector_of(in, P2P_R_INTEGERS))
    return malformed(in, "names of rows are neither strings nor integers");
  bool are_two = in->last.type == P2P_R_INTEGERS && in->last.length == 2 && !in->last.is_sequence;
  const int32_t *values = are_two ? kept(in, (size_t)frame->n, 2) : NULL;
  int64_t n = values != NULL && values[0] == INT32_MIN ? values[1] : 0;
  in->kept.n = (size_t)frame->n;
  return p2p_r_stream_use_memory(in, (uint64_t)(n < 0 ? -n : n), 4);
}

static int tsp(struct p2p_r_stream *in) {
  bool are_numbers = is_vector_of(in, P2P_R_DOUBLES) || is_vector_of(in, P2P_R_INTEGERS);
  return are_numbers && in->last.length == 3
             ? P2P_OK
             : malformed(in, "the times of a series are not three numbers");
}

static int names(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  if (!is_vector_of(in, P2P_R_STRINGS)) return malformed(in, "names are not strings");
  return in->last.length == frame->of.subject.length ? P2P_OK
                                                     : malformed(in, "names do not fit a length");
}

static int class(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  if (!is_vector_of(in, P2P_R_STRINGS) || in->last.length == 0 || in->last.is_deferred)
    return malformed(in, "a class is not a string");
  frame->of.classes = in->last.classes;
  return P2P_OK;
}

/* Any value; only those of a factor must be strings. */
static int levels(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  if (!p2p_r_is_vector(in->type)) return P2P_OK;
  frame->of.levels_type = in->last.type;
  frame->of.n_levels = in->last.length;
  return P2P_OK;
}

/* Whether all integers are NA, or at least 1 and at most `max`. */
static bool are_within(const struct p2p_r_vector *integers, uint64_t max) {
  if (!integers->is_sequence) return integers->most <= (max < INT32_MAX ? max : INT32_MAX);
  int64_t last = integers->first + integers->step * ((int64_t)integers->length - 1);
  int64_t least = last < integers->first ? last : integers->first;
  int64_t most = last < integers->first ? integers->first : last;
  return integers->length == 0 || (least >= 1 && (uint64_t)most <= max);
}

/* A factor: integers from 1 to the number of its levels, which are strings. */
static int factor(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  if (frame->of.subject.type != P2P_R_INTEGERS ||
      (frame->of.n_levels > 0 && frame->of.levels_type != P2P_R_STRINGS)) {
    return malformed(in, "a factor has no integers, or levels that are not strings");
  }
  return are_within(&frame->of.subject, frame->of.n_levels)
             ? P2P_OK
             : malformed(in, "a factor has a level without a name");
}

/* ---- Names of dimensions: a list. R sets `dim` first. ---- */

static int begin_dimnames(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int code = p2p_r_stream_length(in, 4, &frame->length);
  if (code != P2P_OK) return code;
  if (frame->of.n_dims == 0 || frame->length != frame->of.n_dims)
    return malformed(in, "names of dimensions do not fit the dimensions");
  frame->at = 2;
  return p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES + frame->length * sizeof(void *));
}

/* NULL, or one string for each index of a dimension. */
static int names_of_dimension(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  if (in->type == P2P_R_NULL_VALUE) return P2P_OK;
  int32_t n = ((const int32_t *)in->kept.items)[frame->of.dim_at + frame->n - 1];
  return is_vector_of(in, P2P_R_STRINGS) && in->last.length == (uint64_t)n
             ? P2P_OK
             : malformed(in, "names of dimensions do not fit the dimensions");
}

static int dimnames_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int code;
  switch (frame->at) {
  case 0:
    if ((code = p2p_r_stream_flags(in, &frame->flags)) != P2P_OK) return code;
    if ((frame->flags & 0xff) != P2P_R_LIST)
      return malformed(in, "names of dimensions are not a list");
    if (in->data_only && (code = p2p_r_data_check(in, frame->flags)) != P2P_OK) return code;
    frame->at = 1;
    /* fall through */
  case 1: return begin_dimnames(in, frame);
  case 2:
    if (frame->n > 0 && (code = names_of_dimension(in, frame)) != P2P_OK) return code;
    if (frame->n++ < frame->length) return p2p_r_stream_open_value(in, P2P_R_AT_VALUE);
    frame->at = 3;
    if (frame->flags & P2P_R_HAS_ATTRIBUTES) {
      const struct p2p_r_vector list = {.type = P2P_R_LIST, .length = frame->length};
      return p2p_r_attributes_open(in, &list);
    }
    /* fall through */
  default: in->n_frames--; return P2P_OK;
  }
}

static int open_dimnames(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  const struct p2p_r_attributes of = frame->of;
  struct p2p_r_frame *dimnames = NULL;
  int code = p2p_r_stream_push(in, dimnames_step, &dimnames);
  if (code != P2P_OK) return code;
  dimnames->of = of;
  return P2P_OK;
}

/* ---- All attributes ---- */

static bool is_slot(const struct p2p_r_frame *frame) { return frame->of.subject.type == P2P_R_S4; }

/* R takes the first of two attributes of one name; the checks would see the last one. */
static int add_name(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  if (frame->name < P2P_R_NAME_OF_CLASS || frame->name > P2P_R_NAME_OF_SELFREF) return P2P_OK;
  uint16_t bit = (uint16_t)(1u << (frame->name - P2P_R_NAME_OF_CLASS));
  if (frame->of.names & bit) return malformed(in, "an attribute occurs twice");
  frame->of.names |= bit;
  return P2P_OK;
}

static int open_value(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int name = frame->name, code = add_name(in, frame);
  if (code != P2P_OK) return code;
  bool is_shape = name >= P2P_R_NAME_OF_DIM && name <= P2P_R_NAME_OF_TSP &&
                  name != P2P_R_NAME_OF_LEVELS && !is_slot(frame);
  if (is_shape && !p2p_r_is_vector(frame->of.subject.type))
    return malformed(in, "what is not a vector has dimensions or names");
  if (is_shape && name == P2P_R_NAME_OF_DIMNAMES) return open_dimnames(in, frame);
  frame->n = in->kept.n;
  in->keeps = is_shape && (name == P2P_R_NAME_OF_DIM || name == P2P_R_NAME_OF_ROW_NAMES);
  in->looks_for_classes = name == P2P_R_NAME_OF_CLASS;
  return p2p_r_stream_open_value(in,
                                 name == P2P_R_NAME_OF_SELFREF ? P2P_R_AT_SELFREF : P2P_R_AT_VALUE);
}

static int check_value(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  in->keeps = in->looks_for_classes = false; /* it may have had no such vector */
  if (frame->name == P2P_R_NAME_OF_CLASS) return class(in, frame);
  if (is_slot(frame)) return P2P_OK; /* attributes of S4 objects are slots */
  switch (frame->name) {
  case P2P_R_NAME_OF_DIM: return dim(in, frame);
  case P2P_R_NAME_OF_LEVELS: return levels(in, frame);
  case P2P_R_NAME_OF_NAMES: return names(in, frame);
  case P2P_R_NAME_OF_ROW_NAMES: return row_names(in, frame);
  case P2P_R_NAME_OF_TSP: return tsp(in);
  default: return P2P_OK;
  }
}

static int end(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  int code = frame->of.classes & P2P_R_CLASS_FACTOR ? factor(in, frame) : P2P_OK;
  in->nesting--;
  in->depth = frame->depth;
  in->classes = frame->of.classes;
  in->last = frame->of.subject;
  in->kept.n = frame->of.kept_before;
  in->n_frames--;
  return code;
}

/* The cells of the pairlist, each with a name. */
static int attributes_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  uint32_t flags;
  int code;
  switch (frame->at) {
  case 2:
    if ((code = check_value(in, frame)) != P2P_OK) return code;
    frame->at = 0;
    /* fall through */
  case 0:
    if ((code = p2p_r_stream_flags(in, &flags)) != P2P_OK) return code;
    if (flags == P2P_R_NULL_VALUE) return end(in, frame);
    if ((flags & (P2P_R_NOT_LEVELS | P2P_R_IS_ACTIVE_BINDING)) != (P2P_R_PAIRS | P2P_R_HAS_TAG))
      return malformed(in, "attributes are not a pairlist with names");
    frame->at = 1;
    if ((code = p2p_r_stream_descend(in)) != P2P_OK ||
        (code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES)) != P2P_OK)
      return code;
    return p2p_r_stream_open(in, P2P_R_AT_NAME, P2P_R_KIND_SYMBOL, "an attribute has no name");
  default:
    frame->name = (int16_t)in->type;
    frame->at = 2;
    return open_value(in, frame);
  }
}

int p2p_r_attributes_open(struct p2p_r_stream *stream, const struct p2p_r_vector *subject) {
  const struct p2p_r_vector copy = *subject; /* it may be in a frame */
  struct p2p_r_frame *frame = NULL;
  int code = p2p_r_stream_push(stream, attributes_step, &frame);
  if (code != P2P_OK) return code;
  frame->of = (struct p2p_r_attributes){.subject = copy, .kept_before = stream->kept.n};
  frame->depth = stream->depth;
  return p2p_r_stream_enter(stream);
}

static int close_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  return p2p_r_stream_close(in, frame->type);
}

int p2p_r_item_end(struct p2p_r_stream *stream, struct p2p_r_frame *frame) {
  if (!(frame->flags & P2P_R_HAS_ATTRIBUTES)) return p2p_r_stream_close(stream, frame->type);
  const struct p2p_r_vector other = {.type = frame->type};
  frame->step = close_step;
  return p2p_r_attributes_open(stream, p2p_r_is_vector(frame->type) ? &stream->last : &other);
}
