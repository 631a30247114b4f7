/* Serialized R objects. */
#ifndef P2P_R_FFI_SERIALIZE_H
#define P2P_R_FFI_SERIALIZE_H

#include "base/blob.h"
#include "protocol/r_object.h"
#include "r/ffi.h"

/* Serialized R objects (version 3, native byte order). */
#define P2P_TAG_BLOB "serialized object"
/* A handle that owns the blob, which may be NULL. */
SEXP p2p_ffi_blob_handle(struct p2p_blob *blob);
/* The object as a handle of its bytes, at most `cap_bytes`. Raises R errors. */
SEXP ffi_serialize(SEXP value, SEXP cap_bytes);
/* The rules for an object that a peer has sent. `memory_bytes` limits what R allocates for it. */
struct p2p_r_object_rules p2p_ffi_object_rules(SEXP memory_bytes, enum p2p_r_content content,
                                               SEXP data_only);

#endif
