/* Vectors for tests whose serialization goes wrong: numbers of an ALTREP class that does something
 * when it is asked for its state, which R does once for each time that it serializes it.
 *
 *   .Call("turn", x, when, what)   x as such a vector; the `when`-th time from now on, it does
 *                                  `what`: error, memory (10^15 bytes), more (10 elements more than
 *                                  the first time), fewer, interrupt (SIGINT), kill (SIGKILL),
 * exit, fork (whose child goes on, too). Otherwise it is x. .Call("turns")                 how
 * often it was asked */
#define R_NO_REMAP
#include <R_ext/Rdynload.h>
#include <Rinternals.h>

#include <R_ext/Altrep.h> /* which needs the others */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static R_altrep_class_t class_of_turn;
static int count, when;
static char what[16];
static R_xlen_t more;

static R_xlen_t length_of(SEXP x) { return XLENGTH(R_altrep_data1(x)) + more; }
static void *pointer_of(SEXP x, Rboolean writable) {
  (void)writable;
  return REAL(R_altrep_data1(x));
}

static SEXP state_of(SEXP x) {
  (void)x;
  if (++count != when) return NULL; /* it is serialized as other vectors are */
  if (strcmp(what, "error") == 0) Rf_error("broken on purpose");
  if (strcmp(what, "memory") == 0) return Rf_allocVector(RAWSXP, (R_xlen_t)1000000000000000);
  if (strcmp(what, "more") == 0) more = 10;
  if (strcmp(what, "fewer") == 0) more = -10;
  if (strcmp(what, "interrupt") == 0) raise(SIGINT);
  if (strcmp(what, "kill") == 0) raise(SIGKILL);
  if (strcmp(what, "exit") == 0) _exit(3);
  if (strcmp(what, "fork") == 0 && fork() < 0) Rf_error("cannot fork");
  return NULL;
}

static double element(SEXP x, R_xlen_t i) { return REAL(R_altrep_data1(x))[i]; }

SEXP turn(SEXP x, SEXP at, SEXP how) {
  SEXP room = PROTECT(Rf_allocVector(REALSXP, XLENGTH(x) + 10)), out;
  memcpy(REAL(room), REAL(x), (size_t)XLENGTH(x) * sizeof(double));
  memset(REAL(room) + XLENGTH(x), 0, 10 * sizeof(double));
  SETLENGTH(room, XLENGTH(x));
  count = 0, more = 0;
  when = Rf_asInteger(at);
  strncpy(what, CHAR(STRING_ELT(how, 0)), sizeof what - 1);
  out = R_new_altrep(class_of_turn, room, R_NilValue);
  UNPROTECT(1);
  return out;
}

SEXP turns(void) { return Rf_ScalarInteger(count); }

void R_init_turn(DllInfo *info) {
  class_of_turn = R_make_altreal_class("turn", "turn", info);
  R_set_altrep_Length_method(class_of_turn, length_of);
  R_set_altrep_Serialized_state_method(class_of_turn, state_of);
  R_set_altvec_Dataptr_method(class_of_turn, pointer_of);
  R_set_altreal_Elt_method(class_of_turn, element);
}
