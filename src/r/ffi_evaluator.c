/* The evaluator's end of its channel to the supervisor, for R. Runs in the evaluator process. */
#include <stdbool.h>
#include <string.h>

#include "base/encode.h"
#include "proc/affinity.h"
#include "proc/core_limit.h"
#include "proc/memory_keep.h"
#include "proc/memory_limit.h"
#include "protocol/lost.h"
#include "r/ffi.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_serialize.h"
#include "worker/condition_writer.h"
#include "worker/evaluator_channel.h"
#include "worker/file_tree.h"
#include "worker/result_writer.h"
#include "worker/task_reader.h"

#define TAG_CHANNEL "evaluator channel"

static struct {
  bool is_limited, is_pinned;
  uint64_t memory_limit;
  struct p2p_cpus cpus;
} before_task;

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

/* What was given to the task, while it is evaluated: c(cores, bytes of memory), or NULL if it
 * requested neither. ffi_evaluator_give_back() follows. */
SEXP ffi_evaluator_take(SEXP handle) {
  const struct p2p_given *given =
      p2p_evaluator_channel_given(p2p_ffi_handle_get(handle, TAG_CHANNEL));
  uint64_t memory_bytes = (uint64_t)given->amounts.memory_mib << 20;
  if (p2p_amounts_are_none(&given->amounts)) return R_NilValue;
  struct p2p_err err = {0};
  if (memory_bytes > 0 &&
      p2p_memory_limit_lower(memory_bytes, &before_task.memory_limit, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  before_task.is_limited = memory_bytes > 0;
  p2p_affinity_get(&before_task.cpus);
  before_task.is_pinned = p2p_cpus_count(&given->cpus) > 0 && p2p_affinity_set(&given->cpus);
  SEXP out = Rf_allocVector(REALSXP, 2);
  REAL(out)[0] = given->amounts.cores;
  REAL(out)[1] = (double)memory_bytes;
  return out;
}

SEXP ffi_evaluator_give_back(void) {
  if (before_task.is_limited) p2p_memory_limit_restore(before_task.memory_limit);
  if (before_task.is_pinned) (void)p2p_affinity_set(&before_task.cpus);
  before_task.is_limited = before_task.is_pinned = false;
  return R_NilValue;
}

SEXP ffi_evaluator_keep(SEXP memory_bytes) {
  p2p_memory_keep((uint64_t)Rf_asReal(memory_bytes));
  return R_NilValue;
}

/* Waits for the next task, for at most `seconds`. If none has arrived then, the memory that is kept
 * goes back to the system. */
SEXP ffi_evaluator_rest(SEXP handle, SEXP seconds) {
  int ms = 1000 * Rf_asInteger(seconds);
  if (!p2p_evaluator_channel_wait(p2p_ffi_handle_get(handle, TAG_CHANNEL), ms))
    p2p_memory_release(0);
  return R_NilValue;
}

/* `text`: the lines of HELLO. */
SEXP ffi_evaluator_hello(SEXP handle, SEXP text) {
  const char *lines = Rf_translateCharUTF8(STRING_ELT(text, 0));
  check(p2p_evaluator_channel_hello(p2p_ffi_handle_get(handle, TAG_CHANNEL), lines));
  return R_NilValue;
}

/* Waits for the next task: c(task, bytes of its object), or NULL at the end. The caller suspends
 * interrupts, since a SIGINT is meant for the task that is being evaluated. */
SEXP ffi_evaluator_next(SEXP handle) {
  uint32_t task;
  uint64_t size;
  struct p2p_err err = {0};
  int code =
      p2p_evaluator_channel_next(p2p_ffi_handle_get(handle, TAG_CHANNEL), &task, &size, &err);
  if (code == P2P_ERR_CLOSED) return R_NilValue;
  if (code != P2P_OK) p2p_ffi_raise(&err);
  SEXP out = Rf_allocVector(REALSXP, 2);
  REAL(out)[0] = task;
  REAL(out)[1] = (double)size;
  return out;
}

static void read_bytes(R_inpstream_t stream, void *out, int length) {
  struct p2p_err err = {0};
  if (p2p_task_reader_read(stream->data, out, (size_t)length, &err) != P2P_OK) p2p_ffi_raise(&err);
}

static int read_byte(R_inpstream_t stream) {
  unsigned char one;
  read_bytes(stream, &one, 1);
  return one;
}

static SEXP read_object(void *reader) {
  struct R_inpstream_st stream;
  R_InitInPStream(&stream, reader, R_pstream_any_format, read_byte, read_bytes, NULL, R_NilValue);
  return R_Unserialize(&stream);
}

static void clear_reader(void *reader, Rboolean is_jump) {
  (void)is_jump;
  p2p_task_reader_clear(reader);
}

/* `init`: p2p_task_reader_init, or _init_part. */
static SEXP read_checked(struct p2p_evaluator_channel *channel, SEXP size,
                         int (*init)(struct p2p_task_reader *, struct p2p_evaluator_channel *,
                                     uint64_t, struct p2p_err *)) {
  struct p2p_task_reader reader;
  struct p2p_err err = {0};
  int code = init(&reader, channel, (uint64_t)Rf_asReal(size), &err);
  if (code != P2P_OK) {
    p2p_task_reader_clear(&reader);
    p2p_ffi_raise(&err);
  }
  return R_UnwindProtect(read_object, &reader, clear_reader, &reader, NULL);
}

/* Unserializes the object of the task while it arrives. R sees no byte that was not checked. */
SEXP ffi_evaluator_read(SEXP handle, SEXP size) {
  return read_checked(p2p_ffi_handle_get(handle, TAG_CHANNEL), size, p2p_task_reader_init);
}

/* The parts of the task: their ids, and their sizes in bytes. */
SEXP ffi_evaluator_parts(SEXP handle) {
  const struct p2p_task_parts *parts =
      p2p_evaluator_channel_parts(p2p_ffi_handle_get(handle, TAG_CHANNEL));
  SEXP ids = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)parts->n));
  SEXP sizes = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)parts->n));
  for (uint32_t i = 0; i < parts->n; i++) {
    char id[2 * P2P_PART_ID_LEN + 1];
    p2p_hex_encode(parts->list[i].id, P2P_PART_ID_LEN, id);
    SET_STRING_ELT(ids, (R_xlen_t)i, Rf_mkChar(id));
    REAL(sizes)[i] = (double)parts->list[i].size;
  }
  const char *names[] = {"id", "size", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, ids);
  SET_VECTOR_ELT(out, 1, sizes);
  UNPROTECT(3);
  return out;
}

/* Asks for those parts that are TRUE, if there are parts. ffi_evaluator_next_part() follows. */
SEXP ffi_evaluator_need(SEXP handle, SEXP which) {
  uint32_t needed = 0;
  for (R_xlen_t i = 0; i < XLENGTH(which) && i < P2P_TASK_PARTS_MAX; i++)
    if (LOGICAL(which)[i] == TRUE) needed |= UINT32_C(1) << i;
  check(p2p_evaluator_channel_need(p2p_ffi_handle_get(handle, TAG_CHANNEL), needed));
  return R_NilValue;
}

/* The position of the part that comes next; 0: none. */
SEXP ffi_evaluator_next_part(SEXP handle) {
  return Rf_ScalarInteger(1 +
                          p2p_evaluator_channel_next_part(p2p_ffi_handle_get(handle, TAG_CHANNEL)));
}

/* Writes out compact sequences, as 1:n, in lists, too: R serializes one as it was made, also after
 * C code has changed its elements in place, so that ffi_fingerprint() would not see the change. */
static SEXP expand(SEXP x) {
  if (TYPEOF(x) == VECSXP) {
    for (R_xlen_t i = 0; i < XLENGTH(x); i++) SET_VECTOR_ELT(x, i, expand(VECTOR_ELT(x, i)));
    return x;
  }
  if (!ALTREP(x) || (TYPEOF(x) != INTSXP && TYPEOF(x) != REALSXP)) return x;
  SEXP out = PROTECT(Rf_allocVector(TYPEOF(x), XLENGTH(x)));
  if (TYPEOF(x) == INTSXP)
    INTEGER_GET_REGION(x, 0, XLENGTH(x), INTEGER(out));
  else
    REAL_GET_REGION(x, 0, XLENGTH(x), REAL(out));
  DUPLICATE_ATTRIB(out, x);
  UNPROTECT(1);
  return out;
}

/* The same as ffi_evaluator_read() for the next one of these parts. R copies it before a change. */
SEXP ffi_evaluator_read_part(SEXP handle, SEXP size) {
  struct p2p_evaluator_channel *channel = p2p_ffi_handle_get(handle, TAG_CHANNEL);
  SEXP read = PROTECT(read_checked(channel, size, p2p_task_reader_init_part));
  if (!p2p_evaluator_channel_end_part(channel)) Rf_error("a part of the future is malformed");
  SEXP value = expand(read);
  MARK_NOT_MUTABLE(value);
  UNPROTECT(1);
  return value;
}

/* Ends the reading of the task. FALSE: it was canceled, and has its answer. */
SEXP ffi_evaluator_begin(SEXP handle) {
  int code = p2p_evaluator_channel_begin(p2p_ffi_handle_get(handle, TAG_CHANNEL));
  if (code != P2P_ERR_CANCELED) check(code);
  return Rf_ScalarLogical(code == P2P_OK);
}

static void write_bytes(R_outpstream_t stream, void *bytes, int length) {
  int code = p2p_result_writer_put(stream->data, bytes, (size_t)length);
  if (code == P2P_ERR_INVALID) Rf_error("it changed while it was serialized");
  check(code);
}

static void write_byte(R_outpstream_t stream, int byte) {
  unsigned char one = (unsigned char)byte;
  write_bytes(stream, &one, 1);
}

/* Serializes the result into the channel. An R error in the middle leaves nothing behind but,
 * perhaps, a result that was announced: ffi_evaluator_abandon(). Returns its bytes. */
SEXP ffi_evaluator_result(SEXP handle, SEXP task, SEXP value) {
  static struct p2p_result_writer writer; /* large; R has one thread */
  struct R_outpstream_st stream;
  bool again;
  p2p_result_writer_init(&writer, p2p_ffi_handle_get(handle, TAG_CHANNEL),
                         (uint32_t)Rf_asReal(task));
  do {
    R_InitOutPStream(&stream, (R_pstream_data_t)&writer, R_pstream_binary_format, 3, write_byte,
                     write_bytes, NULL, R_NilValue);
    R_Serialize(value, &stream);
    int code = p2p_result_writer_end(&writer, &again);
    if (code == P2P_ERR_INVALID) Rf_error("it changed while it was serialized");
    check(code);
  } while (again);
  return Rf_ScalarReal((double)writer.size);
}

/* Whether a result was announced, which ends with LOST now. `why` follows "the evaluator". */
SEXP ffi_evaluator_abandon(SEXP handle, SEXP task, SEXP why) {
  struct p2p_evaluator_channel *channel = p2p_ffi_handle_get(handle, TAG_CHANNEL);
  const char *text = Rf_translateCharUTF8(STRING_ELT(why, 0));
  bool has_result = p2p_evaluator_channel_has_result(channel);
  if (has_result) {
    check(p2p_evaluator_channel_send(channel, P2P_FRAME_LOST, (uint32_t)Rf_asReal(task), text,
                                     strnlen(text, P2P_LOST_MAX)));
  }
  return Rf_ScalarLogical(has_result);
}

SEXP ffi_evaluator_condition(SEXP handle, SEXP task, SEXP object) {
  check(p2p_condition_writer_send(p2p_ffi_handle_get(handle, TAG_CHANNEL),
                                  (uint32_t)Rf_asReal(task),
                                  p2p_ffi_handle_get(object, P2P_TAG_BLOB)));
  return R_NilValue;
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
