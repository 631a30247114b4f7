/* Serialized R objects. */
#ifndef P2P_R_FFI_SERIALIZE_H
#define P2P_R_FFI_SERIALIZE_H

#include "base/blob.h"
#include "r/ffi.h"

/* Serialized R objects (version 3, native byte order). */
#define P2P_TAG_BLOB "serialized object"
/* A handle that owns the blob, which may be NULL. */
SEXP p2p_ffi_blob_handle(struct p2p_blob *blob);

#endif
