/* Handles: external pointers that own values of the core. */
#include "r/ffi_handle.h"

#include <stdlib.h>
#include <unistd.h>

#include "r/ffi_error.h"

struct handle {
  struct handle *previous, *next; /* in the list of all handles, the newest first */
  void *value;                    /* NULL: not set, freed, or given away */
  void (*free)(void *value);
  void (*release)(void *arg);
  void *release_arg;
  pid_t owner;
};

static struct handle *newest;
static int n_live; /* handles whose finalizer has not run: our code must stay loaded for them */

static void free_value(struct handle *handle) {
  void *value = handle->value;
  handle->value = NULL;
  if (handle->owner != getpid()) return;
  if (value != NULL) handle->free(value);
  if (handle->release != NULL) handle->release(handle->release_arg);
  handle->release = NULL;
}

static void unlink_handle(struct handle *handle) {
  if (handle->previous != NULL)
    handle->previous->next = handle->next;
  else
    newest = handle->next;
  if (handle->next != NULL) handle->next->previous = handle->previous;
}

static void link_handle(struct handle *handle) {
  handle->next = newest;
  if (newest != NULL) newest->previous = handle;
  newest = handle;
}

void p2p_ffi_handle_close(SEXP pointer) {
  if (TYPEOF(pointer) != EXTPTRSXP) return;
  struct handle *handle = R_ExternalPtrAddr(pointer);
  if (handle == NULL) return;
  R_ClearExternalPtr(pointer);
  free_value(handle);
  unlink_handle(handle);
  free(handle);
}

static void finalize(SEXP pointer) {
  n_live--;
  p2p_ffi_handle_close(pointer);
}

SEXP p2p_ffi_handle(const char *tag, void (*free)(void *value)) {
  struct handle *handle = calloc(1, sizeof *handle);
  if (handle == NULL) p2p_ffi_raise_memory();
  handle->free = free;
  handle->owner = getpid();
  SEXP pointer = PROTECT(R_MakeExternalPtr(handle, Rf_install(tag), R_NilValue));
  R_RegisterCFinalizerEx(pointer, finalize, TRUE);
  n_live++;
  link_handle(handle);
  UNPROTECT(1);
  return pointer;
}

static struct handle *handle_of(SEXP pointer, const char *tag) {
  if (TYPEOF(pointer) != EXTPTRSXP || R_ExternalPtrTag(pointer) != Rf_install(tag))
    Rf_error("not the handle of a %s", tag);
  struct handle *handle = R_ExternalPtrAddr(pointer);
  if (handle == NULL) Rf_error("this %s is closed", tag);
  if (handle->owner != getpid())
    Rf_error("this %s belongs to the parent process and cannot be used in a fork", tag);
  return handle;
}

void p2p_ffi_handle_set(SEXP pointer, void *value) {
  struct handle *handle = R_ExternalPtrAddr(pointer);
  handle->value = value;
}

void *p2p_ffi_handle_get(SEXP pointer, const char *tag) {
  void *value = handle_of(pointer, tag)->value;
  if (value == NULL) Rf_error("this %s is closed", tag);
  return value;
}

void p2p_ffi_handle_on_free(SEXP pointer, void (*release)(void *arg), void *arg) {
  struct handle *handle = R_ExternalPtrAddr(pointer);
  handle->release = release;
  handle->release_arg = arg;
}

void p2p_ffi_handle_free_values(void) {
  for (struct handle *handle = newest; handle != NULL; handle = handle->next) free_value(handle);
}

SEXP ffi_handle_close(SEXP handle) {
  p2p_ffi_handle_close(handle);
  return R_NilValue;
}

/* Whether the handle can be used: it was not closed, is not a copy that R read from a file, and
 * does not belong to the process that forked this one. */
SEXP ffi_handle_is_open(SEXP pointer) {
  struct handle *handle = TYPEOF(pointer) == EXTPTRSXP ? R_ExternalPtrAddr(pointer) : NULL;
  return Rf_ScalarLogical(handle != NULL && handle->value != NULL && handle->owner == getpid());
}

/* The number of handles, closed ones included, whose finalizer has not run. */
SEXP ffi_handles_live(void) { return Rf_ScalarInteger(n_live); }
