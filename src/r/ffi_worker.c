/* The worker program, for R. */
#include "r/ffi_events.h"
#include "worker/worker.h"

#define TAG_WORKER "worker"

static void worker_free(void *worker) { p2p_worker_free(worker); }

SEXP ffi_worker_new(SEXP config, SEXP events) {
  struct p2p_worker_config c = {
    .loop = p2p_ffi_loop(),
    .host = p2p_ffi_text(config, "host"),
    .cluster = p2p_ffi_text(config, "cluster"),
    .mailbox = p2p_ffi_text(config, "mailbox"),
    .relay = p2p_ffi_text(config, "relay"),
    .r_version = p2p_ffi_text(config, "r_version"),
    .future_version = p2p_ffi_text(config, "future_version"),
    .platform = p2p_ffi_text(config, "platform"),
    .cores = (uint32_t) p2p_ffi_number(config, "cores", 0),
    .memory_mib = (uint32_t) p2p_ffi_number(config, "memory_mib", 0),
    .packages = p2p_ffi_text(config, "packages"),
    .account = p2p_ffi_text(config, "account"),
    .slots = (uint32_t) p2p_ffi_number(config, "workers", 1),
    .terms = {
      .memory_bytes = (uint64_t) p2p_ffi_number(config, "memory", 0),
      .time_ms = (uint64_t) (1000 * p2p_ffi_number(config, "time", 0)),
    },
    .object_cap_bytes = (uint64_t) p2p_ffi_number(config, "object_cap_bytes", 4294967296.0),
  };
  c.ssh_args = p2p_ffi_texts(config, "ssh_args", &c.n_ssh_args);
  c.evaluator_argv = p2p_ffi_texts(config, "evaluator_argv", NULL);
  c.evaluator_env = p2p_ffi_texts(config, "evaluator_env", NULL);
  struct p2p_events *queue = p2p_ffi_handle_get(events, P2P_TAG_EVENTS);
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_WORKER, worker_free));
  R_SetExternalPtrProtected(handle, events);
  struct p2p_worker *worker;
  struct p2p_err err = {0};
  if (p2p_worker_new(&c, queue, &worker, &err) != P2P_OK) p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, worker);
  UNPROTECT(1);
  return handle;
}

SEXP ffi_worker_drain(SEXP handle) {
  p2p_worker_drain(p2p_ffi_handle_get(handle, TAG_WORKER));
  return R_NilValue;
}

SEXP ffi_worker_is_idle(SEXP handle) {
  return Rf_ScalarLogical(p2p_worker_is_idle(p2p_ffi_handle_get(handle, TAG_WORKER)));
}

/* Seconds since the last future. */
SEXP ffi_worker_idle(SEXP handle) {
  return Rf_ScalarReal((double) p2p_worker_idle_ms(p2p_ffi_handle_get(handle, TAG_WORKER)) / 1000);
}

SEXP ffi_worker_close(SEXP handle) {
  p2p_ffi_handle_close(handle);
  return R_NilValue;
}
