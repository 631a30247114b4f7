/* Converts R objects to bytes and back, with R's own serialization (version 3, native byte order).
 * It writes to and reads from the chunks of a blob: there is no copy in one piece and no file. */
#include "r/ffi_serialize.h"

#include <string.h>

#include "r/ffi_error.h"
#include "r/ffi_handle.h"

static void blob_free(void *blob) { p2p_blob_free(blob); }

SEXP p2p_ffi_blob_handle(struct p2p_blob *blob) {
  SEXP handle = PROTECT(p2p_ffi_handle(P2P_TAG_BLOB, blob_free));
  p2p_ffi_handle_set(handle, blob);
  UNPROTECT(1);
  return handle;
}

static void put_bytes(R_outpstream_t stream, void *bytes, int length) {
  int code = p2p_blob_append(stream->data, bytes, (size_t)length);
  if (code == P2P_ERR_TOO_LARGE) Rf_error("the object is larger than the limit");
  if (code != P2P_OK) Rf_error("cannot allocate memory to serialize the object");
}

static void put_byte(R_outpstream_t stream, int byte) {
  unsigned char one = (unsigned char)byte;
  put_bytes(stream, &one, 1);
}

/* An R error in the middle (a long jump) leaves the blob to the finalizer of its handle. */
SEXP ffi_serialize(SEXP value, SEXP cap_bytes) {
  SEXP handle = PROTECT(p2p_ffi_blob_handle(NULL));
  double cap = Rf_asReal(cap_bytes);
  struct p2p_blob *blob = p2p_blob_new(cap < 9e18 ? (uint64_t)cap : UINT64_MAX);
  if (blob == NULL) p2p_ffi_raise_memory();
  p2p_ffi_handle_set(handle, blob);
  struct R_outpstream_st stream;
  R_InitOutPStream(&stream, (R_pstream_data_t)blob, R_pstream_binary_format, 3, put_byte, put_bytes,
                   NULL, R_NilValue);
  R_Serialize(value, &stream);
  UNPROTECT(1);
  return handle;
}

struct source {
  const struct p2p_blob *blob;
  uint64_t offset;
};

static void get_bytes(R_inpstream_t stream, void *out, int length) {
  struct source *source = stream->data;
  unsigned char *to = out;
  size_t left = (size_t)length;
  while (left > 0) {
    const uint8_t *bytes;
    size_t n = p2p_blob_span(source->blob, source->offset, &bytes);
    if (n == 0) Rf_error("the serialized object is truncated");
    if (n > left) n = left;
    memcpy(to, bytes, n);
    to += n;
    source->offset += n;
    left -= n;
  }
}

static int get_byte(R_inpstream_t stream) {
  unsigned char one;
  get_bytes(stream, &one, 1);
  return one;
}

struct p2p_r_object_rules p2p_ffi_object_rules(SEXP memory_bytes, enum p2p_r_content content,
                                               SEXP data_only) {
  double memory = Rf_asReal(memory_bytes);
  return (struct p2p_r_object_rules){.memory_bytes = memory < 9e18 ? (uint64_t)memory : UINT64_MAX,
                                     .content = content,
                                     .data_only = Rf_asLogical(data_only) == TRUE};
}

static enum p2p_r_content content_of(SEXP name) {
  return strcmp(CHAR(Rf_asChar(name)), "condition") == 0 ? P2P_R_CONDITION : P2P_R_TASK;
}

/* A list that a peer has sent: its bytes are checked first, since R trusts them.
 * `content`: "task" or "condition". */
SEXP ffi_unserialize(SEXP handle, SEXP memory_bytes, SEXP content, SEXP data_only) {
  struct source source = {p2p_ffi_handle_get(handle, P2P_TAG_BLOB), 0};
  const struct p2p_r_object_rules rules =
      p2p_ffi_object_rules(memory_bytes, content_of(content), data_only);
  struct p2p_err err;
  if (p2p_r_object_check(source.blob, &rules, &err) != P2P_OK) p2p_ffi_raise(&err);
  struct R_inpstream_st stream;
  R_InitInPStream(&stream, (R_pstream_data_t)&source, R_pstream_any_format, get_byte, get_bytes,
                  NULL, R_NilValue);
  return R_Unserialize(&stream);
}

SEXP ffi_blob_size(SEXP handle) {
  return Rf_ScalarReal((double)p2p_blob_size(p2p_ffi_handle_get(handle, P2P_TAG_BLOB)));
}
