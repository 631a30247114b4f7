/* Clients for R: joining a cluster, their status, waiting for a change. */
#include "r/ffi_client.h"

#include <R_ext/Utils.h>
#include <stdlib.h>

#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"
#include "r/ffi_wait.h"

static void client_free(void *client) { p2p_client_free(client); }

SEXP ffi_client_new(SEXP config, SEXP log) {
  struct p2p_client_config c = {
      .loop = p2p_ffi_loop(),
      .board = p2p_ffi_board_config(config),
      .r_version = p2p_ffi_text(config, "r_version"),
      .future_version = p2p_ffi_text(config, "future_version"),
      .slots_max = (uint32_t)p2p_ffi_count(config, "workers", 0, UINT32_MAX),
      .object_cap_bytes =
          p2p_ffi_count(config, "object_cap_bytes", UINT64_C(1) << 32, UINT64_C(1) << 53),
      .retries = (uint32_t)p2p_ffi_count(config, "retries", 0, UINT32_MAX),
  };
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(P2P_TAG_CLIENT, client_free, log));
  struct p2p_client *client;
  struct p2p_err err = {0};
  if (p2p_client_new(&c, p2p_ffi_handle_get(log, P2P_TAG_LOG), &client, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, client);
  UNPROTECT(1);
  return handle;
}

/* A named list; `failed` is NULL or as p2p_ffi_error() makes it. */
SEXP ffi_client_status(SEXP handle) {
  struct p2p_client_status status;
  p2p_client_status(p2p_ffi_handle_get(handle, P2P_TAG_CLIENT), &status);
  const char *names[] = {"joined",
                         "failed",
                         "user",
                         "cluster",
                         "workers",
                         "slots",
                         "incompatible",
                         "incompatible_why",
                         "waiting",
                         "running",
                         "waiting_for_packages",
                         ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_ScalarLogical(status.joined));
  SET_VECTOR_ELT(out, 1, p2p_ffi_error(&status.failed));
  SET_VECTOR_ELT(out, 2, p2p_ffi_string(status.user));
  SET_VECTOR_ELT(out, 3, p2p_ffi_string(status.cluster));
  SET_VECTOR_ELT(out, 4, Rf_ScalarInteger((int)status.workers));
  SET_VECTOR_ELT(out, 5, Rf_ScalarInteger((int)status.slots));
  SET_VECTOR_ELT(out, 6, Rf_ScalarInteger((int)status.incompatible));
  SET_VECTOR_ELT(out, 7, p2p_ffi_string(status.incompatible_why));
  SET_VECTOR_ELT(out, 8, Rf_ScalarInteger((int)status.waiting));
  SET_VECTOR_ELT(out, 9, Rf_ScalarInteger((int)status.running));
  SET_VECTOR_ELT(out, 10, Rf_ScalarInteger((int)status.waiting_for_packages));
  UNPROTECT(1);
  return out;
}

/* A list of columns, with one row per worker. */
SEXP ffi_client_workers(SEXP handle) {
  enum { MOST = 4096 };
  struct p2p_client *client = p2p_ffi_handle_get(handle, P2P_TAG_CLIENT);
  struct p2p_worker_info *info = (struct p2p_worker_info *)R_alloc(MOST, sizeof *info);
  size_t n = p2p_client_workers(client, info, MOST);
  if (n > MOST) n = MOST;
  const char *names[] = {"worker", "r",        "future", "slots",  "busy", "state",
                         "link",   "platform", "cores",  "memory", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  const char *types = "sssiisssir"; /* memory in bytes */
  for (int column = 0; types[column] != '\0'; column++) {
    SEXPTYPE type = types[column] == 's' ? STRSXP : types[column] == 'i' ? INTSXP : REALSXP;
    SET_VECTOR_ELT(out, column, Rf_allocVector(type, (R_xlen_t)n));
  }
  for (size_t i = 0; i < n; i++) {
    R_xlen_t row = (R_xlen_t)i;
    SET_STRING_ELT(VECTOR_ELT(out, 0), row, Rf_mkCharCE(info[i].name, CE_UTF8));
    SET_STRING_ELT(VECTOR_ELT(out, 1), row, Rf_mkCharCE(info[i].r_version, CE_UTF8));
    SET_STRING_ELT(VECTOR_ELT(out, 2), row, Rf_mkCharCE(info[i].future_version, CE_UTF8));
    INTEGER(VECTOR_ELT(out, 3))[row] = (int)info[i].slots;
    INTEGER(VECTOR_ELT(out, 4))[row] = (int)info[i].busy;
    SET_STRING_ELT(VECTOR_ELT(out, 5), row, Rf_mkCharCE(info[i].state, CE_UTF8));
    SET_STRING_ELT(VECTOR_ELT(out, 6), row, Rf_mkCharCE(info[i].path, CE_UTF8));
    SET_STRING_ELT(VECTOR_ELT(out, 7), row,
                   info[i].platform[0] != '\0' ? Rf_mkChar(info[i].platform) : NA_STRING);
    INTEGER(VECTOR_ELT(out, 8))[row] = info[i].cores > 0 ? (int)info[i].cores : NA_INTEGER;
    REAL(VECTOR_ELT(out, 9))
    [row] = info[i].memory_mib > 0 ? info[i].memory_mib * 1048576.0 : NA_REAL;
  }
  UNPROTECT(1);
  return out;
}

/* Waits until the client's state has changed since generation `seen` (a double; 0: any generation),
 * timeout_ms have passed, a log line arrives or a signal does. Returns the current generation. */
SEXP ffi_client_wait(SEXP handle, SEXP seen, SEXP timeout_ms) {
  struct p2p_client *client = p2p_ffi_handle_get(handle, P2P_TAG_CLIENT);
  double last = Rf_asReal(seen);
  bool is_valid = last >= 0 && last <= 9007199254740992.0; /* 2^53, the largest exact integer */
  uint64_t before = is_valid ? (uint64_t)last : 0, now = p2p_client_wait(client, before, 0);
  if (now == before) {
    const struct p2p_log_queue *log =
        p2p_ffi_handle_get(R_ExternalPtrProtected(handle), P2P_TAG_LOG);
    p2p_ffi_wait_for_any((const int[2]){p2p_client_fd(client), p2p_log_queue_fd(log)},
                         Rf_asInteger(timeout_ms));
    now = p2p_client_wait(client, before, 0);
  } else {
    R_CheckUserInterrupt();
  }
  return Rf_ScalarReal((double)now);
}
