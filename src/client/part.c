/* Parts, those of a task, and those that are kept. */
#include "client/part.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct p2p_part {
  atomic_uint references;
  uint8_t id[P2P_PART_ID_LEN];
  struct p2p_blob *bytes;
};

struct p2p_part *p2p_part_new(const uint8_t id[P2P_PART_ID_LEN], struct p2p_blob *bytes) {
  struct p2p_part *part = malloc(sizeof *part);
  if (part == NULL) return NULL;
  atomic_init(&part->references, 1);
  memcpy(part->id, id, sizeof part->id);
  part->bytes = bytes;
  return part;
}

struct p2p_part *p2p_part_ref(struct p2p_part *part) {
  atomic_fetch_add_explicit(&part->references, 1, memory_order_relaxed);
  return part;
}

void p2p_part_free(struct p2p_part *part) {
  if (part == NULL || atomic_fetch_sub_explicit(&part->references, 1, memory_order_acq_rel) != 1)
    return;
  p2p_blob_free(part->bytes);
  free(part);
}

const struct p2p_blob *p2p_part_bytes(const struct p2p_part *part) { return part->bytes; }

/* ---- those of a task ---- */

void p2p_part_list_add(struct p2p_part_list *list, struct p2p_part *part) {
  list->parts[list->n++] = part;
}

void p2p_part_list_clear(struct p2p_part_list *list) {
  while (list->n > 0) p2p_part_free(list->parts[--list->n]);
}

void p2p_part_list_describe(const struct p2p_part_list *list, struct p2p_task_parts *out) {
  out->n = list->n;
  for (uint32_t i = 0; i < list->n; i++) {
    memcpy(out->list[i].id, list->parts[i]->id, P2P_PART_ID_LEN);
    out->list[i].size = p2p_blob_size(list->parts[i]->bytes);
  }
}

/* ---- those that are kept: the last one was used last ---- */

struct p2p_part_cache {
  struct p2p_part **parts;
  size_t n, room;
  uint64_t unused_max_bytes;
};

struct p2p_part_cache *p2p_part_cache_new(uint64_t unused_max_bytes) {
  struct p2p_part_cache *cache = calloc(1, sizeof *cache);
  if (cache != NULL) cache->unused_max_bytes = unused_max_bytes;
  return cache;
}

void p2p_part_cache_free(struct p2p_part_cache *cache) {
  if (cache == NULL) return;
  for (size_t i = 0; i < cache->n; i++) p2p_part_free(cache->parts[i]);
  free(cache->parts);
  free(cache);
}

struct p2p_part *p2p_part_cache_find(struct p2p_part_cache *cache,
                                     const uint8_t id[P2P_PART_ID_LEN], uint64_t size) {
  for (size_t i = 0; i < cache->n; i++) {
    struct p2p_part *part = cache->parts[i];
    if (memcmp(part->id, id, P2P_PART_ID_LEN) != 0 || p2p_blob_size(part->bytes) != size) continue;
    memmove(cache->parts + i, cache->parts + i + 1, (cache->n - i - 1) * sizeof(struct p2p_part *));
    cache->parts[cache->n - 1] = part;
    return p2p_part_ref(part);
  }
  return NULL;
}

void p2p_part_cache_add(struct p2p_part_cache *cache, struct p2p_part *part) {
  if (cache->n == cache->room) {
    size_t room = 2 * cache->room + 8;
    struct p2p_part **parts = realloc(cache->parts, room * sizeof *parts);
    if (parts == NULL) return;
    cache->parts = parts;
    cache->room = room;
  }
  cache->parts[cache->n++] = p2p_part_ref(part);
}

/* Nobody else has a reference, and only this thread could give one away. */
static bool is_unused(struct p2p_part *part) {
  return atomic_load_explicit(&part->references, memory_order_acquire) == 1;
}

void p2p_part_cache_trim(struct p2p_part_cache *cache) {
  uint64_t unused = 0;
  size_t first = cache->n, n = 0;
  while (first > 0 && unused <= cache->unused_max_bytes) {
    struct p2p_part *part = cache->parts[--first];
    if (is_unused(part)) unused += p2p_blob_size(part->bytes);
  }
  if (unused > cache->unused_max_bytes) first++; /* it is the first that is too much */
  for (size_t i = 0; i < cache->n; i++) {
    struct p2p_part *part = cache->parts[i];
    if (i < first && is_unused(part))
      p2p_part_free(part);
    else
      cache->parts[n++] = part;
  }
  cache->n = n;
}
