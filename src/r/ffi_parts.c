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

#define TAG_CACHE "cache of parts"
#define TAG_FINGERPRINT "fingerprint"
#define DEPTH_MAX 8

static void cache_free(void *cache) { p2p_part_cache_free(cache); }
static void part_free(void *part) { p2p_part_free(part); }
static void fingerprint_free(void *fingerprint) { p2p_fingerprint_free(fingerprint); }

SEXP ffi_part_cache(void) {
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_CACHE, cache_free));
  struct p2p_part_cache *cache = p2p_part_cache_new(P2P_PART_CACHE_BYTES);
  if (cache == NULL) p2p_ffi_raise_memory();
  p2p_ffi_handle_set(handle, cache);
  UNPROTECT(1);
  return handle;
}

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
    if (!IS_S4_OBJECT(x) && at_least(x, 0) >= P2P_PART_MIN_BYTES) at[n++] = (int)i + 1;
  }
  SEXP out = Rf_allocVector(INTSXP, n);
  if (n > 0) memcpy(INTEGER(out), at, (size_t)n * sizeof *at);
  return out;
}

/* ---- fingerprints ---- */

struct sink {
  struct p2p_fingerprint *fingerprint;
  uint64_t left;
};

static void put_bytes(R_outpstream_t stream, void *bytes, int length) {
  struct sink *sink = stream->data;
  if ((uint64_t)length > sink->left) Rf_error("the object is too large");
  sink->left -= (uint64_t)length;
  if (p2p_fingerprint_add(sink->fingerprint, bytes, (size_t)length) != P2P_OK)
    Rf_error("libcrypto has failed");
}

static void put_byte(R_outpstream_t stream, int byte) {
  unsigned char one = (unsigned char)byte;
  put_bytes(stream, &one, 1);
}

/* R asks for each environment and external pointer. */
static SEXP refuse(SEXP x, SEXP data) {
  (void)x, (void)data;
  Rf_error("the object is not plain");
}

/* Of the bytes that R would write, which are not kept: vectors are read where they are. */
static uint64_t take(SEXP value, uint64_t max_bytes, uint8_t id[P2P_FINGERPRINT_LEN]) {
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_FINGERPRINT, fingerprint_free));
  struct sink sink = {p2p_fingerprint_new(), max_bytes};
  struct R_outpstream_st stream;
  uint64_t size = 0;
  if (sink.fingerprint == NULL) Rf_error("libcrypto has no Poly1305");
  p2p_ffi_handle_set(handle, sink.fingerprint);
  R_InitOutPStream(&stream, (R_pstream_data_t)&sink, R_pstream_binary_format, 3, put_byte,
                   put_bytes, refuse, R_NilValue);
  R_Serialize(value, &stream);
  if (p2p_fingerprint_end(sink.fingerprint, id, &size) != P2P_OK) Rf_error("libcrypto has failed");
  p2p_ffi_handle_close(handle);
  UNPROTECT(1);
  return size;
}

SEXP ffi_fingerprint(SEXP value) {
  uint8_t id[P2P_FINGERPRINT_LEN];
  char text[2 * P2P_FINGERPRINT_LEN + 1];
  take(value, UINT64_MAX, id);
  p2p_hex_encode(id, sizeof id, text);
  return Rf_mkString(text);
}

/* ---- parts ---- */

/* NULL: it is not plain data, as the worker will check it. */
static struct p2p_part *make(SEXP value, const uint8_t *id, uint64_t size) {
  static const struct p2p_r_object_rules rules = {
      .memory_bytes = UINT64_MAX, .content = P2P_R_ANY, .data_only = true};
  SEXP handle = PROTECT(ffi_serialize(value, Rf_ScalarReal((double)size)));
  struct p2p_blob *bytes = p2p_ffi_handle_get(handle, P2P_TAG_BLOB);
  struct p2p_part *part = NULL;
  if (p2p_blob_size(bytes) == size && p2p_r_object_check(bytes, &rules, NULL) == P2P_OK)
    part = p2p_part_new(id, bytes);
  if (part != NULL)
    p2p_ffi_handle_set(handle, NULL);
  else
    p2p_ffi_handle_close(handle);
  UNPROTECT(1);
  return part;
}

/* The part of the value, as a handle, or NULL. Raises an error, too, if it cannot be a part. */
SEXP ffi_part(SEXP cache_handle, SEXP value, SEXP max_bytes) {
  struct p2p_part_cache *cache = p2p_ffi_handle_get(cache_handle, TAG_CACHE);
  uint8_t id[P2P_FINGERPRINT_LEN];
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_PART, part_free));
  uint64_t size = take(value, (uint64_t)Rf_asReal(max_bytes), id);
  struct p2p_part *part = NULL;
  p2p_part_cache_trim(cache);
  if (size >= P2P_PART_MIN_BYTES && (part = p2p_part_cache_find(cache, id, size)) == NULL &&
      (part = make(value, id, size)) != NULL)
    p2p_part_cache_add(cache, part);
  p2p_ffi_handle_set(handle, part);
  UNPROTECT(1);
  return part == NULL ? R_NilValue : handle;
}
