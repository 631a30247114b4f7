/* Shared by the ffi_*.c files: R's headers, the io thread of this process, handles (external
 * pointers), and the conversion of a struct p2p_err to an R condition. Everything here runs on R's
 * main thread. */
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

/* The io thread. The first call starts it, and arranges that it is stopped when R ends. Raises an R
 * error if it cannot be started. */
struct p2p_loop *p2p_ffi_loop(void);
/* Frees the values of all handles, then stops and joins the io thread. In a fork of the process
 * that started it, abandons both. A later call of p2p_ffi_loop() starts a new thread. */
void p2p_ffi_loop_stop(void);

/* Raises an R error with the classes p2p_error_<name> and p2p_error. Does not return: the caller
 * must not hold C resources. */
void p2p_ffi_raise(const struct p2p_err *err);
void p2p_ffi_raise_memory(void); /* "out of memory" */
/* An error as R gets it: list(what, message, reason), where `what` is p2p_err_name() and `reason`
 * is "" if there is none. NULL for P2P_OK. */
SEXP p2p_ffi_error(const struct p2p_err *err);
/* A string in UTF-8. */
SEXP p2p_ffi_string(const char *text);

/* A handle is an external pointer that owns a value of the core. It has a tag (the type's name), a
 * finalizer that also runs when R ends, and the pid of the process that made it: a fork must not
 * touch values that use the io thread of its parent. Make the handle first, then the value, so that
 * an error in between leaks nothing. */
SEXP p2p_ffi_handle(const char *tag, void (*free)(void *value));
void p2p_ffi_handle_set(SEXP handle, void *value);
/* The value. Raises an R error if the handle has another tag, was closed, or crossed a fork. */
void *p2p_ffi_handle_get(SEXP handle, const char *tag);
/* Calls release(arg) after the value has been freed. */
void p2p_ffi_handle_on_free(SEXP handle, void (*release)(void *arg), void *arg);
/* Frees the value now. Does nothing if the handle is closed. */
void p2p_ffi_handle_close(SEXP handle);
/* Frees the values of all handles that this process made, the newest first. The handles stay. */
void p2p_ffi_handle_free_values(void);

/* Elements of a named list. A missing element is NULL or `otherwise`. Strings are valid until the
 * .Call returns. */
const char *p2p_ffi_text(SEXP list, const char *name);
double p2p_ffi_number(SEXP list, const char *name, double otherwise);
/* A number from 0 to `most`, truncated to an integer. Raises an R error (p2p_error_invalid) for
 * anything else. */
uint64_t p2p_ffi_count(SEXP list, const char *name, uint64_t otherwise, uint64_t most);
/* A character vector as a NULL-terminated array, valid until the .Call returns. */
const char *const *p2p_ffi_texts(SEXP list, const char *name, size_t *length);

/* Where to meet, from the elements that R's board_config() makes. Valid until the .Call returns. */
struct p2p_board_config p2p_ffi_board_config(SEXP config);

/* Serialized R objects (version 3, native byte order). */
#define P2P_TAG_BLOB "serialized object"
/* A handle that owns the blob, which may be NULL. */
SEXP p2p_ffi_blob_handle(struct p2p_blob *blob);

#endif
