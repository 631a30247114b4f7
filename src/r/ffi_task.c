/* Tasks for R: submit, poll, get the result, cancel. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/settle.h"
#include "r/ffi.h"
#include "r/ffi_client.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_parts.h"
#include "r/ffi_serialize.h"

/* R may reuse the memory of what the task has borrowed. */
static void task_free(void *task) {
  p2p_abandon(task);
  p2p_task_free(task);
}

/* "a;b", valid until the .Call returns. */
static const char *join(SEXP names) {
  size_t size = 1, at = 0;
  for (R_xlen_t i = 0; i < XLENGTH(names); i++)
    size += strlen(Rf_translateCharUTF8(STRING_ELT(names, i))) + 1;
  char *list = R_alloc(size, 1);
  list[0] = '\0';
  for (R_xlen_t i = 0; i < XLENGTH(names); i++) {
    at += (size_t)snprintf(list + at, size - at, "%s%s", i > 0 ? ";" : "",
                           Rf_translateCharUTF8(STRING_ELT(names, i)));
  }
  return list;
}

/* `object`: a handle from ffi_serialize(), which gives its bytes to the task. `packages`: the names
 * of the packages that a worker must have. `resources`: see p2p_ffi_resources(). `parts`: a list of
 * handles from ffi_part(), which give their parts to the task. If there are some, ffi_task_settle()
 * has to be called. */
SEXP ffi_task_submit(SEXP client_handle, SEXP object, SEXP label, SEXP packages, SEXP resources,
                     SEXP parts) {
  struct p2p_client *client = p2p_ffi_handle_get(client_handle, P2P_TAG_CLIENT);
  struct p2p_blob *bytes = p2p_ffi_handle_get(object, P2P_TAG_BLOB);
  const char *name = Rf_translateCharUTF8(STRING_ELT(label, 0));
  struct p2p_resources request;
  p2p_ffi_resources(resources, &request);
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_TASK, task_free));
  struct p2p_task *task = p2p_task_new(bytes, name);
  if (task == NULL) p2p_ffi_raise_memory();
  p2p_ffi_handle_set(object, NULL);
  p2p_ffi_handle_set(handle, task);
  R_SetExternalPtrProtected(handle, parts); /* with the objects that they have borrowed */
  for (R_xlen_t i = 0; i < XLENGTH(parts) && i < P2P_TASK_PARTS_MAX; i++) {
    p2p_part_list_add(p2p_task_parts(task), p2p_ffi_handle_get(VECTOR_ELT(parts, i), P2P_TAG_PART));
    p2p_ffi_handle_set(VECTOR_ELT(parts, i), NULL);
  }
  p2p_task_set_resources(task, &request);
  struct p2p_err err = {0};
  if (XLENGTH(packages) > 0 && p2p_task_set_packages(task, join(packages), &err) != P2P_OK)
    p2p_ffi_raise(&err);
  if (p2p_client_submit(client, task, &err) != P2P_OK) p2p_ffi_raise(&err);
  UNPROTECT(1);
  return handle;
}

SEXP ffi_task_is_sending(SEXP handle) {
  return Rf_ScalarLogical(p2p_task_is_sending(p2p_ffi_handle_get(handle, P2P_TAG_TASK)));
}

/* From here on, the globals of the future may change. */
SEXP ffi_task_settle(SEXP handle) {
  p2p_settle(p2p_ffi_handle_get(handle, P2P_TAG_TASK));
  return R_NilValue;
}

/* "waiting": also in line at a worker. "arriving": it runs, and its result can be read. */
SEXP ffi_task_state(SEXP handle) {
  static const char *const names[] = {"new", "waiting", "waiting", "running", "done", "failed"};
  struct p2p_task *task = p2p_ffi_handle_get(handle, P2P_TAG_TASK);
  enum p2p_task_state state = p2p_task_state(task);
  bool is_arriving = state == P2P_TASK_RUNNING && p2p_task_is_readable(task);
  return Rf_mkString(is_arriving ? "arriving" : names[state]);
}

/* The next condition that arrived while the task runs, as a handle of its bytes, or NULL. */
SEXP ffi_task_condition(SEXP handle) {
  SEXP object = PROTECT(p2p_ffi_blob_handle(NULL));
  struct p2p_blob *condition = p2p_task_next_condition(p2p_ffi_handle_get(handle, P2P_TAG_TASK));
  p2p_ffi_handle_set(object, condition);
  UNPROTECT(1);
  return condition == NULL ? R_NilValue : object;
}

/* The error of a failed task, as p2p_ffi_error() makes it. */
SEXP ffi_task_error(SEXP handle) {
  struct p2p_err err;
  p2p_task_error(p2p_ffi_handle_get(handle, P2P_TAG_TASK), &err);
  return p2p_ffi_error(&err);
}

SEXP ffi_task_worker(SEXP handle) {
  char worker[P2P_IDENTITY_LABEL_MAX];
  p2p_task_worker(p2p_ffi_handle_get(handle, P2P_TAG_TASK), worker, sizeof worker);
  return Rf_ScalarString(Rf_mkCharCE(worker, CE_UTF8));
}

/* How many seconds ago each of struct p2p_task_times was; NA: not yet. */
SEXP ffi_task_times(SEXP handle) {
  const char *names[] = {"submitted", "started", "sent", "arriving", "ended", ""};
  struct p2p_task_times times;
  p2p_task_times(p2p_ffi_handle_get(handle, P2P_TAG_TASK), &times);
  const uint64_t all[] = {times.submitted_ms, times.started_ms, times.sent_ms, times.arriving_ms,
                          times.ended_ms};
  uint64_t now_ms = p2p_clock_ms();
  SEXP out = PROTECT(Rf_mkNamed(REALSXP, names));
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    REAL(out)[i] = all[i] > 0 ? (double)(now_ms - all[i]) / 1000 : NA_REAL;
  UNPROTECT(1);
  return out;
}

/* Bytes of its latest run, see struct p2p_task_progress. */
SEXP ffi_task_progress(SEXP handle) {
  const char *names[] = {"sent", "to_send", "arrived", "to_arrive", ""};
  struct p2p_task_progress progress;
  p2p_task_progress(p2p_ffi_handle_get(handle, P2P_TAG_TASK), &progress);
  const uint64_t all[] = {progress.sent, progress.to_send, progress.arrived, progress.to_arrive};
  SEXP out = PROTECT(Rf_mkNamed(REALSXP, names));
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) REAL(out)[i] = (double)all[i];
  UNPROTECT(1);
  return out;
}

/* The size of the result of a task that is done; else NA. */
SEXP ffi_task_result_bytes(SEXP handle) {
  const struct p2p_result *result = p2p_task_result(p2p_ffi_handle_get(handle, P2P_TAG_TASK));
  return Rf_ScalarReal(result != NULL ? (double)p2p_result_size(result) : NA_REAL);
}

/* The last lost worker's error, if the task was submitted to another worker after it; else NULL. */
SEXP ffi_task_loss(SEXP handle) {
  struct p2p_err last;
  if (p2p_task_losses(p2p_ffi_handle_get(handle, P2P_TAG_TASK), &last) == 0) return R_NilValue;
  return p2p_ffi_error(&last);
}

/* How often the task was assigned to a worker. */
SEXP ffi_task_starts(SEXP handle) {
  return Rf_ScalarInteger((int)p2p_task_starts(p2p_ffi_handle_get(handle, P2P_TAG_TASK)));
}

/* The number of conditions that were dropped because R did not poll for them in time. */
SEXP ffi_task_dropped(SEXP handle) {
  return Rf_ScalarReal(
      (double)p2p_task_dropped_conditions(p2p_ffi_handle_get(handle, P2P_TAG_TASK)));
}

SEXP ffi_task_cancel(SEXP client_handle, SEXP handle) {
  p2p_client_cancel(p2p_ffi_handle_get(client_handle, P2P_TAG_CLIENT),
                    p2p_ffi_handle_get(handle, P2P_TAG_TASK));
  return R_NilValue;
}
