/* Names, for users, of what is not data. */
#include "protocol/r_data.h"

#include <stddef.h>

#include "protocol/r_types.h"

const char *p2p_r_not_data(int type) {
  if (p2p_r_is_vector(type) && type != P2P_R_EXPRESSION) return NULL;
  switch (type) {
  case P2P_R_NIL:
  case P2P_R_NULL_VALUE:
  case P2P_R_STRING: return NULL;
  case P2P_R_CLOSURE:
  case P2P_R_SPECIAL:
  case P2P_R_BUILTIN:
  case P2P_R_BYTECODE: return "a function";
  case P2P_R_ENVIRONMENT:
  case P2P_R_BASE_ENVIRONMENT:
  case P2P_R_EMPTY_ENVIRONMENT:
  case P2P_R_GLOBAL_ENVIRONMENT:
  case P2P_R_PACKAGE:
  case P2P_R_NAMESPACE:
  case P2P_R_BASE_NAMESPACE: return "an environment";
  case P2P_R_EXTERNAL_POINTER: return "an external pointer";
  case P2P_R_WEAK_REFERENCE: return "a weak reference";
  case P2P_R_S4: return "an S4 object";
  case P2P_R_PROMISE:
  case P2P_R_DOTS: return "a promise";
  case P2P_R_PAIRS: return "a pairlist";
  default: return "code (a call, a formula, a name or an expression)";
  }
}
