/* host_cluster() for R. */
#include "board/cluster_host.h"
#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"

#define TAG_HOST "host"

static void host_free(void *host) { p2p_cluster_host_free(host); }

SEXP ffi_host_new(SEXP config, SEXP log) {
  struct p2p_member_config c = {
      .loop = p2p_ffi_loop(),
      .board = p2p_ffi_board_config(config),
      .role = P2P_ROLE_HOST,
      .is_keyless = p2p_ffi_number(config, "is_keyless", 0) != 0,
      .is_invite_only = p2p_ffi_number(config, "is_invite_only", 0) != 0,
  };
  c.users = p2p_ffi_texts(config, "users", &c.n_users);
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_HOST, host_free, log));
  struct p2p_cluster_host *host;
  struct p2p_err err = {0};
  if (p2p_cluster_host_new(&c, p2p_ffi_handle_get(log, P2P_TAG_LOG), &host, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, host);
  UNPROTECT(1);
  return handle;
}
