/* serve() for R, and keys for the users of a board that is a demo. */
#include <stdio.h>

#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"
#include "server/host_key.h"
#include "server/server.h"

#define TAG_SERVER "server"

static void server_free(void *server) { p2p_server_free(server); }

SEXP ffi_server_new(SEXP config, SEXP log) {
  struct p2p_server_config c = {
      .loop = p2p_ffi_loop(),
      .address = p2p_ffi_text(config, "address"),
      .board_port = (uint16_t)p2p_ffi_number(config, "port", 0),
      .mailbox_port = (uint16_t)p2p_ffi_number(config, "mailbox_port", 0),
      .relay_port = (uint16_t)p2p_ffi_number(config, "relay_port", 0),
      .host_key = p2p_ffi_text(config, "host_key"),
      .users = p2p_ffi_text(config, "users"),
      .users_file = p2p_ffi_text(config, "users_file"),
      .limits =
          {
              .connections = (uint32_t)p2p_ffi_number(config, "connections", 0),
              .connections_per_key = (uint32_t)p2p_ffi_number(config, "connections_per_key", 0),
              .topics_per_user = (uint32_t)p2p_ffi_number(config, "topics_per_user", 0),
              .login_ms = (uint32_t)(1000 * p2p_ffi_number(config, "login_time", 0)),
              .bytes_per_s = (uint64_t)p2p_ffi_number(config, "bytes_per_second", 0),
          },
  };
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_SERVER, server_free, log));
  struct p2p_server *server;
  struct p2p_err err = {0};
  if (p2p_server_new(&c, p2p_ffi_handle_get(log, P2P_TAG_LOG), &server, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, server);
  UNPROTECT(1);
  return handle;
}

/* Creates the file of an Ed25519 key for SSH, which only this user can read. Returns the public
 * key, "ssh-ed25519 AAAA...". */
SEXP ffi_key_new(SEXP path) {
  struct p2p_host_key *key;
  struct p2p_err err = {0};
  if (p2p_host_key_load(Rf_translateCharUTF8(STRING_ELT(path, 0)), &key, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  char line[512] = "";
  snprintf(line, sizeof line, "%s", p2p_host_key_line(key));
  p2p_host_key_free(key);
  return p2p_ffi_string(line);
}

/* A named list: the ports, the host key as in known_hosts, and its fingerprint. */
SEXP ffi_server_info(SEXP handle) {
  struct p2p_server *server = p2p_ffi_handle_get(handle, TAG_SERVER);
  const char *names[] = {"port", "mailbox_port", "relay_port", "host_key", "fingerprint", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_ScalarInteger(p2p_server_board_port(server)));
  SET_VECTOR_ELT(out, 1, Rf_ScalarInteger(p2p_server_mailbox_port(server)));
  SET_VECTOR_ELT(out, 2, Rf_ScalarInteger(p2p_server_relay_port(server)));
  SET_VECTOR_ELT(out, 3, Rf_mkString(p2p_server_host_key(server)));
  SET_VECTOR_ELT(out, 4, Rf_mkString(p2p_server_fingerprint(server)));
  UNPROTECT(1);
  return out;
}
