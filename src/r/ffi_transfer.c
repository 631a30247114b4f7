/* wormhole_send() and wormhole_receive() for R. */
#include <R_ext/Utils.h>
#include <stdio.h>
#include <string.h>

#include "crypto/random.h"
#include "protocol/public_services.h"
#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_loop.h"
#include "r/ffi_wait.h"
#include "transfer/transfer.h"
#include "wormhole/code.h"

#define TAG_TRANSFER "transfer"

/* c(mailbox = , relay = ) */
SEXP ffi_public_services(void) {
  SEXP out = PROTECT(Rf_allocVector(STRSXP, 2)), names = PROTECT(Rf_allocVector(STRSXP, 2));
  SET_STRING_ELT(out, 0, Rf_mkChar(P2P_PUBLIC_MAILBOX));
  SET_STRING_ELT(out, 1, Rf_mkChar(P2P_PUBLIC_RELAY));
  SET_STRING_ELT(names, 0, Rf_mkChar("mailbox"));
  SET_STRING_ELT(names, 1, Rf_mkChar("relay"));
  Rf_setAttrib(out, R_NamesSymbol, names);
  UNPROTECT(2);
  return out;
}

/* A code that nobody has to type, and nobody can guess. */
SEXP ffi_code_new(void) {
  char nameplate[P2P_NAMEPLATE_MAX], code[P2P_CODE_MAX];
  (void)p2p_ffi_loop(); /* initializes libsodium */
  snprintf(nameplate, sizeof nameplate, "%u", 1000000000U + p2p_random_below(1000000000U));
  p2p_code_make(nameplate, false, code);
  return p2p_ffi_string(code);
}

static void transfer_free(void *transfer) { p2p_transfer_free(transfer); }

/* `bytes`: NULL, or a raw vector to send. The handle protects it, and R code must not change it. */
SEXP ffi_transfer_new(SEXP config, SEXP bytes) {
  struct p2p_transfer_config c = {
      .loop = p2p_ffi_loop(),
      .mailbox = p2p_ffi_text(config, "mailbox"),
      .relay = p2p_ffi_text(config, "relay"),
      .code = p2p_ffi_text(config, "code"),
      .no_listen = p2p_ffi_number(config, "listen", 1) == 0,
      .no_direct = p2p_ffi_number(config, "direct", 1) == 0,
      .must_confirm = p2p_ffi_number(config, "confirm", 0) != 0,
      .timeout_ms = (uint32_t)p2p_ffi_number(config, "timeout_ms", 600000),
      .file = p2p_ffi_text(config, "file"),
      .name = p2p_ffi_text(config, "name"),
      .text = p2p_ffi_text(config, "text"),
      .path = p2p_ffi_text(config, "path"),
      .path_is_directory = p2p_ffi_number(config, "path_is_directory", 0) != 0,
  };
  if (TYPEOF(bytes) == RAWSXP) {
    c.bytes = Rf_xlength(bytes) > 0 ? (const void *)RAW(bytes) : "";
    c.length = (size_t)Rf_xlength(bytes);
  }
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_TRANSFER, transfer_free));
  R_SetExternalPtrProtected(handle, bytes);
  struct p2p_transfer *transfer;
  struct p2p_err err = {0};
  if (p2p_transfer_new(&c, &transfer, &err) != P2P_OK) p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, transfer);
  UNPROTECT(1);
  return handle;
}

/* A named list; `failed` is NULL or as p2p_ffi_error() makes it. */
SEXP ffi_transfer_status(SEXP handle) {
  static const char *const states[] = {"mailbox", "waiting", "confirming", "connecting",
                                       "moving",  "done",    "failed"};
  struct p2p_transfer_status status;
  p2p_transfer_status(p2p_ffi_handle_get(handle, TAG_TRANSFER), &status);
  const char *names[] = {"state", "code",  "verifier", "way",  "name", "is_text",
                         "size",  "moved", "failed",   "path", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_mkString(states[status.state]));
  SET_VECTOR_ELT(out, 1, p2p_ffi_string(status.code));
  SET_VECTOR_ELT(out, 2, p2p_ffi_string(status.verifier));
  SET_VECTOR_ELT(out, 3, p2p_ffi_string(status.route));
  SET_VECTOR_ELT(out, 4, p2p_ffi_string(status.name));
  SET_VECTOR_ELT(out, 5, Rf_ScalarLogical(status.is_text));
  SET_VECTOR_ELT(out, 6, Rf_ScalarReal((double)status.size_bytes));
  SET_VECTOR_ELT(out, 7, Rf_ScalarReal((double)status.moved_bytes));
  SET_VECTOR_ELT(out, 8,
                 status.state == P2P_TRANSFER_FAILED ? p2p_ffi_error(&status.err) : R_NilValue);
  SET_VECTOR_ELT(out, 9, p2p_ffi_string(status.path));
  UNPROTECT(1);
  return out;
}

/* Waits until the status has changed since generation `seen` (a double; 0: any generation),
 * timeout_ms have passed or a signal arrives. Returns the current generation. */
SEXP ffi_transfer_wait(SEXP handle, SEXP seen, SEXP timeout_ms) {
  struct p2p_transfer *transfer = p2p_ffi_handle_get(handle, TAG_TRANSFER);
  uint64_t before = (uint64_t)Rf_asReal(seen), now = p2p_transfer_wait(transfer, before, 0);
  if (now == before) {
    p2p_ffi_wait(p2p_transfer_fd(transfer), Rf_asInteger(timeout_ms));
    now = p2p_transfer_wait(transfer, before, 0);
  } else {
    R_CheckUserInterrupt();
  }
  return Rf_ScalarReal((double)now);
}

SEXP ffi_transfer_confirm(SEXP handle, SEXP is_same) {
  p2p_transfer_confirm(p2p_ffi_handle_get(handle, TAG_TRANSFER), Rf_asLogical(is_same) == TRUE);
  return R_NilValue;
}

/* The received text, or NULL. A text with a NUL, which R strings cannot contain, is cut there. */
SEXP ffi_transfer_text(SEXP handle) {
  size_t length;
  const char *received = p2p_transfer_text(p2p_ffi_handle_get(handle, TAG_TRANSFER), &length);
  return received == NULL ? R_NilValue : p2p_ffi_string(received);
}
