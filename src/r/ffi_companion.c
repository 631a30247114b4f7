/* The program beside a worker, for R: the worker's end and its own. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "proc/secrecy.h"
#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"
#include "worker/companion.h"
#include "worker/lifeline.h"

#define TAG_COMPANION "companion"

static void companion_free(void *companion) { p2p_companion_free(companion); }

/* The dashboard: `argv`, and the text that it reads from its stdin. */
SEXP ffi_companion_new(SEXP config, SEXP log) {
  const struct p2p_companion_config c = {.loop = p2p_ffi_loop(),
                                         .name = "dashboard",
                                         .argv = p2p_ffi_texts(config, "argv", NULL),
                                         .input = p2p_ffi_text(config, "input")};
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_COMPANION, companion_free, log));
  struct p2p_companion *companion;
  struct p2p_err err = {0};
  if (p2p_companion_new(&c, p2p_ffi_handle_get(log, P2P_TAG_LOG), &companion, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, companion);
  UNPROTECT(1);
  return handle;
}

/* Its first line, once; else NULL. */
SEXP ffi_companion_take(SEXP handle) {
  char line[P2P_COMPANION_LINE_MAX];
  bool has_line = p2p_companion_take(p2p_ffi_handle_get(handle, TAG_COMPANION), line);
  return has_line ? p2p_ffi_string(line) : R_NilValue;
}

/* In such a program, which leads its process group and has read its stdin: from now on it ends with
 * the worker, and nobody else may look into it. */
SEXP ffi_companion_begin(void) {
  static struct p2p_lifeline lifeline; /* until the process ends */
  struct p2p_err err = {0};
  int failure = getpgrp() == getpid() ? p2p_lifeline_watch(&lifeline, STDIN_FILENO) : EPERM;
  if (failure != 0) {
    p2p_err_set(&err, P2P_ERR_SYSTEM, "cannot watch the worker: %s", strerror(failure));
    p2p_ffi_raise(&err);
  }
  p2p_secrecy_begin();
  return R_NilValue;
}
