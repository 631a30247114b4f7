/* Recorders and the ledger of the account, for contributions(). What uses the file blocks, for two
 * seconds at most. */
#include "r/ffi_ledger.h"

#include "ledger/ledger_file.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"

#define TAG_RECORDER "recorder"

/* What cannot be written now is lost: the program ends, or has left the cluster. */
static void close_recorder(void *recorder) {
  struct p2p_err err;
  (void)!p2p_recorder_write(recorder, &err);
  p2p_recorder_free(recorder);
}

/* `folder`: NULL for a recorder that writes nothing. To be made before what uses it, see
 * p2p_ffi_handle_free_values. */
SEXP ffi_recorder_new(SEXP folder) {
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_RECORDER, close_recorder));
  struct p2p_recorder *recorder =
      p2p_recorder_new(folder != R_NilValue ? Rf_translateCharUTF8(STRING_ELT(folder, 0)) : NULL);
  if (recorder == NULL) p2p_ffi_raise_memory();
  p2p_ffi_handle_set(handle, recorder);
  UNPROTECT(1);
  return handle;
}

/* Writes what is due. NULL, or the error as p2p_ffi_error() makes it. */
SEXP ffi_recorder_write(SEXP handle) {
  struct p2p_err err = {0};
  if (p2p_recorder_write(p2p_ffi_handle_get(handle, TAG_RECORDER), &err) == P2P_OK)
    return R_NilValue;
  return p2p_ffi_error(&err);
}

/* A list of columns, with one row for each entry. R's memory, since an allocation of R may not
 * return. Clears the ledger. */
static SEXP columns_of(struct p2p_ledger *ledger) {
  enum { SIDE, USER, MACHINE, CLUSTER, NUMBERS, COLUMNS = 11 };
  const char *names[] = {"side",    "user",     "machine",   "cluster", "futures", "failed",
                         "seconds", "bytes_in", "bytes_out", "since",   "latest",  ""};
  R_xlen_t n = (R_xlen_t)ledger->n;
  struct p2p_ledger_entry *entries =
      (struct p2p_ledger_entry *)R_alloc(ledger->n + 1, sizeof *entries);
  for (R_xlen_t i = 0; i < n; i++) entries[i] = ledger->entries[i];
  p2p_ledger_clear(ledger);
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int column = 0; column < COLUMNS; column++)
    SET_VECTOR_ELT(out, column, Rf_allocVector(column < NUMBERS ? STRSXP : REALSXP, n));
  for (R_xlen_t i = 0; i < n; i++) {
    const struct p2p_ledger_entry *entry = &entries[i];
    const char *texts[NUMBERS] = {entry->key.side == P2P_LEDGER_GIVEN ? "given" : "received",
                                  entry->key.user, entry->key.machine, entry->key.cluster};
    double numbers[COLUMNS - NUMBERS] = {
        (double)entry->counts.futures,   (double)entry->counts.failed,
        (double)entry->counts.ms / 1000, (double)entry->counts.bytes_in,
        (double)entry->counts.bytes_out, (double)entry->since_s,
        (double)entry->latest_s};
    for (int k = 0; k < NUMBERS; k++)
      SET_STRING_ELT(VECTOR_ELT(out, k), i, texts[k][0] != '\0' ? Rf_mkChar(texts[k]) : NA_STRING);
    for (int k = 0; k < COLUMNS - NUMBERS; k++) REAL(VECTOR_ELT(out, NUMBERS + k))[i] = numbers[k];
  }
  UNPROTECT(1);
  return out;
}

struct p2p_recorder *p2p_ffi_recorder(SEXP config) {
  SEXP handle = p2p_ffi_element(config, "recorder");
  return handle != R_NilValue ? p2p_ffi_handle_get(handle, TAG_RECORDER) : NULL;
}

/* What this process has counted. */
SEXP ffi_recorder_session(SEXP handle) {
  struct p2p_recorder *recorder = p2p_ffi_handle_get(handle, TAG_RECORDER);
  struct p2p_ledger ledger = {0};
  if (p2p_recorder_session(recorder, &ledger) != P2P_OK) {
    p2p_ledger_clear(&ledger);
    p2p_ffi_raise_memory();
  }
  return columns_of(&ledger);
}

/* The ledger of the account. */
SEXP ffi_ledger_read(SEXP folder) {
  struct p2p_ledger ledger = {0};
  struct p2p_err err = {0};
  if (p2p_ledger_file_read(Rf_translateCharUTF8(STRING_ELT(folder, 0)), &ledger, &err) != P2P_OK) {
    err.reason = NULL; /* its advice is about keys */
    p2p_ffi_raise(&err);
  }
  return columns_of(&ledger);
}

/* `cluster`: NULL for all. */
SEXP ffi_ledger_forget(SEXP folder, SEXP cluster) {
  struct p2p_err err = {0};
  const char *name = cluster != R_NilValue ? Rf_translateCharUTF8(STRING_ELT(cluster, 0)) : NULL;
  if (p2p_ledger_file_forget(Rf_translateCharUTF8(STRING_ELT(folder, 0)), name, &err) == P2P_OK)
    return R_NilValue;
  err.reason = NULL;
  p2p_ffi_raise(&err);
  return R_NilValue; /* not reached */
}
