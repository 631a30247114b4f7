/* Tasks, for R: submit, look, take the result, cancel. */
#include "r/ffi_client.h"

#include <stdio.h>
#include <string.h>

static void task_free(void *task) { p2p_task_free(task); }

/* "a;b": lives as long as the .Call. */
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

/* `object` is the handle of ffi_serialize(); its bytes are taken over. `packages`: a vector of
 * names. */
SEXP ffi_task_submit(SEXP client_handle, SEXP object, SEXP label, SEXP packages) {
  struct p2p_client *client = p2p_ffi_handle_get(client_handle, P2P_TAG_CLIENT);
  struct p2p_blob *bytes = p2p_ffi_handle_get(object, P2P_TAG_BLOB);
  const char *name = Rf_translateCharUTF8(STRING_ELT(label, 0));
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_TASK, task_free));
  struct p2p_task *task = p2p_task_new(bytes, name);
  if (task == NULL) Rf_error("Out of memory.");
  p2p_ffi_handle_set(object, NULL);
  p2p_ffi_handle_set(handle, task);
  struct p2p_err err = {0};
  if (XLENGTH(packages) > 0 && p2p_task_need(task, join(packages), &err) != P2P_OK)
    p2p_ffi_raise(&err);
  if (p2p_client_submit(client, task, &err) != P2P_OK) p2p_ffi_raise(&err);
  UNPROTECT(1);
  return handle;
}

SEXP ffi_task_state(SEXP handle) {
  static const char *const names[] = {"new", "waiting", "running", "done", "failed"};
  return Rf_mkString(names[p2p_task_state(p2p_ffi_handle_get(handle, P2P_TAG_TASK))]);
}

/* Drops R's reference, and with it the result, once that has been unserialized. */
SEXP ffi_task_free(SEXP handle) {
  p2p_ffi_handle_close(handle);
  return R_NilValue;
}

static void borrowed(void *object) { (void)object; }

/* The handle of the result's bytes, which are the task's. */
SEXP ffi_task_result(SEXP handle) {
  struct p2p_task *task = p2p_ffi_handle_get(handle, P2P_TAG_TASK);
  const struct p2p_blob *result = p2p_task_result(task);
  if (result == NULL) return R_NilValue;
  SEXP object = PROTECT(p2p_ffi_handle(P2P_TAG_BLOB, borrowed));
  R_SetExternalPtrProtected(object, handle);
  p2p_ffi_handle_set(object, (void *)(uintptr_t)result);
  UNPROTECT(1);
  return object;
}

/* The next condition that came while it runs, as a handle of its bytes, or NULL. */
SEXP ffi_task_condition(SEXP handle) {
  SEXP object = PROTECT(p2p_ffi_blob_handle(NULL));
  struct p2p_blob *condition = p2p_task_condition(p2p_ffi_handle_get(handle, P2P_TAG_TASK));
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
  char worker[192];
  p2p_task_worker(p2p_ffi_handle_get(handle, P2P_TAG_TASK), worker, sizeof worker);
  return Rf_ScalarString(Rf_mkCharCE(worker, CE_UTF8));
}

/* The error of the last lost worker after which the task was given to another one; NULL: none. */
SEXP ffi_task_loss(SEXP handle) {
  struct p2p_err last;
  if (p2p_task_losses(p2p_ffi_handle_get(handle, P2P_TAG_TASK), &last) == 0) return R_NilValue;
  return p2p_ffi_error(&last);
}

/* How many conditions were dropped, since R had not taken those before. */
SEXP ffi_task_dropped(SEXP handle) {
  return Rf_ScalarReal((double)p2p_task_dropped(p2p_ffi_handle_get(handle, P2P_TAG_TASK)));
}

SEXP ffi_task_cancel(SEXP client_handle, SEXP handle) {
  p2p_client_cancel(p2p_ffi_handle_get(client_handle, P2P_TAG_CLIENT),
                    p2p_ffi_handle_get(handle, P2P_TAG_TASK));
  return R_NilValue;
}
