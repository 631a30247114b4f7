/* An object in chunks of one size, so that an offset names its chunk without a search. */
#include "base/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct p2p_blob {
  uint8_t **chunks; /* each owned, of P2P_BLOB_CHUNK_BYTES */
  size_t n_chunks, chunks_room;
  uint64_t size_bytes, cap_bytes;
};

struct p2p_blob *p2p_blob_new(uint64_t cap_bytes) {
  struct p2p_blob *object = calloc(1, sizeof *object);
  if (object != NULL) object->cap_bytes = cap_bytes;
  return object;
}

static uint64_t at_most(uint64_t a, uint64_t b) { return a < b ? a : b; }

void p2p_blob_free(struct p2p_blob *object) {
  if (object == NULL) return;
  uint64_t used = object->size_bytes;
  for (size_t i = 0; i < object->n_chunks; i++) {
    uint64_t here = at_most(used, P2P_BLOB_CHUNK_BYTES);
    p2p_wipe(object->chunks[i], (size_t)here);
    free(object->chunks[i]);
    used -= here;
  }
  free(object->chunks);
  free(object);
}

static int add_chunk(struct p2p_blob *object) {
  if (object->n_chunks == object->chunks_room) {
    size_t room = object->chunks_room == 0 ? 8 : 2 * object->chunks_room;
    if (room > SIZE_MAX / sizeof *object->chunks) return P2P_ERR_MEMORY;
    uint8_t **chunks = realloc(object->chunks, room * sizeof *chunks);
    if (chunks == NULL) return P2P_ERR_MEMORY;
    object->chunks = chunks;
    object->chunks_room = room;
  }
  uint8_t *chunk = malloc(P2P_BLOB_CHUNK_BYTES);
  if (chunk == NULL) return P2P_ERR_MEMORY;
  object->chunks[object->n_chunks++] = chunk;
  return P2P_OK;
}

int p2p_blob_append(struct p2p_blob *object, const void *bytes, size_t length) {
  if (length > object->cap_bytes - object->size_bytes) return P2P_ERR_TOO_LARGE;
  /* All memory first: what fails half-way must not have appended anything. */
  while ((uint64_t)object->n_chunks * P2P_BLOB_CHUNK_BYTES - object->size_bytes < length) {
    int code = add_chunk(object);
    if (code != P2P_OK) return code;
  }
  const uint8_t *from = bytes;
  while (length > 0) {
    size_t at = (size_t)(object->size_bytes % P2P_BLOB_CHUNK_BYTES);
    size_t part = (size_t)at_most(length, P2P_BLOB_CHUNK_BYTES - at);
    memcpy(object->chunks[object->size_bytes / P2P_BLOB_CHUNK_BYTES] + at, from, part);
    object->size_bytes += part;
    from += part;
    length -= part;
  }
  return P2P_OK;
}

uint64_t p2p_blob_size(const struct p2p_blob *object) { return object->size_bytes; }

size_t p2p_blob_span(const struct p2p_blob *object, uint64_t offset, const uint8_t **bytes) {
  if (offset >= object->size_bytes) return 0;
  size_t at = (size_t)(offset % P2P_BLOB_CHUNK_BYTES);
  *bytes = object->chunks[offset / P2P_BLOB_CHUNK_BYTES] + at;
  return (size_t)at_most(object->size_bytes - offset, P2P_BLOB_CHUNK_BYTES - at);
}
