/* What programs on the io thread have to say, for R to print. */
#include "r/ffi_events.h"

#include "r/ffi_signal.h"

static void events_free(void *events) { p2p_events_free(events); }

SEXP ffi_events_new(void) {
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_EVENTS, events_free));
  struct p2p_events *events = p2p_events_new(1000);
  if (events == NULL) Rf_error("Out of memory.");
  p2p_ffi_handle_set(handle, events);
  UNPROTECT(1);
  return handle;
}

/* list(level, error, text), or NULL when nothing came within timeout_ms, or a signal did. */
SEXP ffi_events_next(SEXP handle, SEXP timeout_ms) {
  struct p2p_events *events = p2p_ffi_handle_get(handle, P2P_TAG_EVENTS);
  struct p2p_event event;
  bool has_event = p2p_events_next(events, 0, &event);
  if (!has_event && Rf_asInteger(timeout_ms) > 0) {
    p2p_ffi_wait(p2p_events_fd(events), Rf_asInteger(timeout_ms));
    has_event = p2p_events_next(events, 0, &event);
  }
  if (!has_event) return R_NilValue;
  static const char *const levels[] = { "debug", "info", "warn", "fatal" };
  const char *names[] = { "level", "error", "text", "" };
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_mkString(levels[event.level]));
  SET_VECTOR_ELT(out, 1, Rf_mkString(event.code != 0 ? p2p_err_name(event.code) : ""));
  SET_VECTOR_ELT(out, 2, Rf_ScalarString(Rf_mkCharCE(event.text, CE_UTF8)));
  UNPROTECT(1);
  return out;
}
