/* What the names of symbols mean, and which types are vectors. */
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

int p2p_r_symbol_type(const char *name) {
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
    if (strcmp(name, symbols[i].name) == 0) return symbols[i].type;
  }
  return strncmp(name, "wrap_", 5) == 0 ? P2P_R_NAME_OF_WRAPPER : P2P_R_SYMBOL;
}

bool p2p_r_is_symbol(int type) {
  return type == P2P_R_SYMBOL || (type >= P2P_R_NAME_OF_SEQUENCE && type <= P2P_R_NAME_OF_SELFREF);
}

bool p2p_r_is_vector(int type) {
  switch (type) {
  case P2P_R_LOGICALS:
  case P2P_R_INTEGERS:
  case P2P_R_DOUBLES:
  case P2P_R_COMPLEXES:
  case P2P_R_STRINGS:
  case P2P_R_LIST:
  case P2P_R_EXPRESSION:
  case P2P_R_RAWS:
  case P2P_R_ALTREP: return true;
  default: return false;
  }
}
