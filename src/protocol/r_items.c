/* The steps of the items of a serialized R object, in the order of R's own reader. */
#include "protocol/r_items.h"

#include "protocol/r_attributes.h"
#include "protocol/r_bytecode.h"
#include "protocol/r_compact.h"
#include "protocol/r_data.h"
#include "protocol/r_types.h"
#include "protocol/r_vectors.h"

#define INTERNAL_FUNCTION_MAX 128 /* bytes of a name */
#define CLASS_NAME_MAX 23         /* bytes of a symbol that names a class of compact vectors */

static int malformed(struct p2p_r_stream *in, const char *what) {
  return p2p_r_stream_malformed(in, what);
}

static int open_environment(struct p2p_r_stream *in, const char *what) {
  return p2p_r_stream_open(in, P2P_R_AT_VALUE, P2P_R_KIND_ENVIRONMENT, what);
}

static int open_frame(struct p2p_r_stream *in, unsigned kinds, const char *what) {
  return p2p_r_stream_open(in, P2P_R_AT_FRAME, kinds, what);
}

/* Of what is not a vector, if it has any. */
static int open_attributes(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  if (!(frame->flags & P2P_R_HAS_ATTRIBUTES)) return P2P_OK;
  return p2p_r_attributes_open(in, &(struct p2p_r_vector){.type = frame->type});
}

/* What is built of one cell: its memory, and its attributes, which come first. */
static int open_cell(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  int code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES);
  return code != P2P_OK ? code : open_attributes(in, frame);
}

/* ---- Steps of items whose flags were read ---- */

/* Begins a cell of a pairlist or call. In a FRAME and in FORMALS, all have a name. */
static int begin_cell(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  bool is_named = frame->place == P2P_R_AT_FRAME || frame->place == P2P_R_AT_FORMALS;
  int code = p2p_r_stream_descend(in);
  if (code != P2P_OK) return code;
  if ((is_named && !(frame->flags & P2P_R_HAS_TAG)) ||
      (frame->place != P2P_R_AT_FRAME && (frame->flags & P2P_R_IS_ACTIVE_BINDING))) {
    return malformed(in, "a variable has no name or is outside of an environment");
  }
  frame->at = 2;
  return open_cell(in, frame);
}

/* The cells of a pairlist or call. In a FRAME, and in `...`, their values are those of variables.
 */
static int cells_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  bool is_variable = frame->place == P2P_R_AT_FRAME || frame->type == P2P_R_DOTS;
  bool is_named = frame->place == P2P_R_AT_FRAME || frame->place == P2P_R_AT_FORMALS;
  int code, type;
  switch (frame->at) {
  case 0: frame->depth = in->depth; frame->at = 1; /* fall through */
  case 1: return begin_cell(in, frame);
  case 2:
    frame->at = 3;
    if (frame->flags & P2P_R_HAS_TAG) return p2p_r_stream_open_tag(in, !is_named);
    /* fall through */
  case 3:
    frame->at = 4;
    return p2p_r_stream_open_value(in, is_variable ? P2P_R_AT_BINDING : P2P_R_AT_VALUE);
  default:
    if ((code = p2p_r_stream_flags(in, &frame->flags)) != P2P_OK) return code;
    frame->at = 1;
    type = frame->flags & 0xff;
    if (type == P2P_R_PAIRS || type == P2P_R_CALL) return P2P_OK;
    if (type != P2P_R_NULL_VALUE && type != P2P_R_NIL)
      return malformed(in, "a pairlist does not end with NULL");
    in->depth = frame->depth;
    return p2p_r_stream_close(in, frame->type);
  }
}

static int closure_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  switch (frame->at++) {
  case 0: return open_cell(in, frame);
  case 1:
    if (!(frame->flags & P2P_R_HAS_TAG)) return malformed(in, "a function has no environment");
    return open_environment(in, "a function has no environment");
  case 2:
    return p2p_r_stream_open(in, P2P_R_AT_FORMALS, P2P_R_KIND_PAIRS,
                             "the arguments of a function are not a pairlist");
  case 3: return p2p_r_stream_open_value(in, P2P_R_AT_VALUE);
  default: return p2p_r_stream_close(in, P2P_R_CLOSURE);
  }
}

/* Its environment, value and expression. One that has a value has no environment. The expression
 * may be a promise, too: that of a caller. */
static int promise_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  switch (frame->at++) {
  case 0: return open_cell(in, frame);
  case 1:
    if (!(frame->flags & P2P_R_HAS_TAG)) return P2P_OK;
    return open_environment(in, "a promise has no environment");
  case 2:
  case 3: return p2p_r_stream_open_value(in, P2P_R_AT_BINDING);
  default: return p2p_r_stream_close(in, P2P_R_PROMISE);
  }
}

static int environment_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  const struct p2p_r_vector subject = {.type = P2P_R_ENVIRONMENT};
  int32_t is_locked;
  int code;
  if (frame->at == 0) {
    if ((code = p2p_r_stream_int(in, &is_locked)) != P2P_OK ||
        (code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES)) != P2P_OK ||
        (code = p2p_r_stream_add_reference(in, P2P_R_ENVIRONMENT)) != P2P_OK) {
      return code;
    }
  }
  switch (frame->at++) {
  case 0: return open_environment(in, "an environment has no enclosing environment");
  case 1: return open_frame(in, P2P_R_KIND_PAIRS, "the frame of an environment is not a pairlist");
  case 2: return open_frame(in, P2P_R_KIND_TABLE, "the hash table of an environment is not a list");
  case 3: return p2p_r_attributes_open(in, &subject);
  default: return p2p_r_stream_close(in, P2P_R_ENVIRONMENT);
  }
}

/* A list; in a FRAME, the hash table of an environment, whose elements are frames. */
static int list_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  bool is_table = frame->place == P2P_R_AT_FRAME;
  int code;
  if (frame->at == 0) {
    if ((code = p2p_r_stream_length(in, 4, &frame->length)) != P2P_OK ||
        (code = p2p_r_stream_use_memory(in, frame->length, sizeof(void *))) != P2P_OK) {
      return code;
    }
    if (is_table && frame->length == 0)
      return malformed(in, "the hash table of an environment is empty");
    frame->n = frame->length;
    frame->at = 1;
  }
  if (!is_table && (code = p2p_r_plain_elements_check(in, &frame->n)) != P2P_OK) return code;
  if (frame->n == 0) {
    p2p_r_stream_set_last(in, frame->type, frame->length);
    return p2p_r_item_end(in, frame);
  }
  frame->n--;
  return is_table
             ? open_frame(in, P2P_R_KIND_PAIRS, "the frame of an environment is not a pairlist")
             : p2p_r_stream_open_value(in, P2P_R_AT_VALUE);
}

/* Its name: a string. */
static int symbol_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  char name[CLASS_NAME_MAX + 1] = "";
  const uint8_t *bytes = NULL;
  int code;
  if (frame->at == 0) {
    int32_t parts[2]; /* flags and length */
    if ((code = p2p_r_stream_take(in, sizeof parts, &bytes)) != P2P_OK) return code;
    memcpy(parts, bytes, sizeof parts);
    if (((uint32_t)parts[0] & P2P_R_NOT_LEVELS) != P2P_R_STRING || parts[1] < 1)
      return malformed(in, "a symbol has no name");
    frame->n = (uint64_t)parts[1];
    frame->at = frame->n <= CLASS_NAME_MAX ? 1 : 2;
  }
  if (frame->at == 1) {
    if ((code = p2p_r_stream_take(in, (size_t)frame->n, &bytes)) != P2P_OK) return code;
    memcpy(name, bytes, (size_t)frame->n);
  } else if ((code = p2p_r_stream_skip(in, &frame->n)) != P2P_OK) {
    return code;
  }
  int type = p2p_r_symbol_type(name);
  code = p2p_r_stream_add_reference(in, type);
  return code != P2P_OK ? code : p2p_r_stream_close(in, type);
}

/* The name of an internal function. */
static int internal_function_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t length;
  int code;
  if (frame->at == 0) {
    if ((code = p2p_r_stream_int(in, &length)) != P2P_OK) return code;
    if (length < 1 || length > INTERNAL_FUNCTION_MAX) return malformed(in, "a name is too long");
    frame->n = (uint64_t)length;
    frame->at = 1;
  }
  code = p2p_r_stream_skip(in, &frame->n);
  return code != P2P_OK ? code : p2p_r_item_end(in, frame);
}

/* The names of a package or namespace. */
static int package_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int code;
  if (frame->at == 0) {
    int32_t parts[2]; /* whether they have names, and how many there are */
    const uint8_t *bytes = NULL;
    if ((code = p2p_r_stream_take(in, sizeof parts, &bytes)) != P2P_OK) return code;
    memcpy(parts, bytes, sizeof parts);
    if (parts[0] != 0 || parts[1] < 1 || parts[1] > 2)
      return malformed(in, "a package has no name");
    frame->n = (uint64_t)parts[1];
    frame->at = 1;
  }
  if (frame->n-- > 0) {
    return p2p_r_stream_open(in, P2P_R_AT_VALUE, P2P_R_KIND_STRING,
                             "the name of a package is not a string");
  }
  code = p2p_r_stream_add_reference(in, frame->type);
  return code != P2P_OK ? code : p2p_r_stream_close(in, frame->type);
}

/* The index is in the flags, or follows. */
static int reference_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t index = (int32_t)(frame->flags >> 8);
  if (index == 0) {
    int code = p2p_r_stream_int(in, &index);
    if (code != P2P_OK) return code;
  }
  if (index < 1 || (size_t)index > in->references.n)
    return malformed(in, "a reference points to nothing");
  return p2p_r_stream_close(in, ((const uint8_t *)in->references.items)[index - 1]);
}

/* Two values. */
static int pointer_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int code = frame->at == 0 ? p2p_r_stream_add_reference(in, frame->type) : P2P_OK;
  if (code != P2P_OK) return code;
  return frame->at++ < 2 ? p2p_r_stream_open_value(in, frame->place) : p2p_r_item_end(in, frame);
}

static int weak_reference_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int code = p2p_r_stream_add_reference(in, frame->type);
  return code != P2P_OK ? code : p2p_r_item_end(in, frame);
}

/* ---- Any item ---- */

/* Refuses what is not data, but for names where they belong. */
static int data_only(struct p2p_r_stream *in, uint32_t flags, int place) {
  int type = flags & 0xff;
  if (place == P2P_R_AT_NAME && (type == P2P_R_SYMBOL || type == P2P_R_REFERENCE)) return P2P_OK;
  if (place == P2P_R_AT_SELFREF && type == P2P_R_EXTERNAL_POINTER) return P2P_OK;
  return p2p_r_data_check(in, flags);
}

/* By type. NULL: nothing follows the flags but attributes, or the type is unknown. */
static p2p_r_step *const steps[256] = {[P2P_R_SYMBOL] = symbol_step,
                                       [P2P_R_PAIRS] = cells_step,
                                       [P2P_R_CLOSURE] = closure_step,
                                       [P2P_R_ENVIRONMENT] = environment_step,
                                       [P2P_R_PROMISE] = promise_step,
                                       [P2P_R_CALL] = cells_step,
                                       [P2P_R_SPECIAL] = internal_function_step,
                                       [P2P_R_BUILTIN] = internal_function_step,
                                       [P2P_R_STRING] = p2p_r_string_step,
                                       [P2P_R_LOGICALS] = p2p_r_numbers_step,
                                       [P2P_R_INTEGERS] = p2p_r_numbers_step,
                                       [P2P_R_DOUBLES] = p2p_r_numbers_step,
                                       [P2P_R_COMPLEXES] = p2p_r_numbers_step,
                                       [P2P_R_STRINGS] = p2p_r_strings_step,
                                       [P2P_R_DOTS] = cells_step,
                                       [P2P_R_LIST] = list_step,
                                       [P2P_R_EXPRESSION] = list_step,
                                       [P2P_R_BYTECODE] = p2p_r_bytecode_step,
                                       [P2P_R_EXTERNAL_POINTER] = pointer_step,
                                       [P2P_R_WEAK_REFERENCE] = weak_reference_step,
                                       [P2P_R_RAWS] = p2p_r_numbers_step,
                                       [P2P_R_S4] = p2p_r_item_end,
                                       [P2P_R_ALTREP] = p2p_r_compact_step,
                                       [P2P_R_PACKAGE] = package_step,
                                       [P2P_R_NAMESPACE] = package_step,
                                       [P2P_R_REFERENCE] = reference_step};

/* Memory for the item itself; the steps count what is in it. */
static uint64_t own_bytes(int type) {
  switch (type) {
  case P2P_R_STRING: return 8;
  case P2P_R_LOGICALS:
  case P2P_R_INTEGERS:
  case P2P_R_DOUBLES:
  case P2P_R_COMPLEXES:
  case P2P_R_STRINGS:
  case P2P_R_LIST:
  case P2P_R_EXPRESSION:
  case P2P_R_RAWS:
  case P2P_R_SPECIAL:
  case P2P_R_BUILTIN:
  case P2P_R_BYTECODE:
  case P2P_R_S4:
  case P2P_R_WEAK_REFERENCE:
  case P2P_R_EXTERNAL_POINTER: return P2P_R_CELL_BYTES;
  default: return 0;
  }
}

int p2p_r_item_begin(struct p2p_r_stream *in, struct p2p_r_frame *frame, uint32_t flags) {
  int type = flags & 0xff, code;
  if (in->data_only && (code = data_only(in, flags, frame->place)) != P2P_OK) return code;
  if ((type == P2P_R_SPECIAL || type == P2P_R_BUILTIN) && flags != (uint32_t)type)
    return malformed(in, "an internal function has attributes");
  if (frame->place != P2P_R_AT_BINDING &&
      (type == P2P_R_UNBOUND || type == P2P_R_PROMISE || type == P2P_R_DOTS)) {
    return malformed(in, "a promise is outside of an environment");
  }
  if (p2p_r_is(type, P2P_R_KIND_ATOM) || type == P2P_R_UNBOUND) return p2p_r_stream_close(in, type);
  if (steps[type] == NULL) return malformed(in, "it has an object of unknown type");
  frame->flags = flags;
  frame->type = (int16_t)type;
  frame->step = steps[type];
  if (type == P2P_R_ALTREP) frame->flags |= P2P_R_HAS_ATTRIBUTES; /* it always has */
  return p2p_r_stream_use_memory(in, own_bytes(type), 1);
}

int p2p_r_item_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  uint32_t flags;
  int code = p2p_r_stream_flags(in, &flags);
  if (code != P2P_OK) return code;
  int type = flags & 0xff;
  if (p2p_r_is(type, P2P_R_KIND_ATOM) && !in->data_only) return p2p_r_stream_close(in, type);
  if (type != P2P_R_REFERENCE || in->data_only) {
    if ((code = p2p_r_stream_enter(in)) != P2P_OK) return code;
    frame->is_entered = true;
  }
  return p2p_r_item_begin(in, frame, flags);
}
