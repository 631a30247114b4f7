/* R objects to and from bytes, by R's own serialization (version 3, native byte order), straight
 * into and out of chunks: no copy of the whole, no temporary file. */
#include "r/ffi.h"

#include <string.h>

static void object_free(void *object) { p2p_blob_free(object); }

SEXP p2p_ffi_blob_handle(struct p2p_blob *object) {
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_BLOB, object_free));
  p2p_ffi_handle_set(handle, object);
  UNPROTECT(1);
  return handle;
}

static void put_bytes(R_outpstream_t stream, void *bytes, int length) {
  int code = p2p_blob_append(stream->data, bytes, (size_t)length);
  if (code == P2P_ERR_TOO_LARGE) Rf_error("The object is larger than the limit for objects.");
  if (code != P2P_OK) Rf_error("Out of memory while an object was serialized.");
}

static void put_byte(R_outpstream_t stream, int byte) {
  unsigned char one = (unsigned char)byte;
  put_bytes(stream, &one, 1);
}

/* An error in the middle (a long jump) leaves the object to its handle's finalizer. */
SEXP ffi_serialize(SEXP value, SEXP cap_bytes) {
  SEXP handle = PROTECT(p2p_ffi_blob_handle(NULL));
  double cap = Rf_asReal(cap_bytes);
  struct p2p_blob *object = p2p_blob_new(cap < 9e18 ? (uint64_t)cap : UINT64_MAX);
  if (object == NULL) Rf_error("Out of memory.");
  p2p_ffi_handle_set(handle, object);
  struct R_outpstream_st stream;
  R_InitOutPStream(&stream, (R_pstream_data_t)object, R_pstream_binary_format, 3, put_byte,
                   put_bytes, NULL, R_NilValue);
  R_Serialize(value, &stream);
  UNPROTECT(1);
  return handle;
}

struct source {
  const struct p2p_blob *object;
  uint64_t offset;
};

static void get_bytes(R_inpstream_t stream, void *out, int length) {
  struct source *source = stream->data;
  unsigned char *to = out;
  size_t wanted = (size_t)length;
  while (wanted > 0) {
    const uint8_t *bytes;
    size_t n = p2p_blob_span(source->object, source->offset, &bytes);
    if (n == 0) Rf_error("The serialized object ends too early.");
    if (n > wanted) n = wanted;
    memcpy(to, bytes, n);
    to += n;
    source->offset += n;
    wanted -= n;
  }
}

static int get_byte(R_inpstream_t stream) {
  unsigned char one;
  get_bytes(stream, &one, 1);
  return one;
}

SEXP ffi_unserialize(SEXP handle) {
  struct source source = {p2p_ffi_handle_get(handle, P2P_TAG_BLOB), 0};
  struct R_inpstream_st stream;
  R_InitInPStream(&stream, (R_pstream_data_t)&source, R_pstream_any_format, get_byte, get_bytes,
                  NULL, R_NilValue);
  return R_Unserialize(&stream);
}

SEXP ffi_object_size(SEXP handle) {
  return Rf_ScalarReal((double)p2p_blob_size(p2p_ffi_handle_get(handle, P2P_TAG_BLOB)));
}
