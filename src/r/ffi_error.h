/* From a struct p2p_err to an R condition. */
#ifndef P2P_R_FFI_ERROR_H
#define P2P_R_FFI_ERROR_H

#include "base/err.h"
#include "r/ffi.h"

/* Raises an R error with the classes p2p_error_<name> and p2p_error. Does not return: the caller
 * must not hold C resources. */
void p2p_ffi_raise(const struct p2p_err *err);
void p2p_ffi_raise_memory(void); /* "out of memory" */
/* An error as R gets it: list(what, message, reason), where `what` is p2p_err_name() and `reason`
 * is "" for an error without one. NULL for P2P_OK. */
SEXP p2p_ffi_error(const struct p2p_err *err);
/* A string in UTF-8. */
SEXP p2p_ffi_string(const char *text);

#endif
