/* The types of items in a serialized R object ("R Internals", section 1.8). Pure. */
#ifndef P2P_PROTOCOL_R_TYPES_H
#define P2P_PROTOCOL_R_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* The types of R, and those that occur in the format only. NAME_OF_...: symbols that mean
 * something to the check. */
enum p2p_r_type {
  P2P_R_NIL = 0,
  P2P_R_SYMBOL = 1,
  P2P_R_PAIRS = 2,
  P2P_R_CLOSURE = 3,
  P2P_R_ENVIRONMENT = 4,
  P2P_R_PROMISE = 5,
  P2P_R_CALL = 6,
  P2P_R_SPECIAL = 7,
  P2P_R_BUILTIN = 8,
  P2P_R_STRING = 9,
  P2P_R_LOGICALS = 10,
  P2P_R_INTEGERS = 13,
  P2P_R_DOUBLES = 14,
  P2P_R_COMPLEXES = 15,
  P2P_R_STRINGS = 16,
  P2P_R_DOTS = 17,
  P2P_R_LIST = 19,
  P2P_R_EXPRESSION = 20,
  P2P_R_BYTECODE = 21,
  P2P_R_EXTERNAL_POINTER = 22,
  P2P_R_WEAK_REFERENCE = 23,
  P2P_R_RAWS = 24,
  P2P_R_S4 = 25,
  /* Not in the format: symbols that name a class of compact vectors, */
  P2P_R_NAME_OF_SEQUENCE = 100, /* of integers */
  P2P_R_NAME_OF_DOUBLES = 101,  /* a sequence of doubles */
  P2P_R_NAME_OF_DEFERRED = 102,
  P2P_R_NAME_OF_WRAPPER = 103,
  /* and attributes that R's own C code trusts, or that have a rule of their own. */
  P2P_R_NAME_OF_CLASS = 104,
  P2P_R_NAME_OF_DIM = 105,
  P2P_R_NAME_OF_DIMNAMES = 106,
  P2P_R_NAME_OF_LEVELS = 107,
  P2P_R_NAME_OF_NAMES = 108,
  P2P_R_NAME_OF_ROW_NAMES = 109,
  P2P_R_NAME_OF_TSP = 110,
  P2P_R_NAME_OF_SELFREF = 111, /* data.table's own pointer, which is nowhere else */
  P2P_R_ALTREP = 238,
  P2P_R_ATTRIBUTED_PAIRS = 239, /* these four: in byte code */
  P2P_R_ATTRIBUTED_CALL = 240,
  P2P_R_BASE_ENVIRONMENT = 241,
  P2P_R_EMPTY_ENVIRONMENT = 242,
  P2P_R_SHARED = 243,         /* a cell that was defined before */
  P2P_R_SHARED_DEFINED = 244, /* defines a cell that is used again */
  P2P_R_PACKAGE = 248,
  P2P_R_NAMESPACE = 249,
  P2P_R_BASE_NAMESPACE = 250,
  P2P_R_MISSING = 251,
  P2P_R_UNBOUND = 252,
  P2P_R_GLOBAL_ENVIRONMENT = 253,
  P2P_R_NULL_VALUE = 254,
  P2P_R_REFERENCE = 255
};

/* Flags of an item. The levels begin at bit 12. */
#define P2P_R_NOT_LEVELS 0xfffu
#define P2P_R_HAS_ATTRIBUTES (1u << 9)
#define P2P_R_HAS_TAG (1u << 10)
#define P2P_R_IS_S4 (1u << 16)
#define P2P_R_IS_ACTIVE_BINDING (1u << 27) /* in a cell of an environment */

/* What a type is. Most are of several kinds. */
enum p2p_r_kind {
  P2P_R_KIND_VALUE = 1,        /* all but a string, which is in a vector of strings only */
  P2P_R_KIND_VECTOR = 2,       /* which may be compact */
  P2P_R_KIND_SYMBOL = 4,       /* P2P_R_NAME_OF_..., too */
  P2P_R_KIND_NAME = 8,         /* a symbol or NULL */
  P2P_R_KIND_PAIRS = 16,       /* a pairlist, which may be NULL */
  P2P_R_KIND_ENVIRONMENT = 32, /* of any kind, also of a namespace */
  P2P_R_KIND_TABLE = 64,       /* the hash table of an environment, or NULL */
  P2P_R_KIND_STRING = 128,
  P2P_R_KIND_INTEGERS = 256,
  P2P_R_KIND_ATOM = 512 /* nothing follows its flags, and it may be anywhere */
};
extern const uint16_t p2p_r_kinds[256]; /* by type */

/* False for what is no type. */
static inline bool p2p_r_is(int type, unsigned kinds) {
  return (unsigned)type < 256 && (p2p_r_kinds[type] & kinds) != 0;
}
static inline bool p2p_r_is_vector(int type) { return p2p_r_is(type, P2P_R_KIND_VECTOR); }

/* P2P_R_NAME_OF_... for a symbol of that name, otherwise P2P_R_SYMBOL. */
int p2p_r_symbol_type(const char *name);

#define P2P_R_CELL_BYTES 56 /* of R's cells and vector headers */

#endif
