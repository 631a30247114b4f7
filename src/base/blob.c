/* Bytes in chunks of one size, so that the chunk of an offset is found by a division. */
#include "base/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/chunks.h"

struct p2p_blob {
  uint8_t **chunks; /* each owned, of P2P_CHUNK_BYTES */
  size_t n_chunks, chunks_room;
  uint64_t size_bytes, cap_bytes;
};

struct p2p_blob *p2p_blob_new(uint64_t cap_bytes) {
  struct p2p_blob *blob = calloc(1, sizeof *blob);
  if (blob != NULL) blob->cap_bytes = cap_bytes;
  return blob;
}

static uint64_t at_most(uint64_t a, uint64_t b) { return a < b ? a : b; }

void p2p_blob_free(struct p2p_blob *blob) {
  if (blob == NULL) return;
  for (size_t i = 0; i < blob->n_chunks; i++) p2p_chunk_free(blob->chunks[i]);
  free(blob->chunks);
  free(blob);
}

static int add_chunk(struct p2p_blob *blob) {
  if (blob->n_chunks == blob->chunks_room) {
    size_t room = blob->chunks_room == 0 ? 8 : 2 * blob->chunks_room;
    if (room > SIZE_MAX / sizeof *blob->chunks) return P2P_ERR_MEMORY;
    uint8_t **chunks = realloc(blob->chunks, room * sizeof *chunks);
    if (chunks == NULL) return P2P_ERR_MEMORY;
    blob->chunks = chunks;
    blob->chunks_room = room;
  }
  uint8_t *chunk = p2p_chunk_new();
  if (chunk == NULL) return P2P_ERR_MEMORY;
  blob->chunks[blob->n_chunks++] = chunk;
  return P2P_OK;
}

int p2p_blob_append(struct p2p_blob *blob, const void *bytes, size_t length) {
  if (length > blob->cap_bytes - blob->size_bytes) return P2P_ERR_TOO_LARGE;
  /* Allocate everything first: a failed call must not append anything. */
  while ((uint64_t)blob->n_chunks * P2P_CHUNK_BYTES - blob->size_bytes < length) {
    int code = add_chunk(blob);
    if (code != P2P_OK) return code;
  }
  const uint8_t *from = bytes;
  while (length > 0) {
    size_t at = (size_t)(blob->size_bytes % P2P_CHUNK_BYTES);
    size_t part = (size_t)at_most(length, P2P_CHUNK_BYTES - at);
    memcpy(blob->chunks[blob->size_bytes / P2P_CHUNK_BYTES] + at, from, part);
    blob->size_bytes += part;
    from += part;
    length -= part;
  }
  return P2P_OK;
}

uint64_t p2p_blob_size(const struct p2p_blob *blob) { return blob->size_bytes; }

size_t p2p_blob_span(const struct p2p_blob *blob, uint64_t offset, const uint8_t **bytes) {
  if (offset >= blob->size_bytes) return 0;
  size_t at = (size_t)(offset % P2P_CHUNK_BYTES);
  *bytes = blob->chunks[offset / P2P_CHUNK_BYTES] + at;
  return (size_t)at_most(blob->size_bytes - offset, P2P_CHUNK_BYTES - at);
}
