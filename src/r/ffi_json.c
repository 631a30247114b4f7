/* R values as JSON text, for --json. */
#include <jansson.h>
#include <stdlib.h>

#include "r/ffi.h"
#include "r/ffi_error.h"

static json_t *element(SEXP x, R_xlen_t i) {
  switch (TYPEOF(x)) {
  case STRSXP:
    if (STRING_ELT(x, i) == NA_STRING) return json_null();
    return json_string(Rf_translateCharUTF8(STRING_ELT(x, i)));
  case LGLSXP: return LOGICAL(x)[i] == NA_LOGICAL ? json_null() : json_boolean(LOGICAL(x)[i]);
  case INTSXP: return INTEGER(x)[i] == NA_INTEGER ? json_null() : json_integer(INTEGER(x)[i]);
  case REALSXP: /* NaN and Inf have no form in JSON */
    return R_FINITE(REAL(x)[i]) ? json_real(REAL(x)[i]) : json_null();
  default: return json_null();
  }
}

/* A new reference, or NULL. Values come from our R code: they are not deep. */
static json_t *value(SEXP x) {
  R_xlen_t n = Rf_xlength(x);
  SEXP names = Rf_getAttrib(x, R_NamesSymbol);
  bool is_object = TYPEOF(names) == STRSXP;
  if (TYPEOF(x) != VECSXP && n == 1 && !is_object) return element(x, 0);
  json_t *out = x == R_NilValue ? json_null() : is_object ? json_object() : json_array();
  for (R_xlen_t i = 0; i < n && out != NULL; i++) {
    json_t *child = TYPEOF(x) == VECSXP ? value(VECTOR_ELT(x, i)) : element(x, i);
    int failed = is_object
                     ? json_object_set_new(out, Rf_translateCharUTF8(STRING_ELT(names, i)), child)
                     : json_array_append_new(out, child);
    if (failed == 0) continue;
    json_decref(out);
    return NULL;
  }
  return out;
}

/* A string. A list with names is an object, and so is a vector with names; a list without is an
 * array; a vector without names is one value if it has one element, else an array. NA, NaN and Inf
 * are null. */
SEXP ffi_json(SEXP x) {
  json_t *json = value(x);
  char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
  json_decref(json);
  if (text == NULL) p2p_ffi_raise_memory();
  SEXP out = PROTECT(p2p_ffi_string(text));
  free(text);
  UNPROTECT(1);
  return out;
}
