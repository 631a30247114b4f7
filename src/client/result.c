/* Chunks in a table that never moves: what has arrived is read without a lock. */
#include "client/result.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/chunks.h"

#define NOBODY UINT64_MAX

struct p2p_result {
  atomic_uint references;
  uint64_t size_bytes;
  uint8_t **chunks;         /* NULL: not needed yet */
  _Atomic uint64_t arrived; /* bytes */
  atomic_bool is_broken;
  _Atomic size_t n_dropped;     /* chunks, by the reader */
  _Atomic uint64_t wanted;      /* when to notify `watcher`; NOBODY: not */
  pthread_mutex_t lock;         /* guards `watcher` */
  struct p2p_notifier *watcher; /* NULL: none */
};

struct p2p_result *p2p_result_new(uint64_t size_bytes) {
  size_t n_chunks = (size_t)(size_bytes / P2P_CHUNK_BYTES + 1);
  struct p2p_result *result = calloc(1, sizeof *result);
  if (result == NULL) return NULL;
  result->chunks = calloc(n_chunks, sizeof *result->chunks);
  if (result->chunks == NULL || pthread_mutex_init(&result->lock, NULL) != 0) {
    free(result->chunks);
    free(result);
    return NULL;
  }
  result->size_bytes = size_bytes;
  atomic_init(&result->references, 1);
  atomic_init(&result->wanted, NOBODY);
  return result;
}

void p2p_result_ref(struct p2p_result *result) {
  atomic_fetch_add_explicit(&result->references, 1, memory_order_relaxed);
}

void p2p_result_free(struct p2p_result *result) {
  if (result == NULL ||
      atomic_fetch_sub_explicit(&result->references, 1, memory_order_acq_rel) != 1)
    return;
  uint64_t arrived = atomic_load(&result->arrived);
  for (size_t i = 0; i < (arrived + P2P_CHUNK_BYTES - 1) / P2P_CHUNK_BYTES; i++)
    p2p_chunk_free(result->chunks[i]);
  free(result->chunks);
  pthread_mutex_destroy(&result->lock);
  free(result);
}

/* ---- io thread ---- */

/* Who watches has set `wanted` before it looks for the last time. */
static void notify(struct p2p_result *result) {
  if (atomic_exchange(&result->wanted, NOBODY) == NOBODY) return;
  pthread_mutex_lock(&result->lock);
  if (result->watcher != NULL) p2p_notifier_notify(result->watcher);
  pthread_mutex_unlock(&result->lock);
}

/* Allocates the chunks for bytes up to `end`. Those beyond `arrived` are freed if one is missing.
 */
static int reserve(struct p2p_result *result, uint64_t arrived, uint64_t end) {
  size_t first = (size_t)((arrived + P2P_CHUNK_BYTES - 1) / P2P_CHUNK_BYTES), i = first;
  for (; (uint64_t)i * P2P_CHUNK_BYTES < end; i++) {
    result->chunks[i] = p2p_chunk_new();
    if (result->chunks[i] != NULL) continue;
    while (i > first) p2p_chunk_free(result->chunks[--i]);
    return P2P_ERR_MEMORY;
  }
  return P2P_OK;
}

int p2p_result_append(struct p2p_result *result, const void *bytes, size_t length) {
  uint64_t arrived = atomic_load_explicit(&result->arrived, memory_order_relaxed);
  const uint8_t *from = bytes;
  if (length > result->size_bytes - arrived) return P2P_ERR_TOO_LARGE;
  int code = reserve(result, arrived, arrived + length);
  if (code != P2P_OK) return code;
  while (length > 0) {
    size_t at = (size_t)(arrived % P2P_CHUNK_BYTES), part = P2P_CHUNK_BYTES - at;
    if (part > length) part = length;
    memcpy(result->chunks[arrived / P2P_CHUNK_BYTES] + at, from, part);
    from += part;
    arrived += part;
    length -= part;
  }
  atomic_store(&result->arrived, arrived);
  if (arrived >= atomic_load(&result->wanted)) notify(result);
  return P2P_OK;
}

bool p2p_result_is_ahead(struct p2p_result *result) {
  if (result == NULL) return false;
  uint64_t dropped = (uint64_t)atomic_load(&result->n_dropped) * P2P_CHUNK_BYTES;
  if (dropped == 0 || atomic_load(&result->arrived) - dropped <= P2P_RESULT_AHEAD_BYTES)
    return false;
  pthread_mutex_lock(&result->lock);
  bool is_read = result->watcher != NULL;
  pthread_mutex_unlock(&result->lock);
  return is_read;
}

void p2p_result_break(struct p2p_result *result) {
  if (p2p_result_is_whole(result)) return;
  atomic_store(&result->is_broken, true);
  notify(result);
}

/* ---- Any thread ---- */

uint64_t p2p_result_size(const struct p2p_result *result) { return result->size_bytes; }

uint64_t p2p_result_arrived(const struct p2p_result *result) {
  return atomic_load(&result->arrived);
}

bool p2p_result_is_whole(const struct p2p_result *result) {
  return atomic_load(&result->arrived) == result->size_bytes;
}

bool p2p_result_is_broken(const struct p2p_result *result) {
  return atomic_load(&result->is_broken);
}

size_t p2p_result_span(const struct p2p_result *result, uint64_t offset, const uint8_t **bytes) {
  uint64_t arrived = atomic_load_explicit(&result->arrived, memory_order_acquire);
  if (offset >= arrived) return 0;
  size_t at = (size_t)(offset % P2P_CHUNK_BYTES), here = P2P_CHUNK_BYTES - at;
  *bytes = result->chunks[offset / P2P_CHUNK_BYTES] + at;
  return arrived - offset < here ? (size_t)(arrived - offset) : here;
}

void p2p_result_drop(struct p2p_result *result, uint64_t offset) {
  size_t i = atomic_load_explicit(&result->n_dropped, memory_order_relaxed);
  if (i >= offset / P2P_CHUNK_BYTES) return;
  for (; i < offset / P2P_CHUNK_BYTES; i++) {
    p2p_chunk_free(result->chunks[i]);
    result->chunks[i] = NULL;
  }
  atomic_store(&result->n_dropped, i);
}

bool p2p_result_is_dropped(const struct p2p_result *result) {
  return atomic_load(&result->n_dropped) > 0;
}

bool p2p_result_watch(struct p2p_result *result, struct p2p_notifier *notifier) {
  pthread_mutex_lock(&result->lock);
  bool is_free = result->watcher == NULL;
  if (is_free) result->watcher = notifier;
  pthread_mutex_unlock(&result->lock);
  return is_free;
}

void p2p_result_unwatch(struct p2p_result *result) {
  pthread_mutex_lock(&result->lock);
  result->watcher = NULL;
  pthread_mutex_unlock(&result->lock);
}

bool p2p_result_want(struct p2p_result *result, uint64_t bytes) {
  if (bytes > result->size_bytes) bytes = result->size_bytes;
  atomic_store(&result->wanted, bytes);
  if (atomic_load(&result->arrived) < bytes && !p2p_result_is_broken(result)) return false;
  atomic_store(&result->wanted, NOBODY);
  return true;
}
