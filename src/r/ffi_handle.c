/* Handles: external pointers that own something of the core. */
#include "r/ffi.h"

#include <stdlib.h>
#include <unistd.h>

struct handle {
  void *value;
  void (*free)(void *value);
  pid_t owner;
};

static int
    live; /* pointers whose finalizer is still to run: until then our code must stay loaded */

static void handle_drop(SEXP pointer) {
  struct handle *handle = R_ExternalPtrAddr(pointer);
  if (handle == NULL) return;
  R_ClearExternalPtr(pointer);
  if (handle->value != NULL && handle->owner == getpid()) handle->free(handle->value);
  free(handle);
}

static void handle_finalize(SEXP pointer) {
  live--;
  handle_drop(pointer);
}

SEXP p2p_ffi_handle(const char *tag, void (*free_value)(void *value)) {
  struct handle *handle = calloc(1, sizeof *handle);
  if (handle == NULL) Rf_error("Out of memory.");
  handle->free = free_value;
  handle->owner = getpid();
  SEXP pointer = PROTECT(R_MakeExternalPtr(handle, Rf_install(tag), R_NilValue));
  R_RegisterCFinalizerEx(pointer, handle_finalize, TRUE);
  live++;
  UNPROTECT(1);
  return pointer;
}

static struct handle *handle_of(SEXP pointer, const char *tag) {
  if (TYPEOF(pointer) != EXTPTRSXP || R_ExternalPtrTag(pointer) != Rf_install(tag))
    Rf_error("Not a handle of a %s.", tag);
  struct handle *handle = R_ExternalPtrAddr(pointer);
  if (handle == NULL) Rf_error("This %s was closed.", tag);
  if (handle->owner != getpid())
    Rf_error("This %s belongs to the process that made it, not to a fork of it.", tag);
  return handle;
}

void p2p_ffi_handle_set(SEXP pointer, void *value) {
  struct handle *handle = R_ExternalPtrAddr(pointer);
  handle->value = value;
}

void *p2p_ffi_handle_get(SEXP pointer, const char *tag) {
  void *value = handle_of(pointer, tag)->value;
  if (value == NULL) Rf_error("This %s was given away.", tag);
  return value;
}

void p2p_ffi_handle_close(SEXP pointer) {
  if (TYPEOF(pointer) == EXTPTRSXP) handle_drop(pointer);
}

/* How many handles there are that R has not finalized yet, closed ones among them. */
SEXP ffi_handles_live(void) { return Rf_ScalarInteger(live); }
