/* Walks over the items of a serialized R object as R would, and builds nothing. What is checked
 * is what R relies on when it reads the object or touches it later. */
#include "protocol/r_object.h"

#include <string.h>

#include "protocol/r_attributes.h"
#include "protocol/r_bytecode.h"
#include "protocol/r_compact.h"
#include "protocol/r_data.h"
#include "protocol/r_stream.h"
#include "protocol/r_types.h"
#include "protocol/r_vectors.h"

#define INTERNAL_FUNCTION_MAX 128 /* bytes of a name */
#define ENCODING_MAX 63           /* bytes of a name */
/* R gives the name to iconv(), which knows suffixes such as "//TRANSLIT". */
#define ENCODING_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:"

/* Where an item is. */
enum place {
  VALUE,   /* anywhere that has no rule of its own */
  BINDING, /* the value of a variable, which may be a promise or `...` */
  FRAME,   /* the cells of an environment */
  FORMALS, /* the arguments of a function */
  NAME,    /* a tag, or the name of an attribute or class */
  SELFREF  /* of a data.table */
};

/* ---- Items: each function returns the type of what it has read, or a negative code ---- */

static int item(struct p2p_r_stream *in, enum place place);

/* Reads an item that must be of one of these kinds. */
static int expect(struct p2p_r_stream *in, enum place place, unsigned kinds, const char *what) {
  int type = item(in, place);
  return type < 0 || p2p_r_is(type, kinds) ? type : p2p_r_stream_malformed(in, what);
}

static int read_item(void *arg, enum p2p_r_wanted wanted);

static int attributes_of(struct p2p_r_stream *in, const struct p2p_r_vector *subject) {
  return p2p_r_attributes_check(in, &(struct p2p_r_reader){read_item, in}, subject);
}

/* Of what is not a vector. */
static int attributes(struct p2p_r_stream *in, int type) {
  return attributes_of(in, &(struct p2p_r_vector){.type = type});
}

/* Of an item of which all else was read. */
static int attributes_after(struct p2p_r_stream *in, int type) {
  struct p2p_r_vector subject = in->last;
  return p2p_r_is_vector(type) ? attributes_of(in, &subject) : attributes(in, type);
}

static int tag(struct p2p_r_stream *in, bool may_be_null) {
  return expect(in, NAME, may_be_null ? P2P_R_KIND_NAME : P2P_R_KIND_SYMBOL,
                "a tag is not a symbol");
}

static int value(struct p2p_r_stream *in, enum place place) {
  return expect(in, place, P2P_R_KIND_VALUE, "a string is outside of a character vector");
}

/* The cells of a pairlist or call whose first has `flags`. In a FRAME and in FORMALS, all have a
 * name. In a FRAME, and in `...`, their values are those of variables. */
static int cells(struct p2p_r_stream *in, uint32_t flags, enum place place) {
  int first = flags & 0xff, code;
  bool is_named = place == FRAME || place == FORMALS;
  uint32_t depth = in->depth;
  for (;;) {
    if ((code = p2p_r_stream_descend(in)) < 0) return code;
    if ((is_named && !(flags & P2P_R_HAS_TAG)) ||
        (place != FRAME && (flags & P2P_R_IS_ACTIVE_BINDING))) {
      return p2p_r_stream_malformed(in, "a variable has no name or is outside of an environment");
    }
    if ((code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES)) < 0) return code;
    if ((flags & P2P_R_HAS_ATTRIBUTES) && (code = attributes(in, first)) < 0) return code;
    if ((flags & P2P_R_HAS_TAG) && (code = tag(in, !is_named)) < 0) return code;
    code = value(in, place == FRAME || first == P2P_R_DOTS ? BINDING : VALUE);
    if (code < 0 || (code = p2p_r_stream_flags(in, &flags)) < 0) return code;
    int type = flags & 0xff;
    if (type == P2P_R_NULL_VALUE || type == P2P_R_NIL) break;
    if (type != P2P_R_PAIRS && type != P2P_R_CALL)
      return p2p_r_stream_malformed(in, "a pairlist does not end with NULL");
  }
  in->depth = depth;
  return first;
}

static int closure(struct p2p_r_stream *in, uint32_t flags) {
  int code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES);
  if (code >= 0 && (flags & P2P_R_HAS_ATTRIBUTES)) code = attributes(in, P2P_R_CLOSURE);
  if (code < 0) return code;
  if (!(flags & P2P_R_HAS_TAG)) return p2p_r_stream_malformed(in, "a function has no environment");
  code = expect(in, VALUE, P2P_R_KIND_ENVIRONMENT, "a function has no environment");
  if (code < 0) return code;
  code = expect(in, FORMALS, P2P_R_KIND_PAIRS, "the arguments of a function are not a pairlist");
  if (code < 0 || (code = value(in, VALUE)) < 0) return code;
  return P2P_R_CLOSURE;
}

/* Its environment, value and expression. One that has a value has no environment. The expression
 * may be a promise, too: that of a caller. */
static int promise(struct p2p_r_stream *in, uint32_t flags) {
  int code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES);
  if (code >= 0 && (flags & P2P_R_HAS_ATTRIBUTES)) code = attributes(in, P2P_R_PROMISE);
  if (code < 0) return code;
  if (flags & P2P_R_HAS_TAG) {
    code = expect(in, VALUE, P2P_R_KIND_ENVIRONMENT, "a promise has no environment");
    if (code < 0) return code;
  }
  if ((code = value(in, BINDING)) < 0 || (code = value(in, BINDING)) < 0) return code;
  return P2P_R_PROMISE;
}

static int environment(struct p2p_r_stream *in) {
  int32_t is_locked;
  int code = p2p_r_stream_int(in, &is_locked);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES)) < 0 ||
      (code = p2p_r_stream_add_reference(in, P2P_R_ENVIRONMENT)) < 0) {
    return code;
  }
  code = expect(in, VALUE, P2P_R_KIND_ENVIRONMENT, "an environment has no enclosing environment");
  if (code < 0) return code;
  code = expect(in, FRAME, P2P_R_KIND_PAIRS, "the frame of an environment is not a pairlist");
  if (code < 0) return code;
  code = expect(in, FRAME, P2P_R_KIND_TABLE, "the hash table of an environment is not a list");
  if (code < 0 || (code = attributes(in, P2P_R_ENVIRONMENT)) < 0) return code;
  return P2P_R_ENVIRONMENT;
}

/* A list; in a FRAME, the hash table of an environment, whose elements are frames. */
static int list(struct p2p_r_stream *in, int type, enum place place) {
  uint64_t n, length;
  int code = p2p_r_stream_length(in, 4, &length);
  n = length;
  if (code < 0 || (code = p2p_r_stream_use_memory(in, n, sizeof(void *))) < 0) return code;
  if (place == FRAME && n == 0)
    return p2p_r_stream_malformed(in, "the hash table of an environment is empty");
  while (n > 0) {
    if (place != FRAME && (code = p2p_r_plain_elements_check(in, &n)) < 0) return code;
    if (n == 0) break;
    code = place == FRAME ? expect(in, FRAME, P2P_R_KIND_PAIRS,
                                   "the frame of an environment is not a pairlist")
                          : value(in, VALUE);
    if (code < 0) return code;
    n--;
  }
  p2p_r_stream_set_last(in, type, length);
  return type;
}

/* Not inline: its name would take room on the stack at each level of nesting. */
__attribute__((noinline)) static int symbol(struct p2p_r_stream *in) {
  uint32_t flags = 0;
  int32_t length;
  char name[24] = "";
  int code = p2p_r_stream_flags(in, &flags);
  if (code < 0 || (code = p2p_r_stream_int(in, &length)) < 0) return code;
  if ((flags & P2P_R_NOT_LEVELS) != P2P_R_STRING || length < 1)
    return p2p_r_stream_malformed(in, "a symbol has no name");
  size_t begin = (size_t)length < sizeof name ? (size_t)length : 0; /* a longer one is no class */
  if ((code = p2p_r_stream_read(in, name, begin)) < 0) return code;
  if ((code = p2p_r_stream_skip(in, (uint64_t)length - begin)) < 0) return code;
  int type = p2p_r_symbol_type(name);
  return (code = p2p_r_stream_add_reference(in, (uint8_t)type)) < 0 ? code : type;
}

/* The name of an internal function. */
static int internal_function(struct p2p_r_stream *in, int type) {
  int32_t length;
  int code = p2p_r_stream_int(in, &length);
  if (code < 0) return code;
  if (length < 1 || length > INTERNAL_FUNCTION_MAX)
    return p2p_r_stream_malformed(in, "a name is too long");
  return (code = p2p_r_stream_skip(in, (uint64_t)length)) < 0 ? code : type;
}

/* The names of a package or namespace. */
static int package(struct p2p_r_stream *in, int type) {
  int32_t has_names, n;
  int code = p2p_r_stream_int(in, &has_names);
  if (code < 0 || (code = p2p_r_stream_int(in, &n)) < 0) return code;
  if (has_names != 0 || n < 1 || n > 2) return p2p_r_stream_malformed(in, "a package has no name");
  while (n-- > 0) {
    code = expect(in, VALUE, P2P_R_KIND_STRING, "the name of a package is not a string");
    if (code < 0) return code;
  }
  return (code = p2p_r_stream_add_reference(in, type)) < 0 ? code : type;
}

/* The index is in the flags, or follows. */
static int reference(struct p2p_r_stream *in, uint32_t flags) {
  int32_t index = (int32_t)(flags >> 8);
  if (index == 0) {
    int code = p2p_r_stream_int(in, &index);
    if (code < 0) return code;
  }
  if (index < 1 || (size_t)index > in->n_references) {
    return p2p_r_stream_malformed(in, "a reference points to nothing");
  }
  return in->references[index - 1];
}

/* ---- Any item ---- */

/* For byte code, compact vectors and attributes. */
static int read_item(void *arg, enum p2p_r_wanted wanted) {
  struct p2p_r_stream *in = arg;
  switch (wanted) {
  case P2P_R_WANT_TAG: return tag(in, true);
  case P2P_R_WANT_SYMBOL: return expect(in, NAME, P2P_R_KIND_SYMBOL, "an attribute has no name");
  case P2P_R_WANT_INTEGERS: return expect(in, VALUE, P2P_R_KIND_INTEGERS, "integers are missing");
  case P2P_R_WANT_SELFREF: return value(in, SELFREF);
  case P2P_R_WANT_ATTRIBUTES_OF_CALL: return attributes(in, P2P_R_CALL);
  default: return value(in, VALUE);
  }
}

/* Refuses what is not data, but for names where they belong. */
static int data_only(struct p2p_r_stream *in, uint32_t flags, enum place place) {
  int type = flags & 0xff;
  if (place == NAME && (type == P2P_R_SYMBOL || type == P2P_R_REFERENCE)) return P2P_OK;
  if (place == SELFREF && type == P2P_R_EXTERNAL_POINTER) return P2P_OK;
  return p2p_r_data_check(in, flags);
}

/* What follows the flags of types whose attributes, if any, come last. */
static int body(struct p2p_r_stream *in, int type, enum place place) {
  int code;
  switch (type) {
  case P2P_R_STRING: return p2p_r_string_check(in);
  case P2P_R_LOGICALS: return p2p_r_logicals_check(in);
  case P2P_R_INTEGERS: return p2p_r_numbers_check(in, type, 4);
  case P2P_R_DOUBLES: return p2p_r_numbers_check(in, type, 8);
  case P2P_R_COMPLEXES: return p2p_r_numbers_check(in, type, 16);
  case P2P_R_RAWS: return p2p_r_numbers_check(in, type, 1);
  case P2P_R_STRINGS: return p2p_r_strings_check(in);
  case P2P_R_LIST:
  case P2P_R_EXPRESSION: return list(in, type, place);
  case P2P_R_SPECIAL:
  case P2P_R_BUILTIN: return internal_function(in, type);
  case P2P_R_BYTECODE: return p2p_r_bytecode_check(in, &(struct p2p_r_reader){read_item, in});
  case P2P_R_S4: return P2P_R_S4;
  case P2P_R_WEAK_REFERENCE: return (code = p2p_r_stream_add_reference(in, type)) < 0 ? code : type;
  case P2P_R_EXTERNAL_POINTER:
    if ((code = p2p_r_stream_add_reference(in, type)) < 0 || (code = value(in, place)) < 0 ||
        (code = value(in, place)) < 0) {
      return code;
    }
    return type;
  default: return p2p_r_stream_malformed(in, "it has an object of unknown type");
  }
}

static int item_of(struct p2p_r_stream *in, uint32_t flags, enum place place) {
  int type = flags & 0xff, code;
  if (in->data_only && (code = data_only(in, flags, place)) < 0) return code;
  if ((type == P2P_R_SPECIAL || type == P2P_R_BUILTIN) && flags != (uint32_t)type) {
    return p2p_r_stream_malformed(in, "an internal function has attributes");
  }
  if (place != BINDING && (type == P2P_R_UNBOUND || type == P2P_R_PROMISE || type == P2P_R_DOTS)) {
    return p2p_r_stream_malformed(in, "a promise is outside of an environment");
  }
  if (p2p_r_is(type, P2P_R_KIND_ATOM)) return type;
  switch (type) {
  case P2P_R_REFERENCE: return reference(in, flags);
  case P2P_R_UNBOUND: return type;
  case P2P_R_SYMBOL: return symbol(in);
  case P2P_R_PACKAGE:
  case P2P_R_NAMESPACE: return package(in, type);
  case P2P_R_ENVIRONMENT: return environment(in);
  case P2P_R_PAIRS:
  case P2P_R_CALL:
  case P2P_R_DOTS: return cells(in, flags, place);
  case P2P_R_CLOSURE: return closure(in, flags);
  case P2P_R_PROMISE: return promise(in, flags);
  case P2P_R_ALTREP:
    code = p2p_r_compact_check(in, &(struct p2p_r_reader){read_item, in});
    return code < 0 || (code = attributes_after(in, type)) < 0 ? code : type;
  default:
    if ((code = p2p_r_stream_use_memory(in, 1, type == P2P_R_STRING ? 8 : P2P_R_CELL_BYTES)) < 0)
      return code;
    if ((code = body(in, type, place)) < 0) return code;
    return (flags & P2P_R_HAS_ATTRIBUTES) && (code = attributes_after(in, type)) < 0 ? code : type;
  }
}

static int item(struct p2p_r_stream *in, enum place place) {
  uint32_t flags = 0;
  int code = p2p_r_stream_flags(in, &flags), type = flags & 0xff;
  if (code < 0) return code;
  if (p2p_r_is(type, P2P_R_KIND_ATOM) && !in->data_only) return type;
  if (type == P2P_R_REFERENCE && !in->data_only) return reference(in, flags);
  if ((code = p2p_r_stream_enter(in)) < 0) return code;
  type = item_of(in, flags, place);
  p2p_r_stream_leave(in);
  return type;
}

/* ---- The whole ---- */

/* The format, its version, the version of R that wrote it, the oldest that can read it, and the
 * name of an encoding. */
static int header(struct p2p_r_stream *in) {
  char format[2], encoding[ENCODING_MAX + 1] = "";
  int32_t versions[3], length;
  int code = p2p_r_stream_read(in, format, sizeof format);
  if (code < 0 || (code = p2p_r_stream_read(in, versions, sizeof versions)) < 0) return code;
  if (memcmp(format, "B\n", 2) != 0 || versions[0] != 3) {
    return p2p_err_set(in->err, P2P_ERR_VERSION,
                       "the object has another format or byte order than this program reads");
  }
  if ((code = p2p_r_stream_int(in, &length)) < 0) return code;
  if (length < 1 || length > ENCODING_MAX)
    return p2p_r_stream_malformed(in, "its encoding has no name");
  if ((code = p2p_r_stream_read(in, encoding, (size_t)length)) < 0) return code;
  if (strspn(encoding, ENCODING_CHARACTERS) != (size_t)length)
    return p2p_r_stream_malformed(in, "its encoding has no name");
  return P2P_OK;
}

/* Whether the object, which was read, is of a class that `content` must have. */
static int check_class(struct p2p_r_stream *in, enum p2p_r_content content) {
  static const char *const classes[][2] = {[P2P_R_RESULT] = {"FutureResult", "FutureError"},
                                           [P2P_R_CONDITION] = {"condition", "condition"}};
  bool has = false;
  int code = P2P_OK;
  for (int i = 0; code == P2P_OK && !has && i < 2; i++) {
    code = p2p_r_stream_has_string(in, &in->class, classes[content][i], &has);
  }
  return code < 0 || has ? code : p2p_r_stream_malformed(in, "it has another class than agreed");
}

int p2p_r_object_check(const struct p2p_blob *object, const struct p2p_r_object_rules *rules,
                       struct p2p_err *err) {
  struct p2p_r_stream in;
  uint32_t flags = 0;
  p2p_r_stream_init(&in, object, rules->memory_bytes, err);
  int code = header(&in);
  if (code == P2P_OK) code = p2p_r_stream_flags(&in, &flags);
  in.data_only = rules->data_only;
  if (code == P2P_OK && rules->content != P2P_R_ANY &&
      ((flags & 0xff) != P2P_R_LIST || (flags & P2P_R_IS_S4))) {
    code = p2p_r_stream_malformed(&in, "it is not a list");
  }
  if (code == P2P_OK) code = item_of(&in, flags, VALUE);
  if (code >= 0 && rules->content >= P2P_R_RESULT) {
    if (!(flags & P2P_R_HAS_ATTRIBUTES)) in.class.length = 0;
    code = check_class(&in, rules->content);
  }
  if (code >= 0 && in.left > 0) code = p2p_r_stream_malformed(&in, "bytes follow it");
  p2p_r_stream_clear(&in);
  return code < 0 ? code : P2P_OK;
}
