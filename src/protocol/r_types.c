/* What the names of symbols mean, and of which kinds types are. */
#include "protocol/r_types.h"

#include <stddef.h>
#include <string.h>

static const struct {
  const char *name;
  int type;
} symbols[] = {{"class", P2P_R_NAME_OF_CLASS},
               {"dim", P2P_R_NAME_OF_DIM},
               {"dimnames", P2P_R_NAME_OF_DIMNAMES},
               {"levels", P2P_R_NAME_OF_LEVELS},
               {"names", P2P_R_NAME_OF_NAMES},
               {"row.names", P2P_R_NAME_OF_ROW_NAMES},
               {"tsp", P2P_R_NAME_OF_TSP},
               {".internal.selfref", P2P_R_NAME_OF_SELFREF},
               {"compact_intseq", P2P_R_NAME_OF_SEQUENCE},
               {"compact_realseq", P2P_R_NAME_OF_DOUBLES},
               {"deferred_string", P2P_R_NAME_OF_DEFERRED}};

#define VALUE P2P_R_KIND_VALUE
#define ATOM (VALUE | P2P_R_KIND_ATOM)
#define VECTOR (VALUE | P2P_R_KIND_VECTOR)
#define SYMBOL (VALUE | P2P_R_KIND_SYMBOL | P2P_R_KIND_NAME)
#define PAIRS (VALUE | P2P_R_KIND_PAIRS)
#define ENVIRONMENT (VALUE | P2P_R_KIND_ENVIRONMENT)
#define NOTHING (ATOM | PAIRS | P2P_R_KIND_NAME | P2P_R_KIND_TABLE)

const uint16_t p2p_r_kinds[256] = {
    [P2P_R_NIL] = NOTHING,
    [P2P_R_SYMBOL] = SYMBOL,
    [P2P_R_PAIRS] = PAIRS,
    [P2P_R_CLOSURE] = VALUE,
    [P2P_R_ENVIRONMENT] = ENVIRONMENT,
    [P2P_R_PROMISE] = VALUE,
    [P2P_R_CALL] = VALUE,
    [P2P_R_SPECIAL] = VALUE,
    [P2P_R_BUILTIN] = VALUE,
    [P2P_R_STRING] = P2P_R_KIND_STRING,
    [P2P_R_LOGICALS] = VECTOR,
    [P2P_R_INTEGERS] = VECTOR | P2P_R_KIND_INTEGERS,
    [P2P_R_DOUBLES] = VECTOR,
    [P2P_R_COMPLEXES] = VECTOR,
    [P2P_R_STRINGS] = VECTOR,
    [P2P_R_DOTS] = VALUE,
    [P2P_R_LIST] = VECTOR | P2P_R_KIND_TABLE,
    [P2P_R_EXPRESSION] = VECTOR,
    [P2P_R_BYTECODE] = VALUE,
    [P2P_R_EXTERNAL_POINTER] = VALUE,
    [P2P_R_WEAK_REFERENCE] = VALUE,
    [P2P_R_RAWS] = VECTOR,
    [P2P_R_S4] = VALUE,
    [P2P_R_NAME_OF_SEQUENCE] = SYMBOL,
    [P2P_R_NAME_OF_DOUBLES] = SYMBOL,
    [P2P_R_NAME_OF_DEFERRED] = SYMBOL,
    [P2P_R_NAME_OF_WRAPPER] = SYMBOL,
    [P2P_R_NAME_OF_CLASS] = SYMBOL,
    [P2P_R_NAME_OF_DIM] = SYMBOL,
    [P2P_R_NAME_OF_DIMNAMES] = SYMBOL,
    [P2P_R_NAME_OF_LEVELS] = SYMBOL,
    [P2P_R_NAME_OF_NAMES] = SYMBOL,
    [P2P_R_NAME_OF_ROW_NAMES] = SYMBOL,
    [P2P_R_NAME_OF_TSP] = SYMBOL,
    [P2P_R_NAME_OF_SELFREF] = SYMBOL,
    [P2P_R_ALTREP] = VECTOR,
    [P2P_R_BASE_ENVIRONMENT] = ATOM | ENVIRONMENT,
    [P2P_R_EMPTY_ENVIRONMENT] = ATOM | ENVIRONMENT,
    [P2P_R_PACKAGE] = ENVIRONMENT,
    [P2P_R_NAMESPACE] = ENVIRONMENT,
    [P2P_R_BASE_NAMESPACE] = ATOM | ENVIRONMENT,
    [P2P_R_MISSING] = ATOM,
    [P2P_R_UNBOUND] = VALUE,
    [P2P_R_GLOBAL_ENVIRONMENT] = ATOM | ENVIRONMENT,
    [P2P_R_NULL_VALUE] = NOTHING,
};

int p2p_r_symbol_type(const char *name) {
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
    if (strcmp(name, symbols[i].name) == 0) return symbols[i].type;
  }
  return strncmp(name, "wrap_", 5) == 0 ? P2P_R_NAME_OF_WRAPPER : P2P_R_SYMBOL;
}
