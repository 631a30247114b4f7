/* Parts for R: large plain globals that several futures share. See client/part.h. */
#include <string.h>

#include "base/encode.h"
#include "client/part.h"
#include "crypto/fingerprint.h"
#include "r/ffi.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_parts.h"
#include "r/ffi_serialize.h"

#define TAG_FINGERPRINT "fingerprint"
#define DEPTH_MAX 8
#define BORROW_MIN_BYTES 16384 /* shorter vectors are copied */

static void part_free(void *part) { p2p_part_free(part); }
static void fingerprint_free(void *fingerprint) { p2p_fingerprint_free(fingerprint); }

/* ---- which objects may be parts ---- */

static double at_least(SEXP x, int depth);

/* Stops when it is enough: each element counts at least 8 bytes. */
static double elements_at_least(SEXP x, int depth) {
  double bytes = 0;
  for (R_xlen_t i = 0; i < XLENGTH(x) && bytes < P2P_PART_MIN_BYTES; i++)
    bytes += 8 + (TYPEOF(x) == STRSXP ? (double)LENGTH(STRING_ELT(x, i))
                                      : at_least(VECTOR_ELT(x, i), depth + 1));
  return bytes;
}

/* Roughly the bytes of the serialized object, but not more than are of interest; 0: it is neither a
 * vector nor a list. */
static double at_least(SEXP x, int depth) {
  switch (TYPEOF(x)) {
  case LGLSXP:
  case INTSXP: return 4.0 * (double)XLENGTH(x);
  case REALSXP: return 8.0 * (double)XLENGTH(x);
  case CPLXSXP: return 16.0 * (double)XLENGTH(x);
  case RAWSXP: return (double)XLENGTH(x);
  case STRSXP: return elements_at_least(x, depth);
  case VECSXP: return depth < DEPTH_MAX ? elements_at_least(x, depth) : 0;
  default: return 0;
  }
}

/* The positions of the elements of a list that may be worth a look. */
SEXP ffi_part_candidates(SEXP list) {
  int n = 0, *at = (int *)R_alloc((size_t)XLENGTH(list) + 1, sizeof *at);
  for (R_xlen_t i = 0; i < XLENGTH(list) && n < P2P_TASK_PARTS_MAX; i++) {
    SEXP x = VECTOR_ELT(list, i);
    if (!Rf_isS4(x) && at_least(x, 0) >= P2P_PART_MIN_BYTES) at[n++] = (int)i + 1;
  }
  SEXP out = Rf_allocVector(INTSXP, n);
  if (n > 0) memcpy(INTEGER(out), at, (size_t)n * sizeof *at);
  return out;
}

/* R asks for each environment and external pointer. */
static SEXP refuse(SEXP x, SEXP data) {
  (void)x, (void)data;
  Rf_error("the object is not plain");
}

static void serialize(SEXP value, void *sink, void (*put)(R_outpstream_t, void *, int),
                      void (*put_byte)(R_outpstream_t, int)) {
  struct R_outpstream_st stream;
  R_InitOutPStream(&stream, sink, R_pstream_binary_format, 3, put_byte, put, refuse, R_NilValue);
  R_Serialize(value, &stream);
}

/* ---- fingerprints ---- */

static void hash_bytes(R_outpstream_t stream, void *bytes, int length) {
  if (p2p_fingerprint_add((void *)stream->data, bytes, (size_t)length) != P2P_OK)
    Rf_error("libcrypto has failed");
}

static void hash_byte(R_outpstream_t stream, int byte) {
  unsigned char one = (unsigned char)byte;
  hash_bytes(stream, &one, 1);
}

/* Of the bytes that R would write, which are not kept: vectors are read where they are. */
SEXP ffi_fingerprint(SEXP value) {
  uint8_t id[P2P_FINGERPRINT_LEN];
  char text[2 * P2P_FINGERPRINT_LEN + 1];
  uint64_t size;
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_FINGERPRINT, fingerprint_free));
  struct p2p_fingerprint *fingerprint = p2p_fingerprint_new();
  if (fingerprint == NULL) Rf_error("libcrypto has no Poly1305");
  p2p_ffi_handle_set(handle, fingerprint);
  serialize(value, fingerprint, hash_bytes, hash_byte);
  if (p2p_fingerprint_end(fingerprint, id, &size) != P2P_OK) Rf_error("libcrypto has failed");
  p2p_ffi_handle_close(handle);
  UNPROTECT(1);
  p2p_hex_encode(id, sizeof id, text);
  return Rf_mkString(text);
}

/* ---- parts ---- */

/* The elements of a vector, or of one in a list. */
struct range {
  const uint8_t *bytes;
  size_t length;
};

struct sink {
  struct p2p_part *part;
  struct range *ranges; /* in the order in which R serializes them */
  size_t n, at;         /* at: the one that R is expected to write now */
};

static size_t element_bytes(SEXP x) {
  switch (TYPEOF(x)) {
  case LGLSXP:
  case INTSXP: return sizeof(int);
  case REALSXP: return sizeof(double);
  case CPLXSXP: return sizeof(Rcomplex);
  case RAWSXP: return 1;
  default: return 0;
  }
}

/* Counts the vectors whose elements may be borrowed, and fills sink->ranges unless it is NULL. What
 * is computed when it is read (ALTREP) has no elements of its own. */
static void find_ranges(SEXP x, struct sink *sink, int depth) {
  if (TYPEOF(x) == VECSXP && depth < DEPTH_MAX && !ALTREP(x))
    for (R_xlen_t i = 0; i < XLENGTH(x); i++) find_ranges(VECTOR_ELT(x, i), sink, depth + 1);
  size_t length =
      ALTREP(x) ? 0 : element_bytes(x) * (element_bytes(x) > 0 ? (size_t)XLENGTH(x) : 0);
  if (length < BORROW_MIN_BYTES) return;
  if (sink->ranges != NULL)
    sink->ranges[sink->n] = (struct range){(const uint8_t *)DATAPTR_RO(x), length};
  sink->n++;
}

static bool is_within(const struct range *range, const uint8_t *bytes, size_t length) {
  return bytes >= range->bytes && length <= range->length &&
         (size_t)(bytes - range->bytes) <= range->length - length;
}

/* R writes the elements of a vector from where they are, one piece after the other. */
static bool is_borrowed(struct sink *sink, const uint8_t *bytes, size_t length) {
  for (size_t i = sink->at; i < sink->n && i < sink->at + 2; i++) {
    if (!is_within(&sink->ranges[i], bytes, length)) continue;
    sink->at = i;
    return true;
  }
  return false;
}

static void put_bytes(R_outpstream_t stream, void *bytes, int length) {
  struct sink *sink = (void *)stream->data;
  int code = is_borrowed(sink, bytes, (size_t)length)
                 ? p2p_part_borrow(sink->part, bytes, (size_t)length)
                 : p2p_part_append(sink->part, bytes, (size_t)length);
  if (code != P2P_OK) Rf_error("cannot make a part: %s", p2p_err_name(code));
}

static void put_byte(R_outpstream_t stream, int byte) {
  unsigned char one = (unsigned char)byte;
  put_bytes(stream, &one, 1);
}

/* Whether it is plain data, as the worker will check it. */
static bool is_plain(const struct p2p_part *part) {
  static const struct p2p_r_object_rules rules = {
      .memory_bytes = UINT64_MAX, .content = P2P_R_ANY, .data_only = true};
  struct p2p_r_walk *walk = p2p_r_walk_new(p2p_part_size(part), &rules);
  const uint8_t *bytes = NULL;
  int code = walk == NULL ? P2P_ERR_MEMORY : P2P_OK;
  uint64_t done = 0;
  for (size_t n; code == P2P_OK && (n = p2p_part_span(part, done, &bytes)) > 0; done += n)
    code = p2p_r_walk_feed(walk, bytes, n, NULL);
  p2p_r_walk_free(walk);
  return code == P2P_OK;
}

/* The part of the value, as a handle, or NULL. Raises an error, too, if it cannot be a part. */
SEXP ffi_part(SEXP value) {
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_PART, part_free));
  struct sink sink = {.part = p2p_part_new()};
  if (sink.part == NULL) Rf_error("libcrypto has no Poly1305");
  p2p_ffi_handle_set(handle, sink.part);
  R_SetExternalPtrProtected(handle, value);
  find_ranges(value, &sink, 0);
  sink.ranges = (struct range *)(void *)R_alloc(sink.n + 1, sizeof *sink.ranges);
  sink.n = 0;
  find_ranges(value, &sink, 0);
  serialize(value, &sink, put_bytes, put_byte);
  if (p2p_part_end(sink.part) != P2P_OK) Rf_error("libcrypto has failed");
  bool is_part = p2p_part_size(sink.part) >= P2P_PART_MIN_BYTES && is_plain(sink.part);
  if (!is_part) p2p_ffi_handle_close(handle);
  UNPROTECT(1);
  return is_part ? handle : R_NilValue;
}

/* Bytes, before its task is submitted. */
SEXP ffi_part_size(SEXP handle) {
  return Rf_ScalarReal((double)p2p_part_size(p2p_ffi_handle_get(handle, P2P_TAG_PART)));
}
