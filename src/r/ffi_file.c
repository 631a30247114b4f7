/* Changes of files, for R. */
#include "net/file_report.h"
#include "r/ffi.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"

#define TAG_FILE "file"

static void stop_service(void *service) { p2p_service_stop(service); }

/* Writes a line of level "debug" to `log` whenever the file `path` has changed, until the handle is
 * closed. */
SEXP ffi_file_report(SEXP path, SEXP log) {
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_FILE, stop_service, log));
  struct p2p_service *service = NULL;
  struct p2p_err err = {0};
  if (p2p_file_report_start(p2p_ffi_loop(), Rf_translateChar(STRING_ELT(path, 0)),
                            p2p_ffi_handle_get(log, P2P_TAG_LOG), &service, &err) != P2P_OK) {
    p2p_ffi_handle_close(handle);
    p2p_ffi_raise(&err);
  }
  p2p_ffi_handle_set(handle, service);
  UNPROTECT(1);
  return handle;
}
