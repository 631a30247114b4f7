/* Errors as R gets them. */
#include "r/ffi_error.h"

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
