/* The bytes of a part, as pieces: some are borrowed, the others lie in a blob. */
#include "client/part.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"

struct piece {
  uint64_t start;          /* of the object's bytes; it ends where the next one starts */
  const uint8_t *borrowed; /* NULL: in the blob, */
  uint64_t at;             /* from here on */
};

struct p2p_part {
  atomic_uint references;
  uint8_t id[P2P_PART_ID_LEN];
  uint64_t size;
  struct p2p_fingerprint *fingerprint; /* NULL once it has its id */
  pthread_mutex_t lock;                /* guards what follows, once it belongs to a task */
  struct piece *pieces;
  size_t n, room;
  struct p2p_blob *blob;
  bool is_loose, is_gone;
};

struct p2p_part *p2p_part_new(void) {
  struct p2p_part *part = calloc(1, sizeof *part);
  if (part == NULL) return NULL;
  atomic_init(&part->references, 1);
  part->fingerprint = p2p_fingerprint_new();
  part->blob = p2p_blob_new(UINT64_MAX);
  if (part->fingerprint != NULL && part->blob != NULL && pthread_mutex_init(&part->lock, NULL) == 0)
    return part;
  p2p_fingerprint_free(part->fingerprint);
  p2p_blob_free(part->blob);
  free(part);
  return NULL;
}

struct p2p_part *p2p_part_ref(struct p2p_part *part) {
  atomic_fetch_add_explicit(&part->references, 1, memory_order_relaxed);
  return part;
}

void p2p_part_free(struct p2p_part *part) {
  if (part == NULL || atomic_fetch_sub_explicit(&part->references, 1, memory_order_acq_rel) != 1)
    return;
  p2p_fingerprint_free(part->fingerprint);
  p2p_blob_free(part->blob);
  pthread_mutex_destroy(&part->lock);
  free(part->pieces);
  free(part);
}

/* ---- making ---- */

/* Whether the bytes continue the last piece. */
static bool continues(const struct p2p_part *part, const uint8_t *borrowed) {
  if (part->n == 0) return false;
  const struct piece *last = &part->pieces[part->n - 1];
  if (borrowed == NULL || last->borrowed == NULL) return borrowed == last->borrowed;
  return borrowed == last->borrowed + (part->size - last->start);
}

static int add(struct p2p_part *part, const uint8_t *borrowed, const void *bytes, size_t length) {
  if (length == 0) return P2P_OK;
  if (!continues(part, borrowed)) {
    if (part->n == part->room) {
      size_t room = 2 * part->room + 4;
      struct piece *pieces = realloc(part->pieces, room * sizeof *pieces);
      if (pieces == NULL) return P2P_ERR_MEMORY;
      part->pieces = pieces;
      part->room = room;
    }
    part->pieces[part->n++] = (struct piece){part->size, borrowed, p2p_blob_size(part->blob)};
  }
  part->size += length;
  int code = borrowed == NULL ? p2p_blob_append(part->blob, bytes, length) : P2P_OK;
  return code == P2P_OK ? p2p_fingerprint_add(part->fingerprint, bytes, length) : code;
}

int p2p_part_append(struct p2p_part *part, const void *bytes, size_t length) {
  return add(part, NULL, bytes, length);
}

int p2p_part_borrow(struct p2p_part *part, const void *bytes, size_t length) {
  return add(part, bytes, bytes, length);
}

int p2p_part_end(struct p2p_part *part) {
  uint64_t size;
  int code = p2p_fingerprint_end(part->fingerprint, part->id, &size);
  p2p_fingerprint_free(part->fingerprint);
  part->fingerprint = NULL;
  return code;
}

/* ---- reading ---- */

uint64_t p2p_part_size(const struct p2p_part *part) { return part->size; }

bool p2p_part_has_id(const struct p2p_part *part, const uint8_t id[P2P_PART_ID_LEN]) {
  return memcmp(part->id, id, P2P_PART_ID_LEN) == 0;
}

/* The last one that starts at `offset` or before. */
static const struct piece *find(const struct p2p_part *part, uint64_t offset) {
  size_t low = 0, high = part->n;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (part->pieces[middle].start <= offset)
      low = middle;
    else
      high = middle;
  }
  return &part->pieces[low];
}

size_t p2p_part_span(const struct p2p_part *part, uint64_t offset, const uint8_t **bytes) {
  if (offset >= part->size) return 0;
  const struct piece *piece = find(part, offset);
  bool is_last = piece == &part->pieces[part->n - 1];
  uint64_t left = (is_last ? part->size : piece[1].start) - offset, within = offset - piece->start;
  size_t length = left < SIZE_MAX ? (size_t)left : SIZE_MAX;
  if (piece->borrowed != NULL) {
    *bytes = piece->borrowed + within;
    return length;
  }
  size_t together = p2p_blob_span(part->blob, piece->at + within, bytes);
  return together < length ? together : length;
}

bool p2p_part_hold(struct p2p_part *part, bool *is_loose) {
  pthread_mutex_lock(&part->lock);
  bool is_there = !part->is_gone;
  *is_loose = part->is_loose;
  if (!is_there) pthread_mutex_unlock(&part->lock);
  return is_there;
}

void p2p_part_release(struct p2p_part *part) { pthread_mutex_unlock(&part->lock); }

/* ---- what is borrowed ---- */

static bool has_borrowed(const struct p2p_part *part) {
  size_t i = 0;
  while (i < part->n && part->pieces[i].borrowed == NULL) i++;
  return i < part->n;
}

/* All bytes in a blob. NULL: out of memory. */
static struct p2p_blob *copy(const struct p2p_part *part) {
  struct p2p_blob *blob = p2p_blob_new(part->size);
  const uint8_t *bytes = NULL;
  uint64_t done = 0;
  for (size_t n; blob != NULL && (n = p2p_part_span(part, done, &bytes)) > 0; done += n) {
    if (p2p_blob_append(blob, bytes, n) == P2P_OK) continue;
    p2p_blob_free(blob);
    blob = NULL;
  }
  return blob;
}

/* Only this thread changes the pieces, so it may read them without the lock. */
int p2p_part_own(struct p2p_part *part) {
  if (!has_borrowed(part)) return P2P_OK;
  struct p2p_blob *before = part->blob, *blob = copy(part);
  if (blob == NULL) return P2P_ERR_MEMORY;
  pthread_mutex_lock(&part->lock);
  part->blob = blob;
  part->pieces[0] = (struct piece){0};
  part->n = 1;
  pthread_mutex_unlock(&part->lock);
  p2p_blob_free(before);
  return P2P_OK;
}

void p2p_part_set_loose(struct p2p_part *part) {
  pthread_mutex_lock(&part->lock);
  part->is_loose = has_borrowed(part);
  pthread_mutex_unlock(&part->lock);
}

void p2p_part_abandon(struct p2p_part *part) {
  pthread_mutex_lock(&part->lock);
  part->is_gone = has_borrowed(part);
  pthread_mutex_unlock(&part->lock);
}

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
    out->list[i].size = list->parts[i]->size;
  }
}
