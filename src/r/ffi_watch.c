/* A watch on a client, for event loops of R such as that of the package later. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "r/ffi_client.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"

#define TAG_WATCH "watch"

/* The descriptor is a duplicate: an event loop may still poll it on another thread after the client
 * was closed, and must not poll another file of the same number then. */
struct watch {
  int fd;
};

static void watch_free(void *value) {
  struct watch *watch = value;
  close(watch->fd);
  free(watch);
}

/* Returns a handle. The descriptors may be polled until it is closed. */
SEXP ffi_watch_new(SEXP client) {
  int client_fd = p2p_client_watch_fd(p2p_ffi_handle_get(client, P2P_TAG_CLIENT));
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_WATCH, watch_free));
  R_SetExternalPtrProtected(handle, client);
  struct watch *watch = malloc(sizeof *watch);
  if (watch == NULL) p2p_ffi_raise_memory();
  watch->fd = fcntl(client_fd, F_DUPFD_CLOEXEC, 0);
  if (watch->fd < 0) {
    struct p2p_err err;
    int failure = errno;
    free(watch);
    p2p_err_set(&err, P2P_ERR_SYSTEM, "cannot watch for results: %s", strerror(failure));
    p2p_err_of_limit(&err, failure, P2P_ERR_SYSTEM);
    p2p_ffi_raise(&err);
  }
  p2p_ffi_handle_set(handle, watch);
  UNPROTECT(1);
  return handle;
}

/* One of these is readable when the client has changed since ffi_watch_poll(), when a log line
 * waits, or when the client was closed. */
SEXP ffi_watch_fds(SEXP handle) {
  const struct watch *watch = p2p_ffi_handle_get(handle, TAG_WATCH);
  SEXP client = R_ExternalPtrProtected(handle);
  SEXP fds = PROTECT(Rf_allocVector(INTSXP, 2));
  int *out = INTEGER(fds);
  out[0] = watch->fd;
  out[1] = p2p_log_queue_fd(p2p_ffi_handle_get(R_ExternalPtrProtected(client), P2P_TAG_LOG));
  UNPROTECT(1);
  return fds;
}

/* Called before R looks at what has changed. */
SEXP ffi_watch_poll(SEXP client) {
  p2p_client_watch_poll(p2p_ffi_handle_get(client, P2P_TAG_CLIENT));
  return R_NilValue;
}
