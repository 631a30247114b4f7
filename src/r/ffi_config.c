/* Reads arguments, which R passes as one named list, and raises errors. */
#include "r/ffi.h"

#include <string.h>

static SEXP element(SEXP list, const char *name) {
  SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  for (R_xlen_t i = 0; i < Rf_xlength(names); i++)
    if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) return VECTOR_ELT(list, i);
  return R_NilValue;
}

const char *p2p_ffi_text(SEXP list, const char *name) {
  SEXP value = element(list, name);
  if (TYPEOF(value) != STRSXP || Rf_xlength(value) != 1 || STRING_ELT(value, 0) == NA_STRING)
    return NULL;
  return Rf_translateCharUTF8(STRING_ELT(value, 0));
}

double p2p_ffi_number(SEXP list, const char *name, double otherwise) {
  SEXP value = element(list, name);
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
  SEXP value = element(list, name);
  size_t n = TYPEOF(value) == STRSXP ? (size_t)Rf_xlength(value) : 0;
  const char **texts = (const char **)R_alloc(n + 1, sizeof *texts);
  for (size_t i = 0; i < n; i++) texts[i] = Rf_translateCharUTF8(STRING_ELT(value, (R_xlen_t)i));
  texts[n] = NULL;
  if (length != NULL) *length = n;
  return texts;
}

struct p2p_board_config p2p_ffi_board_config(SEXP config) {
  struct p2p_board_config board = {
      .host = p2p_ffi_text(config, "host"),
      .cluster = p2p_ffi_text(config, "cluster"),
      .mailbox = p2p_ffi_text(config, "mailbox"),
      .relay = p2p_ffi_text(config, "relay"),
  };
  board.ssh_args = p2p_ffi_texts(config, "ssh_args", &board.n_ssh_args);
  return board;
}

SEXP p2p_ffi_error(const struct p2p_err *err) {
  if (err->code == P2P_OK) return R_NilValue;
  const char *names[] = {"what", "message", "reason", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_mkString(p2p_err_name(err->code)));
  SET_VECTOR_ELT(out, 1, p2p_ffi_string(err->message));
  SET_VECTOR_ELT(out, 2, Rf_mkString(err->reason == NULL ? "" : err->reason));
  UNPROTECT(1);
  return out;
}

SEXP p2p_ffi_string(const char *text) { return Rf_ScalarString(Rf_mkCharCE(text, CE_UTF8)); }

void p2p_ffi_raise_memory(void) {
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_MEMORY, "out of memory");
  p2p_ffi_raise(&err);
}

/* core_stop() in R/conditions.R builds the condition, so that the classes are in one place. */
void p2p_ffi_raise(const struct p2p_err *err) {
  SEXP error = PROTECT(p2p_ffi_error(err));
  SEXP call = PROTECT(Rf_lang2(Rf_install("core_stop"), error));
  SEXP package = PROTECT(Rf_mkString("future.p2p"));
  SEXP space = PROTECT(R_FindNamespace(package));
  Rf_eval(call, space);
  Rf_error("%s", err->message); /* not reached */
}
