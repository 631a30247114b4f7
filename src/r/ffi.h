/* What the ffi_*.c files share: R's headers, the io thread of this process, handles that outlive no
 * fork, and the one way from a struct p2p_err to an R condition. All of it runs on R's main thread.
 */
#ifndef P2P_R_FFI_H
#define P2P_R_FFI_H

#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#include <Rinternals.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "board/board_config.h"
#include "net/loop.h"

/* The io thread, started by the first call. Raises an R error when it cannot be. */
struct p2p_loop *p2p_ffi_loop(void);
/* Joins the io thread (when the package is unloaded). */
void p2p_ffi_loop_stop(void);

/* Raises an R error of class p2p_error_<name> and p2p_error. Does not return; hold no C resource.
 */
void p2p_ffi_raise(const struct p2p_err *err);
/* An error as R sees it: list(what, message, reason), `what` as p2p_err_name() says and `reason` ""
 * when there is none. NULL for P2P_OK. */
SEXP p2p_ffi_error(const struct p2p_err *err);

/* A handle: an external pointer with a tag, a finalizer that also runs when R ends, and the pid
 * that made it, since a child of fork() must not touch what belongs to its parent's io thread. Make
 * the handle first, with NULL, so that what is put into it always has an owner. */
SEXP p2p_ffi_handle(const char *tag, void (*free)(void *value));
void p2p_ffi_handle_set(SEXP handle, void *value);
/* The value; an R error when it is another tag's, was closed, or crossed a fork. */
void *p2p_ffi_handle_get(SEXP handle, const char *tag);
/* Frees now. Takes a handle that was closed before. */
void p2p_ffi_handle_close(SEXP handle);

/* Elements of a named list. A missing element is NULL or `otherwise`. Text is borrowed from the
 * list. */
const char *p2p_ffi_text(SEXP list, const char *name);
double p2p_ffi_number(SEXP list, const char *name, double otherwise);
/* A number from 0 to `most`, its fraction cut off; an R error (of class p2p_error_invalid) when it
 * is anything else. */
uint64_t p2p_ffi_count(SEXP list, const char *name, uint64_t otherwise, uint64_t most);
/* A character vector as an array that is NULL-terminated and lives as long as the .Call. */
const char *const *p2p_ffi_texts(SEXP list, const char *name, size_t *length);

/* Where to meet, from the elements that R's board_config() makes. Valid until the .Call returns. */
struct p2p_board_config p2p_ffi_board_config(SEXP config);

/* R objects as bytes: serialization version 3, native byte order. */
#define P2P_TAG_BLOB "object"
SEXP p2p_ffi_blob_handle(struct p2p_blob *object); /* takes the object over */

#endif
