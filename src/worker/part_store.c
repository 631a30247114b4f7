/* A list: a client has few parts at a time. */
#include "worker/part_store.h"

#include <stdlib.h>

#include "base/blob.h"

struct stored {
  struct stored *next;
  struct p2p_task_part part;
  const void *source;
  struct p2p_blob *bytes;
};

struct p2p_part_store {
  uint64_t cap_bytes, reserved_bytes;
  struct stored *list;
};

struct p2p_part_store *p2p_part_store_new(uint64_t cap_bytes) {
  struct p2p_part_store *store = calloc(1, sizeof *store);
  if (store != NULL) store->cap_bytes = cap_bytes;
  return store;
}

/* Where it is linked; **at is NULL if it is not there. */
static struct stored **find(struct p2p_part_store *store, const struct p2p_task_part *part) {
  struct stored **at = &store->list;
  while (*at != NULL && !p2p_task_part_is_same(&(*at)->part, part)) at = &(*at)->next;
  return at;
}

static void drop(struct p2p_part_store *store, struct stored **at) {
  struct stored *stored = *at;
  *at = stored->next;
  store->reserved_bytes -= stored->part.size;
  p2p_blob_free(stored->bytes);
  free(stored);
}

void p2p_part_store_free(struct p2p_part_store *store) {
  if (store == NULL) return;
  while (store->list != NULL) drop(store, &store->list);
  free(store);
}

static bool is_whole(const struct stored *stored) {
  return p2p_blob_size(stored->bytes) == stored->part.size;
}

static const struct stored *get(const struct p2p_part_store *store,
                                const struct p2p_task_part *part) {
  return *find((struct p2p_part_store *)(uintptr_t)store, part);
}

enum p2p_stored p2p_part_store_find(const struct p2p_part_store *store,
                                    const struct p2p_task_part *part) {
  const struct stored *stored = get(store, part);
  if (stored == NULL) return P2P_STORED_NOT;
  return is_whole(stored) ? P2P_STORED_WHOLE : P2P_STORED_ARRIVES;
}

void p2p_part_store_begin(struct p2p_part_store *store, const struct p2p_task_part *part,
                          const void *source) {
  if (part->size > store->cap_bytes - store->reserved_bytes || get(store, part) != NULL) return;
  struct stored *stored = calloc(1, sizeof *stored);
  struct p2p_blob *bytes = p2p_blob_new(part->size);
  if (stored == NULL || bytes == NULL) {
    free(stored);
    p2p_blob_free(bytes);
    return;
  }
  *stored = (struct stored){store->list, *part, source, bytes};
  store->list = stored;
  store->reserved_bytes += part->size;
}

void p2p_part_store_append(struct p2p_part_store *store, const struct p2p_task_part *part,
                           const void *source, const void *bytes, size_t length) {
  struct stored **at = find(store, part);
  if (*at == NULL || (*at)->source != source || is_whole(*at)) return;
  if (p2p_blob_append((*at)->bytes, bytes, length) != P2P_OK) drop(store, at);
}

size_t p2p_part_store_span(const struct p2p_part_store *store, const struct p2p_task_part *part,
                           uint64_t offset, const uint8_t **bytes) {
  return p2p_blob_span(get(store, part)->bytes, offset, bytes);
}

void p2p_part_store_end(struct p2p_part_store *store, const void *source,
                        bool (*is_used)(void *arg, const struct p2p_task_part *part), void *arg) {
  struct stored **at = &store->list;
  while (*at != NULL) {
    bool is_broken = (*at)->source == source && !is_whole(*at);
    if (is_broken || !is_used(arg, &(*at)->part))
      drop(store, at);
    else
      at = &(*at)->next;
  }
}
