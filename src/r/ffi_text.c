/* Text for the terminal: made safe to show, and how much of it there is room for. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/sanitize.h"
#include "r/ffi.h"

/* As p2p_sanitize() does it, for each string. */
SEXP ffi_sanitize(SEXP texts) {
  SEXP out = PROTECT(Rf_allocVector(STRSXP, XLENGTH(texts)));
  for (R_xlen_t i = 0; i < XLENGTH(texts); i++) {
    SEXP element = STRING_ELT(texts, i);
    const char *text =
        Rf_getCharCE(element) == CE_BYTES ? R_CHAR(element) : Rf_translateCharUTF8(element);
    size_t size = strlen(text) + 1;
    char *safe = R_alloc(size, 1);
    p2p_sanitize(text, size - 1, safe, size);
    SET_STRING_ELT(out, i, Rf_mkCharCE(safe, CE_UTF8));
  }
  UNPROTECT(1);
  return out;
}

/* The columns of the terminal that standard error is; 0: not known. */
SEXP ffi_terminal_width(void) {
  struct winsize size = {0};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) size.ws_col = 0;
  return Rf_ScalarInteger(size.ws_col);
}
