/* Arguments that R passes as one named list. */
#ifndef P2P_R_FFI_CONFIG_H
#define P2P_R_FFI_CONFIG_H

#include "board/board_config.h"
#include "protocol/resources.h"
#include "r/ffi.h"

/* Elements of a named list. A missing element is NULL or `otherwise`. Strings are valid until the
 * .Call returns. */
SEXP p2p_ffi_element(SEXP list, const char *name); /* R_NilValue: it is missing */
const char *p2p_ffi_text(SEXP list, const char *name);
double p2p_ffi_number(SEXP list, const char *name, double otherwise);
/* A number from 0 to `most`, truncated to an integer. Raises an R error (p2p_error_invalid) for
 * anything else. */
uint64_t p2p_ffi_count(SEXP list, const char *name, uint64_t otherwise, uint64_t most);
/* A character vector as a NULL-terminated array, valid until the .Call returns. */
const char *const *p2p_ffi_texts(SEXP list, const char *name, size_t *length);

/* An integer vector; NULL, with *length 0, if it is missing. */
const int *p2p_ffi_integers(SEXP list, const char *name, size_t *length);

/* Elements "cores", "memory_mib", "gpu" and "tags", of R's resources_config(); NULL requests
 * nothing. Raises an R error (p2p_error_invalid) for anything else. */
void p2p_ffi_resources(SEXP list, struct p2p_resources *out);

/* Where to meet, from the elements that R's board_config() makes. Valid until the .Call returns. */
struct p2p_board_config p2p_ffi_board_config(SEXP config);

#endif
