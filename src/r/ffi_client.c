/* Clients for R: joining a cluster, their status, waiting for a change. */
#include "r/ffi_client.h"

#include <R_ext/Utils.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_ledger.h"
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
      .recorder = p2p_ffi_recorder(config),
  };
  (void)p2p_machine_sandbox_read(p2p_ffi_text(config, "sandbox"),
                                 &c.sandbox); /* R has checked it */
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
                         "waiting_with_needs",
                         "busy",
                         "hosted",
                         "unreachable",
                         "resting",
                         "name",
                         "cache_mib",
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
  SET_VECTOR_ELT(out, 10, Rf_ScalarInteger((int)status.waiting_with_needs));
  SET_VECTOR_ELT(out, 11, Rf_ScalarInteger((int)status.busy));
  SET_VECTOR_ELT(out, 12, p2p_ffi_string(status.hosted));
  SET_VECTOR_ELT(out, 13, Rf_ScalarInteger((int)status.unreachable));
  SET_VECTOR_ELT(out, 14, Rf_ScalarInteger((int)status.resting));
  SET_VECTOR_ELT(out, 15, p2p_ffi_string(status.name));
  SET_VECTOR_ELT(out, 16, Rf_ScalarReal(status.cache_mib));
  UNPROTECT(1);
  return out;
}

/* Of a worker that could be used, why it takes nothing new. */
static const char *state_of(const struct p2p_worker_info *info) {
  bool is_usable = strcmp(info->state, "linked") == 0 || strcmp(info->state, "no link") == 0;
  return is_usable && info->others.state[0] != '\0' ? info->others.state : info->state;
}

/* 0 means that it is not known. */
static double known(uint64_t count, double unit) {
  return count > 0 ? (double)count * unit : NA_REAL;
}

/* A list of columns, with one row per worker. */
SEXP ffi_client_workers(SEXP handle) {
  enum { MOST = 4096 };
  struct p2p_client *client = p2p_ffi_handle_get(handle, P2P_TAG_CLIENT);
  struct p2p_worker_info *info = (struct p2p_worker_info *)R_alloc(MOST, sizeof *info);
  size_t n = p2p_client_workers(client, info, MOST);
  if (n > MOST) n = MOST;
  const char *names[] = {"id",       "worker",  "state", "users",      "link",   "r",     "future",
                         "platform", "sandbox", "slots", "ours",       "others", "queue", "cores",
                         "gpus",     "memory",  "seen",  "round_trip", "rate",   ""};
  enum {
    TEXTS = 9,
    COUNTS = 4,
    CORES = TEXTS + COUNTS,
    GPUS,
    NUMBERS
  }; /* the columns in this order */
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int column = 0; names[column][0] != '\0'; column++) {
    SEXPTYPE type = column < TEXTS ? STRSXP : column < NUMBERS ? INTSXP : REALSXP;
    SET_VECTOR_ELT(out, column, Rf_allocVector(type, (R_xlen_t)n));
  }
  for (size_t i = 0; i < n; i++) {
    R_xlen_t row = (R_xlen_t)i;
    const char *texts[TEXTS] = {info[i].id,
                                info[i].name,
                                state_of(&info[i]),
                                info[i].others.users,
                                info[i].path,
                                info[i].r_version,
                                info[i].future_version,
                                info[i].machine.platform,
                                p2p_machine_sandbox_name(info[i].machine.sandbox)};
    uint32_t counts[COUNTS] = {info[i].slots, info[i].running, info[i].others.busy,
                               info[i].others.waiting};
    for (int k = 0; k < TEXTS; k++)
      SET_STRING_ELT(VECTOR_ELT(out, k), row, Rf_mkCharCE(texts[k], CE_UTF8));
    for (int k = 0; k < COUNTS; k++) INTEGER(VECTOR_ELT(out, TEXTS + k))[row] = (int)counts[k];
    INTEGER(VECTOR_ELT(out, CORES))
    [row] = info[i].machine.cores > 0 ? (int)info[i].machine.cores : NA_INTEGER;
    INTEGER(VECTOR_ELT(out, GPUS))[row] = (int)info[i].machine.gpus;
    const struct p2p_tcp_measure *measure = &info[i].measure;
    double numbers[] = {known(info[i].machine.memory_mib, 1048576), /* bytes */
                        (double)info[i].seen_ms / 1000, known(measure->round_trip_us, 1e-6),
                        known(measure->bytes_per_second, 1)};
    for (int k = 0; NUMBERS + k < (int)XLENGTH(out); k++)
      REAL(VECTOR_ELT(out, NUMBERS + k))[row] = numbers[k];
  }
  UNPROTECT(1);
  return out;
}

/* Whether the question was sent. */
SEXP ffi_client_ask(SEXP handle) {
  return Rf_ScalarLogical(p2p_client_ask(p2p_ffi_handle_get(handle, P2P_TAG_CLIENT)) == P2P_OK);
}

/* A list of columns, with one row per member that has answered: texts, then numbers. */
SEXP ffi_client_present(SEXP handle) {
  struct p2p_client *client = p2p_ffi_handle_get(handle, P2P_TAG_CLIENT);
  struct p2p_roll_member *members =
      (struct p2p_roll_member *)R_alloc(P2P_ROLL_MAX, sizeof *members);
  size_t n = p2p_client_present(client, members, P2P_ROLL_MAX);
  const char *names[] = {"id", "member", "role", "users", "models",
                         "up", "busy",   "load", "free",  ""};
  enum { TEXTS = 5, NUMBERS = 4 };
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int column = 0; column < TEXTS + NUMBERS; column++)
    SET_VECTOR_ELT(out, column, Rf_allocVector(column < TEXTS ? STRSXP : REALSXP, (R_xlen_t)n));
  for (size_t i = 0; i < n; i++) {
    const struct p2p_here *here = &members[i].here;
    const char *texts[TEXTS] = {here->from.id, here->from.name, p2p_role_name(here->role),
                                here->users, here->gpus};
    double age_s = (double)(p2p_clock_ms() - members[i].heard_ms) / 1000;
    double free_bytes = known(here->free_mib, 1048576);
    double numbers[NUMBERS] = {here->up_s + age_s, here->busy,
                               here->free_mib > 0 ? here->load / 100.0 : NA_REAL, free_bytes};
    for (int k = 0; k < TEXTS; k++)
      SET_STRING_ELT(VECTOR_ELT(out, k), (R_xlen_t)i, Rf_mkCharCE(texts[k], CE_UTF8));
    for (int k = 0; k < NUMBERS; k++) REAL(VECTOR_ELT(out, TEXTS + k))[i] = numbers[k];
  }
  UNPROTECT(1);
  return out;
}

/* Why a future that needs `packages` ("a;b"; "": none) and `resources` waits: a named list, or NULL
 * if the io thread does not say. */
SEXP ffi_client_explain(SEXP handle, SEXP packages, SEXP resources) {
  static const char *const reasons[] = {
      [P2P_WAITING_LIMIT] = "limit",
      [P2P_WAITING_BUSY] = "busy",
      [P2P_WAITING_ROOM] = "room",
      [P2P_WAITING_REPLY] = "reply",
      [P2P_WAITING_DISCONNECTED] = "disconnected",
      [P2P_WAITING_RESTING] = "resting",
      [P2P_WAITING_CONNECTING] = "connecting",
      [P2P_WAITING_UNREACHABLE] = "unreachable",
      [P2P_WAITING_PACKAGES] = "packages",
      [P2P_WAITING_RESOURCES] = "resources",
      [P2P_WAITING_INCOMPATIBLE] = "incompatible",
      [P2P_WAITING_NO_WORKER] = "no_worker",
  };
  struct p2p_waiting waiting;
  struct p2p_requirements needs = {.packages = NULL};
  struct p2p_err err;
  const char *list = Rf_translateCharUTF8(STRING_ELT(packages, 0));
  p2p_ffi_resources(resources, &needs.resources);
  if (list[0] != '\0' && p2p_requirements_set_packages(&needs, list, "", &err) != P2P_OK)
    return R_NilValue;
  int code = p2p_client_explain(p2p_ffi_handle_get(handle, P2P_TAG_CLIENT), &needs, &waiting);
  p2p_requirements_clear(&needs);
  if (code != P2P_OK) return R_NilValue;
  const char *names[] = {"reason", "worker",  "users", "slots", "ours",
                         "others", "missing", "state", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, p2p_ffi_string(reasons[waiting.reason]));
  SET_VECTOR_ELT(out, 1, p2p_ffi_string(waiting.worker));
  SET_VECTOR_ELT(out, 2, p2p_ffi_string(waiting.others.users));
  SET_VECTOR_ELT(out, 3, Rf_ScalarInteger((int)waiting.slots));
  SET_VECTOR_ELT(out, 4, Rf_ScalarInteger((int)waiting.running));
  SET_VECTOR_ELT(out, 5, Rf_ScalarInteger((int)waiting.others.busy));
  SET_VECTOR_ELT(out, 6, p2p_ffi_string(waiting.missing));
  SET_VECTOR_ELT(out, 7, p2p_ffi_string(waiting.state));
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
