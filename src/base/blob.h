/* The serialized bytes of a future, a condition or a result, kept in chunks, so that large objects
 * are not moved as they grow. No place for secrets. Not locked: one thread at a time. */
#ifndef P2P_BASE_BLOB_H
#define P2P_BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_blob; /* opaque */

/* An empty blob that never holds more than cap_bytes. NULL when out of memory. */
struct p2p_blob *p2p_blob_new(uint64_t cap_bytes);
void p2p_blob_free(struct p2p_blob *object); /* does not wipe; takes NULL */

/* Appends. P2P_ERR_TOO_LARGE beyond the cap, P2P_ERR_MEMORY; then nothing was appended. */
int p2p_blob_append(struct p2p_blob *object, const void *bytes, size_t length) P2P_MUST_USE;
uint64_t p2p_blob_size(const struct p2p_blob *object);

/* The longest contiguous run that begins at `offset`: *bytes and its length; 0 at the end. */
size_t p2p_blob_span(const struct p2p_blob *object, uint64_t offset, const uint8_t **bytes);

#endif
