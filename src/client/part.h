/* A part: the serialized bytes of a large object that tasks share, and its id. Reference counted:
 * tasks and the cache hold references, on R's thread and the io thread; it never changes. */
#ifndef P2P_CLIENT_PART_H
#define P2P_CLIENT_PART_H

#include "base/blob.h"
#include "protocol/task_parts.h"

struct p2p_part;

/* Takes over `bytes`; NULL when out of memory, then they stay the caller's. */
struct p2p_part *p2p_part_new(const uint8_t id[P2P_PART_ID_LEN], struct p2p_blob *bytes);
struct p2p_part *p2p_part_ref(struct p2p_part *part); /* returns it */
void p2p_part_free(struct p2p_part *part);            /* drops a reference; takes NULL */
const struct p2p_blob *p2p_part_bytes(const struct p2p_part *part);

/* Those of a task, in the order of its TASK. All zero: none. */
struct p2p_part_list {
  uint32_t n;
  struct p2p_part *parts[P2P_TASK_PARTS_MAX];
};
/* Takes over the reference. There are fewer than P2P_TASK_PARTS_MAX. */
void p2p_part_list_add(struct p2p_part_list *list, struct p2p_part *part);
void p2p_part_list_clear(struct p2p_part_list *list);
void p2p_part_list_describe(const struct p2p_part_list *list, struct p2p_task_parts *out);

/* The parts that were made of late, for the next task that needs them. Of those that no task needs
 * any more, P2P_PART_CACHE_BYTES are kept. R's thread. */
#define P2P_PART_CACHE_BYTES (UINT64_C(256) << 20)
struct p2p_part_cache;
struct p2p_part_cache *p2p_part_cache_new(uint64_t unused_max_bytes); /* NULL: out of memory */
void p2p_part_cache_free(struct p2p_part_cache *cache);               /* takes NULL */
/* A reference, or NULL. */
struct p2p_part *p2p_part_cache_find(struct p2p_part_cache *cache,
                                     const uint8_t id[P2P_PART_ID_LEN], uint64_t size);
/* Adds a reference of its own; if there is no memory for it, it does not. */
void p2p_part_cache_add(struct p2p_part_cache *cache, struct p2p_part *part);
/* Drops what is too much. */
void p2p_part_cache_trim(struct p2p_part_cache *cache);

#endif
