/* Handles: external pointers that own values of the core. */
#ifndef P2P_R_FFI_HANDLE_H
#define P2P_R_FFI_HANDLE_H

#include "r/ffi.h"

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

#endif
