/* worker() for R. */
#include <stdio.h>

#include "proc/secrecy.h"
#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_ledger.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"
#include "worker/control.h"
#include "worker/control_client.h"
#include "worker/worker.h"

#define TAG_WORKER "worker"

static void worker_free(void *worker) {
  p2p_worker_free(worker);
  p2p_secrecy_end();
}

/* An element in seconds, as milliseconds. 0, which means no limit, if it is missing or huge. */
static uint64_t milliseconds(SEXP config, const char *name) {
  double seconds = p2p_ffi_number(config, name, 0);
  return seconds > 0 && seconds < 1e12 ? (uint64_t)(1000 * seconds) : 0;
}

/* Elements of R's policy_config(). */
static void read_policy(SEXP config, struct p2p_policy *out) {
  size_t n;
  const char *users = p2p_ffi_text(config, "users");
  const int *minutes = p2p_ffi_integers(config, "hours", &n);
  *out = (struct p2p_policy){
      .share = (uint32_t)p2p_ffi_count(config, "share", 0, UINT32_MAX),
      .max_load = p2p_ffi_number(config, "max_load", 0),
      .when_idle_s = (uint32_t)p2p_ffi_count(config, "when_idle", 0, UINT32_MAX),
      .pauses = p2p_ffi_number(config, "pauses", 0) > 0,
      .spares_battery = p2p_ffi_number(config, "spares_battery", 0) > 0,
  };
  for (; out->n_hours < n / 2 && out->n_hours < P2P_POLICY_HOURS_MAX; out->n_hours++)
    out->hours[out->n_hours] = (struct p2p_policy_hours){(uint16_t)minutes[2 * out->n_hours],
                                                         (uint16_t)minutes[2 * out->n_hours + 1]};
  if (users != NULL) snprintf(out->users, sizeof out->users, "%s", users);
}

SEXP ffi_worker_new(SEXP config, SEXP log) {
  struct p2p_worker_config c = {
      .loop = p2p_ffi_loop(),
      .board = p2p_ffi_board_config(config),
      .r_version = p2p_ffi_text(config, "r_version"),
      .future_version = p2p_ffi_text(config, "future_version"),
      .platform = p2p_ffi_text(config, "platform"),
      .cores = (uint32_t)p2p_ffi_count(config, "cores", 0, UINT32_MAX),
      .memory_mib = (uint32_t)p2p_ffi_count(config, "memory_mib", 0, UINT32_MAX),
      .cache_mib = (uint32_t)p2p_ffi_count(config, "cache_mib", 0, UINT32_MAX),
      .sandbox = p2p_ffi_text(config, "sandbox"),
      .tags = p2p_ffi_text(config, "tags"),
      .gpus = p2p_ffi_text(config, "gpus"),
      .gpu_models = p2p_ffi_text(config, "gpu_models"),
      .libraries = p2p_ffi_text(config, "packages"),
      .account = p2p_ffi_text(config, "account"),
      .is_launched = p2p_ffi_number(config, "is_launched", 0) > 0,
      .is_kept = p2p_ffi_number(config, "is_kept", 0) > 0,
      .scratch = p2p_ffi_text(config, "scratch"),
      .workdir = p2p_ffi_text(config, "workdir"),
      .slots = (uint32_t)p2p_ffi_count(config, "workers", 1, UINT32_MAX),
      .limits =
          {
              .memory_bytes = p2p_ffi_count(config, "memory", 0, UINT64_C(1) << 53),
              .time_ms = milliseconds(config, "time"),
          },
      .object_cap_bytes =
          p2p_ffi_count(config, "object_cap_bytes", UINT64_C(1) << 32, UINT64_C(1) << 53),
  };
  c.evaluator_argv = p2p_ffi_texts(config, "evaluator_argv", NULL);
  const char *const *idle = p2p_ffi_texts(config, "idle_argv", NULL);
  c.idle_argv = idle[0] != NULL ? idle : NULL;
  c.control_folder = p2p_ffi_text(config, "control_folder");
  c.recorder = p2p_ffi_recorder(config);
  c.policy_file = p2p_ffi_text(config, "policy_file");
  read_policy(config, &c.policy);
  c.evaluator_env = p2p_ffi_texts(config, "evaluator_env", NULL);
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_WORKER, worker_free, log));
  struct p2p_worker *worker;
  struct p2p_err err = {0};
  p2p_secrecy_begin();
  if (p2p_worker_new(&c, p2p_ffi_handle_get(log, P2P_TAG_LOG), &worker, &err) != P2P_OK) {
    p2p_secrecy_end();
    p2p_ffi_raise(&err);
  }
  p2p_ffi_handle_set(handle, worker);
  UNPROTECT(1);
  return handle;
}

SEXP ffi_worker_set_policy(SEXP handle, SEXP config) {
  struct p2p_policy policy;
  read_policy(config, &policy);
  p2p_worker_set_policy(p2p_ffi_handle_get(handle, TAG_WORKER), &policy);
  return R_NilValue;
}

SEXP ffi_worker_drain(SEXP handle) {
  p2p_worker_drain(p2p_ffi_handle_get(handle, TAG_WORKER));
  return R_NilValue;
}

/* Whether the file of the policy has changed since the last call; whether it drains. */
SEXP ffi_worker_news(SEXP handle) {
  struct p2p_worker_news news = p2p_worker_news(p2p_ffi_handle_get(handle, TAG_WORKER));
  SEXP out = Rf_allocVector(LGLSXP, 2);
  LOGICAL(out)[0] = news.has_policy_changed;
  LOGICAL(out)[1] = news.is_drained;
  return out;
}

/* Makes the folder of control sockets, see src/worker/control.h. */
SEXP ffi_control_prepare(SEXP folder) {
  struct p2p_err err = {0};
  if (p2p_control_prepare(Rf_translateCharUTF8(STRING_ELT(folder, 0)), &err) != P2P_OK)
    p2p_ffi_raise(&err);
  return R_NilValue;
}

/* `op`: a number of enum p2p_control_op. Returns the reply of a worker. */
SEXP ffi_control_ask(SEXP folder, SEXP pid, SEXP op) {
  char reply[P2P_CONTROL_REPLY_MAX];
  struct p2p_err err = {0};
  if (p2p_control_ask(Rf_translateCharUTF8(STRING_ELT(folder, 0)), Rf_asInteger(pid),
                      (enum p2p_control_op)Rf_asInteger(op), reply, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  return p2p_ffi_string(reply);
}

SEXP ffi_worker_is_done(SEXP handle) {
  return Rf_ScalarLogical(p2p_worker_is_done(p2p_ffi_handle_get(handle, TAG_WORKER)));
}

/* The numbers of futures that are done, lost and canceled; the seconds that they and the running
 * ones took; for each link with running futures, its user and their number; the cluster, and
 * whether it lends. */
SEXP ffi_worker_report(SEXP handle) {
  const char *names[] = {"done",    "lost",    "canceled", "lent", "users",
                         "running", "cluster", "state",    ""};
  struct p2p_worker_report report;
  p2p_worker_report(p2p_ffi_handle_get(handle, TAG_WORKER), &report);
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_ScalarReal((double)report.ended.done));
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal((double)report.ended.lost));
  SET_VECTOR_ELT(out, 2, Rf_ScalarReal((double)report.ended.canceled));
  SET_VECTOR_ELT(out, 3, Rf_ScalarReal((double)report.ended.lent_ms / 1000));
  SEXP users = Rf_allocVector(STRSXP, (R_xlen_t)report.n_running);
  SET_VECTOR_ELT(out, 4, users);
  SEXP running = Rf_allocVector(INTSXP, (R_xlen_t)report.n_running);
  SET_VECTOR_ELT(out, 5, running);
  for (size_t i = 0; i < report.n_running; i++) {
    SET_STRING_ELT(users, (R_xlen_t)i, Rf_mkChar(report.running[i].user));
    INTEGER(running)[i] = (int)report.running[i].count;
  }
  SET_VECTOR_ELT(out, 6, p2p_ffi_string(report.cluster));
  SET_VECTOR_ELT(out, 7, p2p_ffi_string(report.state));
  UNPROTECT(1);
  return out;
}

/* Seconds since the last future. */
SEXP ffi_worker_idle(SEXP handle) {
  return Rf_ScalarReal((double)p2p_worker_idle_ms(p2p_ffi_handle_get(handle, TAG_WORKER)) / 1000);
}
