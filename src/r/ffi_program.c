/* Another program in the place of this R: signals reach it and its exit status counts, with nobody
 * in between. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "r/ffi.h"

/* Raises an error if it cannot be; else does not return. R's own end does not come: nobody removes
 * its temporary folder. */
SEXP ffi_program_become(SEXP path, SEXP words) {
  R_xlen_t n = Rf_xlength(words);
  const char **argv = (const char **)R_alloc((size_t)n + 2, sizeof *argv);
  struct p2p_err err;
  argv[0] = Rf_translateChar(Rf_asChar(path));
  for (R_xlen_t i = 0; i < n; i++) argv[i + 1] = Rf_translateChar(STRING_ELT(words, i));
  argv[n + 1] = NULL;
  fflush(NULL); /* what a profile has printed */
  execv(argv[0], (char *const *)(uintptr_t)argv);
  p2p_err_set(&err, P2P_ERR_SYSTEM, "The program '%.300s' cannot be started: %s", argv[0],
              strerror(errno));
  p2p_ffi_raise(&err);
  return R_NilValue;
}
