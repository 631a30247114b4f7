/* Names, for users, of what is not data. */
#include "protocol/r_data.h"

#include "protocol/r_types.h"

/* NULL: it is data. */
static const char *not_data(uint32_t flags) {
  int type = flags & 0xff;
  if (flags & P2P_R_IS_S4 && type != P2P_R_STRING) return "an S4 object";
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

int p2p_r_data_check(struct p2p_r_stream *in, uint32_t flags) {
  const char *what = not_data(flags);
  if (what == NULL) return P2P_OK;
  return p2p_err_because(in->err, "not_data",
                         p2p_err_set(in->err, P2P_ERR_INVALID, "it holds %s", what));
}
