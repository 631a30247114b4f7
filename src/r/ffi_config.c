/* Reads the named lists that R passes as arguments. */
#include "r/ffi_config.h"

#include <string.h>

#include "r/ffi_error.h"

SEXP p2p_ffi_element(SEXP list, const char *name) {
  SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  for (R_xlen_t i = 0; i < Rf_xlength(names); i++)
    if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) return VECTOR_ELT(list, i);
  return R_NilValue;
}

const char *p2p_ffi_text(SEXP list, const char *name) {
  SEXP value = p2p_ffi_element(list, name);
  if (TYPEOF(value) != STRSXP || Rf_xlength(value) != 1 || STRING_ELT(value, 0) == NA_STRING)
    return NULL;
  return Rf_translateCharUTF8(STRING_ELT(value, 0));
}

double p2p_ffi_number(SEXP list, const char *name, double otherwise) {
  SEXP value = p2p_ffi_element(list, name);
  if (value == R_NilValue || Rf_xlength(value) != 1) return otherwise;
  return Rf_asReal(value);
}

/* Converting a double that the integer type cannot hold is undefined behaviour. */
uint64_t p2p_ffi_count(SEXP list, const char *name, uint64_t otherwise, uint64_t most) {
  double value = p2p_ffi_number(list, name, (double)otherwise);
  struct p2p_err err;
  if (value >= 0 && value <= (double)most) return (uint64_t)value;
  p2p_err_set(&err, P2P_ERR_INVALID, "'%s' must be a number from 0 to %.0f, not %g", name,
              (double)most, value);
  p2p_ffi_raise(&err);
  return otherwise; /* not reached */
}

const char *const *p2p_ffi_texts(SEXP list, const char *name, size_t *length) {
  SEXP value = p2p_ffi_element(list, name);
  size_t n = TYPEOF(value) == STRSXP ? (size_t)Rf_xlength(value) : 0;
  const char **texts = (const char **)R_alloc(n + 1, sizeof *texts);
  for (size_t i = 0; i < n; i++) texts[i] = Rf_translateCharUTF8(STRING_ELT(value, (R_xlen_t)i));
  texts[n] = NULL;
  if (length != NULL) *length = n;
  return texts;
}

const int *p2p_ffi_integers(SEXP list, const char *name, size_t *length) {
  SEXP value = p2p_ffi_element(list, name);
  *length = TYPEOF(value) == INTSXP ? (size_t)Rf_xlength(value) : 0;
  return *length > 0 ? INTEGER(value) : NULL;
}

struct p2p_board_config p2p_ffi_board_config(SEXP config) {
  struct p2p_board_config board = {
      .host = p2p_ffi_text(config, "host"),
      .cluster = p2p_ffi_text(config, "cluster"),
      .mailbox = p2p_ffi_text(config, "mailbox"),
      .relay = p2p_ffi_text(config, "relay"),
      .keys = p2p_ffi_text(config, "keys"),
  };
  board.ssh_args = p2p_ffi_texts(config, "ssh_args", &board.n_ssh_args);
  return board;
}

void p2p_ffi_resources(SEXP list, struct p2p_resources *out) {
  const char *tags = p2p_ffi_text(list, "tags");
  struct p2p_err err;
  *out = (struct p2p_resources){
      .amounts = {.cores = (uint32_t)p2p_ffi_count(list, "cores", 0, P2P_CORES_MAX),
                  .memory_mib = (uint32_t)p2p_ffi_count(list, "memory_mib", 0, P2P_MEMORY_MAX),
                  .gpus = (uint32_t)p2p_ffi_count(list, "gpu", 0, P2P_GPUS_MAX)}};
  if (tags == NULL) return;
  if (!p2p_tags_are_valid(tags)) {
    p2p_err_set(&err, P2P_ERR_INVALID, "these tags are not valid: '%.200s'", tags);
    p2p_ffi_raise(&err);
  }
  memcpy(out->tags, tags, strlen(tags) + 1);
}
