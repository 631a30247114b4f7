/* SIGTERM as a wish, not as a death: by default it ends R at once, without on.exit() and without a goodbye to the others. While a
 * program runs, it is noted, and the program leaves as it does at Ctrl-C. */
#include "r/ffi.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t came;
static struct sigaction before;
static int depth; /* of catches; the first one changes the handler, the last release restores it */

static void note(int number) {
  (void)number;
  came = 1;
}

SEXP ffi_terminate_catch(void) {
  if (depth++ > 0) return R_NilValue;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  came = 0;
  sigaction(SIGTERM, &action, &before);
  return R_NilValue;
}

SEXP ffi_terminate_release(void) {
  if (depth > 0 && --depth == 0) sigaction(SIGTERM, &before, NULL);
  return R_NilValue;
}

/* TRUE once SIGTERM has come since it is caught. */
SEXP ffi_terminate_came(void) { return Rf_ScalarLogical(came != 0); }
