/* The evaluator's end of its channel to the supervisor, for R. Runs in the evaluator process. */
#include "proc/core_limit.h"
#include "proc/memory_limit.h"
#include "r/ffi.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_serialize.h"
#include "worker/evaluator_channel.h"
#include "worker/file_tree.h"

#define TAG_CHANNEL "evaluator channel"

static void channel_free(void *channel) { p2p_evaluator_channel_free(channel); }

SEXP ffi_evaluator_open(void) {
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_CHANNEL, channel_free));
  struct p2p_evaluator_channel *channel;
  struct p2p_err err = {0};
  p2p_core_limit_set();
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, channel);
  UNPROTECT(1);
  return handle;
}

static void check(int code) {
  if (code == P2P_OK) return;
  struct p2p_err err = {0};
  p2p_err_set(&err, code, "the channel to the supervisor is broken");
  p2p_ffi_raise(&err);
}

SEXP ffi_evaluator_limit(SEXP memory_bytes) {
  struct p2p_err err = {0};
  if (p2p_memory_limit_set((uint64_t)Rf_asReal(memory_bytes), &err) != P2P_OK) p2p_ffi_raise(&err);
  return R_NilValue;
}

/* `text`: the lines of HELLO. */
SEXP ffi_evaluator_hello(SEXP handle, SEXP text) {
  const char *lines = Rf_translateCharUTF8(STRING_ELT(text, 0));
  check(p2p_evaluator_channel_hello(p2p_ffi_handle_get(handle, TAG_CHANNEL), lines));
  return R_NilValue;
}

/* Waits for the next task: list(task, object), or NULL at the end. The caller suspends interrupts,
 * since a SIGINT is meant for the task that is being evaluated. */
SEXP ffi_evaluator_next(SEXP handle) {
  SEXP object = PROTECT(p2p_ffi_blob_handle(NULL));
  uint32_t task;
  struct p2p_blob *bytes = NULL;
  struct p2p_err err = {0};
  int code =
      p2p_evaluator_channel_next(p2p_ffi_handle_get(handle, TAG_CHANNEL), &task, &bytes, &err);
  if (code == P2P_ERR_CLOSED) {
    UNPROTECT(1);
    return R_NilValue;
  }
  if (code != P2P_OK) p2p_ffi_raise(&err);
  p2p_ffi_handle_set(object, bytes);
  const char *names[] = {"task", "object", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_ScalarReal(task));
  SET_VECTOR_ELT(out, 1, object);
  UNPROTECT(2);
  return out;
}

static SEXP send_object(SEXP handle, SEXP task, SEXP object, uint8_t type) {
  check(p2p_evaluator_channel_send_object(p2p_ffi_handle_get(handle, TAG_CHANNEL), type,
                                          (uint32_t)Rf_asReal(task),
                                          p2p_ffi_handle_get(object, P2P_TAG_BLOB)));
  return R_NilValue;
}

SEXP ffi_evaluator_result(SEXP handle, SEXP task, SEXP object) {
  return send_object(handle, task, object, P2P_FRAME_RESULT);
}

SEXP ffi_evaluator_condition(SEXP handle, SEXP task, SEXP object) {
  return send_object(handle, task, object, P2P_FRAME_CONDITION);
}

/* Whether the folder exists now. */
SEXP ffi_evaluator_make_folder(SEXP path) {
  const char *name = Rf_translateChar(STRING_ELT(path, 0));
  return Rf_ScalarLogical(p2p_file_tree_make(name) == P2P_OK);
}

/* Empties the folder. */
SEXP ffi_evaluator_renew_folder(SEXP path) {
  (void)!p2p_file_tree_renew(Rf_translateChar(STRING_ELT(path, 0)));
  return R_NilValue;
}
