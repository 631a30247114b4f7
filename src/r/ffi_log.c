/* What programs on the io thread have to say, for R to print. */
#include "r/ffi_log.h"

#include <string.h>

#include "r/ffi_signal.h"

static void events_free(void *log) { p2p_log_queue_free(log); }

SEXP ffi_events_new(void) {
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_LOG, events_free));
  struct p2p_log_queue *log = p2p_log_queue_new(1000);
  if (log == NULL) Rf_error("Out of memory.");
  p2p_ffi_handle_set(handle, log);
  UNPROTECT(1);
  return handle;
}

/* list(level, error, text), `error` as p2p_ffi_error() makes it, or NULL when nothing came within
 * timeout_ms, or a signal did. */
SEXP ffi_events_next(SEXP handle, SEXP timeout_ms) {
  struct p2p_log_queue *log = p2p_ffi_handle_get(handle, P2P_TAG_LOG);
  struct p2p_log_line event;
  bool has_event = p2p_log_queue_next(log, 0, &event);
  if (!has_event && Rf_asInteger(timeout_ms) > 0) {
    p2p_ffi_wait(p2p_log_queue_fd(log), Rf_asInteger(timeout_ms));
    has_event = p2p_log_queue_next(log, 0, &event);
  }
  if (!has_event) return R_NilValue;
  static const char *const levels[] = {"debug", "info", "warn", "fatal"};
  const char *names[] = {"level", "error", "text", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_mkString(levels[event.level]));
  struct p2p_err err = {.code = event.code, .reason = event.reason};
  memcpy(err.message, event.text, sizeof err.message - 1);
  SET_VECTOR_ELT(out, 1, p2p_ffi_error(&err));
  SET_VECTOR_ELT(out, 2, Rf_ScalarString(Rf_mkCharCE(event.text, CE_UTF8)));
  UNPROTECT(1);
  return out;
}
