/* Questions to the board for R: pico_username(), and the mailbox server of wormhole_send(); names
 * of clusters. */
#include <string.h>

#include "board/lookup.h"
#include "board/topic.h"
#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"

#define TAG_LOOKUP "lookup"

static void stop_service(void *service) { p2p_service_stop(service); }

static enum p2p_lookup_what read_what(SEXP what) {
  const char *text = CHAR(STRING_ELT(what, 0));
  if (strcmp(text, "services") == 0) return P2P_LOOKUP_SERVICES;
  if (strcmp(text, "client_address") == 0) return P2P_LOOKUP_CLIENT_ADDRESS;
  return strcmp(text, "host_key") == 0 ? P2P_LOOKUP_HOST_KEY : P2P_LOOKUP_USER;
}

/* The answer is one line of `log`, see board/lookup.h. `what`: "user", "services", "host_key"
 * or "client_address". */
SEXP ffi_lookup(SEXP config, SEXP what, SEXP log) {
  const struct p2p_board_config board = p2p_ffi_board_config(config);
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_LOOKUP, stop_service, log));
  struct p2p_service *service = NULL;
  struct p2p_err err = {0};
  struct p2p_loop *loop = p2p_ffi_loop();
  if (p2p_lookup_start(loop, &board, read_what(what), p2p_ffi_handle_get(log, P2P_TAG_LOG),
                       &service, &err) != P2P_OK) {
    p2p_ffi_handle_close(handle);
    p2p_ffi_raise(&err);
  }
  p2p_ffi_handle_set(handle, service);
  UNPROTECT(1);
  return handle;
}

/* Raises an error if this is not the name of a cluster. */
SEXP ffi_cluster_check(SEXP name) {
  struct p2p_cluster cluster;
  struct p2p_err err = {0};
  if (p2p_cluster_parse(Rf_translateCharUTF8(STRING_ELT(name, 0)), &cluster, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  return R_NilValue;
}
