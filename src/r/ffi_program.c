/* Replaces this R process by another program, which then gets the signals and whose exit status
 * counts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "r/ffi.h"
#include "r/ffi_error.h"

/* Raises an error on failure; otherwise does not return. R does not clean up: the caller has
 * removed its temporary folder. */
SEXP ffi_program_exec(SEXP path, SEXP words) {
  R_xlen_t n = Rf_xlength(words);
  const char **argv = (const char **)R_alloc((size_t)n + 2, sizeof *argv);
  struct p2p_err err;
  argv[0] = Rf_translateChar(Rf_asChar(path));
  for (R_xlen_t i = 0; i < n; i++) argv[i + 1] = Rf_translateChar(STRING_ELT(words, i));
  argv[n + 1] = NULL;
  fflush(NULL); /* output of the user's R profile */
  execv(argv[0], (char *const *)(uintptr_t)argv);
  p2p_err_set(&err, P2P_ERR_SYSTEM, "cannot start the program '%.300s': %s", argv[0],
              strerror(errno));
  p2p_ffi_raise(&err);
  return R_NilValue;
}
