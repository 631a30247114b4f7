/* Reads the result of a task, also while it arrives. An R error or interrupt in the middle (a long
 * jump) leaves the reader to its handle; the task keeps the bytes, so that it can be read again. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/result_reader.h"
#include "client/task.h"
#include "r/ffi.h"
#include "r/ffi_client.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_serialize.h"
#include "r/ffi_wait.h"

#define TAG_RESULT "result"

struct result {
  struct p2p_result_reader *reader;
  const uint8_t *at; /* of bytes that are given to R next */
  size_t length;
  bool is_waiting;  /* within p2p_ffi_wait, or `progress` */
  SEXP progress;    /* a function of R that is called a few times a second, or NULL */
  uint64_t next_ms; /* when to call it again */
};

#define PROGRESS_MS 250

static void result_free(void *arg) {
  struct result *result = arg;
  p2p_result_reader_free(result->reader);
  free(result);
}

/* A handle, which must be closed at the end. `memory_bytes` limits what R allocates for the result.
 * A result of more than `keep_bytes` can be read once only; then FALSE.
 * NULL: the task has no result that can be read. */
SEXP ffi_result_open(SEXP task, SEXP memory_bytes, SEXP data_only, SEXP keep_bytes) {
  const struct p2p_r_object_rules rules =
      p2p_ffi_object_rules(memory_bytes, P2P_R_RESULT, data_only);
  struct p2p_task *of = p2p_ffi_handle_get(task, P2P_TAG_TASK);
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_RESULT, result_free));
  struct p2p_result *bytes = p2p_task_read(of);
  if (bytes == NULL) {
    UNPROTECT(1);
    return R_NilValue;
  }
  if (p2p_result_is_dropped(bytes)) {
    p2p_result_free(bytes);
    UNPROTECT(1);
    return Rf_ScalarLogical(FALSE);
  }
  struct result *result = calloc(1, sizeof *result);
  uint64_t keep = (uint64_t)Rf_asReal(keep_bytes);
  if (result != NULL) result->reader = p2p_result_reader_new(bytes, &rules, keep);
  if (result == NULL || result->reader == NULL) {
    p2p_result_free(bytes);
    free(result);
    p2p_ffi_raise_memory();
  }
  p2p_ffi_handle_set(handle, result);
  UNPROTECT(1);
  return handle;
}

static void show_progress(struct result *result) {
  if (result->progress == R_NilValue || p2p_clock_ms() < result->next_ms) return;
  SEXP call = PROTECT(Rf_lang1(result->progress));
  result->is_waiting = true;
  Rf_eval(call, R_GlobalEnv);
  result->is_waiting = false;
  result->next_ms = p2p_clock_ms() + PROGRESS_MS;
  UNPROTECT(1);
}

/* Gets more bytes. Returns false at the end. */
static bool advance(struct result *result) {
  struct p2p_err err;
  int code;
  show_progress(result);
  while ((code = p2p_result_reader_next(result->reader, &result->at, &result->length, &err)) ==
         P2P_READING_WAIT) {
    result->is_waiting = true;
    p2p_ffi_wait(p2p_result_reader_fd(result->reader), P2P_READING_WAIT_MS);
    result->is_waiting = false;
    show_progress(result);
  }
  if (code < 0) p2p_ffi_raise(&err);
  return code == P2P_READING_BYTES;
}

static void get_bytes(R_inpstream_t stream, void *out, int length) {
  struct result *result = stream->data;
  unsigned char *to = out;
  for (size_t left = (size_t)length; left > 0;) {
    if (result->length == 0 && !advance(result)) Rf_error("the result is truncated");
    size_t n = result->length < left ? result->length : left;
    memcpy(to, result->at, n);
    to += n;
    result->at += n;
    result->length -= n;
    left -= n;
  }
}

static int get_byte(R_inpstream_t stream) {
  unsigned char one;
  get_bytes(stream, &one, 1);
  return one;
}

/* Reads the whole object, once. Waits for what has not arrived. Raises p2p_error_lost if the link
 * is lost before. `progress`: a function without arguments that is called a few times a second
 * meanwhile, or NULL. */
SEXP ffi_result_read(SEXP handle, SEXP progress) {
  struct result *result = p2p_ffi_handle_get(handle, TAG_RESULT);
  result->progress = progress;
  struct R_inpstream_st stream;
  R_InitInPStream(&stream, (R_pstream_data_t)result, R_pstream_any_format, get_byte, get_bytes,
                  NULL, R_NilValue);
  SEXP object = PROTECT(R_Unserialize(&stream));
  if (result->length > 0 || advance(result)) Rf_error("bytes follow the result");
  UNPROTECT(1);
  return object;
}

/* Whether the error that ended ffi_result_read() is not about the result, but came while it waited:
 * R's time limit. */
SEXP ffi_result_waits(SEXP handle) {
  struct result *result = p2p_ffi_handle_get(handle, TAG_RESULT);
  return Rf_ScalarLogical(result->is_waiting);
}
