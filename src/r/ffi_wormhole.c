/* File transfers for R: start, status, wait, confirm, close. */
#include <R_ext/Utils.h>
#include <string.h>

#include "protocol/public_services.h"
#include "r/ffi.h"
#include "r/ffi_signal.h"
#include "transfer/transfer.h"

#define P2P_TAG_TRANSFER "transfer"

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

static void transfer_free(void *transfer) { p2p_transfer_free(transfer); }

/* `bytes`: a raw vector, which the handle keeps alive and nobody changes while it is sent; or NULL.
 */
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
  };
  if (TYPEOF(bytes) == RAWSXP) {
    c.bytes = Rf_xlength(bytes) > 0 ? (const void *)RAW(bytes) : "";
    c.length = (size_t)Rf_xlength(bytes);
  }
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_TRANSFER, transfer_free));
  R_SetExternalPtrProtected(handle, bytes);
  struct p2p_transfer *transfer;
  struct p2p_err err = {0};
  if (p2p_transfer_new(&c, &transfer, &err) != P2P_OK) p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, transfer);
  UNPROTECT(1);
  return handle;
}

static SEXP text(const char *value) { return Rf_ScalarString(Rf_mkCharCE(value, CE_UTF8)); }

/* A named list; `failed` is NULL or as p2p_ffi_error() makes it. */
SEXP ffi_transfer_status(SEXP handle) {
  static const char *const states[] = {"mailbox", "waiting", "confirming", "connecting",
                                       "moving",  "done",    "failed"};
  struct p2p_transfer_status status;
  p2p_transfer_status(p2p_ffi_handle_get(handle, P2P_TAG_TRANSFER), &status);
  const char *names[] = {"state",   "code", "verifier", "way",    "name",
                         "is_text", "size", "moved",    "failed", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_mkString(states[status.state]));
  SET_VECTOR_ELT(out, 1, text(status.code));
  SET_VECTOR_ELT(out, 2, text(status.verifier));
  SET_VECTOR_ELT(out, 3, text(status.way));
  SET_VECTOR_ELT(out, 4, text(status.name));
  SET_VECTOR_ELT(out, 5, Rf_ScalarLogical(status.is_text));
  SET_VECTOR_ELT(out, 6, Rf_ScalarReal((double)status.size_bytes));
  SET_VECTOR_ELT(out, 7, Rf_ScalarReal((double)status.moved_bytes));
  SET_VECTOR_ELT(out, 8,
                 status.state == P2P_TRANSFER_FAILED ? p2p_ffi_error(&status.err) : R_NilValue);
  UNPROTECT(1);
  return out;
}

/* The generation after `seen` (a double; 0: the current one), or `seen` itself after timeout_ms. */
SEXP ffi_transfer_wait(SEXP handle, SEXP seen, SEXP timeout_ms) {
  struct p2p_transfer *transfer = p2p_ffi_handle_get(handle, P2P_TAG_TRANSFER);
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
  p2p_transfer_confirm(p2p_ffi_handle_get(handle, P2P_TAG_TRANSFER), Rf_asLogical(is_same) == TRUE);
  return R_NilValue;
}

/* The received text, or NULL. R has no NUL in its strings: there the text is cut. */
SEXP ffi_transfer_text(SEXP handle) {
  size_t length;
  const char *received = p2p_transfer_text(p2p_ffi_handle_get(handle, P2P_TAG_TRANSFER), &length);
  return received == NULL ? R_NilValue : text(received);
}

SEXP ffi_transfer_close(SEXP handle) {
  p2p_ffi_handle_close(handle);
  return R_NilValue;
}
