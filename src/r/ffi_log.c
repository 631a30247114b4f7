/* Log queues for R: programs on the io thread write lines, R prints them. */
#include "r/ffi_log.h"

#include <errno.h>
#include <string.h>

#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_wait.h"

#define MAX_LINES 1000

static void unref(void *log) { p2p_log_queue_unref(log); }

SEXP ffi_log_new(void) {
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_LOG, unref));
  struct p2p_log_queue *log = p2p_log_queue_new(MAX_LINES);
  if (log == NULL) {
    struct p2p_err err;
    int failure = errno;
    p2p_err_set(&err, P2P_ERR_SYSTEM, "cannot create a log queue: %s", strerror(failure));
    p2p_err_of_limit(&err, failure, P2P_ERR_SYSTEM);
    p2p_ffi_raise(&err);
  }
  p2p_ffi_handle_set(handle, log);
  UNPROTECT(1);
  return handle;
}

SEXP p2p_ffi_handle_with_log(const char *tag, void (*free)(void *value), SEXP log) {
  struct p2p_log_queue *queue = p2p_ffi_handle_get(log, P2P_TAG_LOG);
  SEXP handle = PROTECT(p2p_ffi_handle(tag, free));
  R_SetExternalPtrProtected(handle, log);
  p2p_ffi_handle_on_free(handle, unref, p2p_log_queue_ref(queue));
  UNPROTECT(1);
  return handle;
}

/* The next line, list(level, error, text, event), with `error` as p2p_ffi_error() makes it. NULL if
 * there is none within timeout_ms, or if a signal arrived. */
SEXP ffi_log_next(SEXP handle, SEXP timeout_ms) {
  static const char *const levels[] = {"debug", "info", "notice", "warn", "fatal"};
  struct p2p_log_queue *log = p2p_ffi_handle_get(handle, P2P_TAG_LOG);
  struct p2p_log_line line;
  bool has_line = p2p_log_queue_next(log, 0, &line);
  if (!has_line && Rf_asInteger(timeout_ms) > 0) {
    p2p_ffi_wait(p2p_log_queue_fd(log), Rf_asInteger(timeout_ms));
    has_line = p2p_log_queue_next(log, 0, &line);
  }
  if (!has_line) return R_NilValue;
  const char *names[] = {"level", "error", "text", "event", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_mkString(levels[line.level]));
  struct p2p_err err = {.code = line.code, .reason = line.reason};
  memcpy(err.message, line.text, sizeof err.message - 1);
  SET_VECTOR_ELT(out, 1, p2p_ffi_error(&err));
  SET_VECTOR_ELT(out, 2, p2p_ffi_string(line.text));
  SET_VECTOR_ELT(out, 3, line.event != NULL ? p2p_ffi_string(line.event) : R_NilValue);
  UNPROTECT(1);
  return out;
}
