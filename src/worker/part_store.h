/* The parts that arrive over the link of one client, kept while tasks that name them run: so a part
 * crosses the link once, however many evaluators need it. Not locked: io thread only. */
#ifndef P2P_WORKER_PART_STORE_H
#define P2P_WORKER_PART_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/task_parts.h"

enum p2p_stored { P2P_STORED_NOT, P2P_STORED_ARRIVES, P2P_STORED_WHOLE };

struct p2p_part_store;

/* Keeps at most `cap_bytes`; with 0, nothing. NULL: out of memory. */
struct p2p_part_store *p2p_part_store_new(uint64_t cap_bytes);
void p2p_part_store_free(struct p2p_part_store *store); /* takes NULL */

enum p2p_stored p2p_part_store_find(const struct p2p_part_store *store,
                                    const struct p2p_task_part *part);
/* The part will arrive for the task `source`, any pointer that identifies it. Nothing happens if it
 * is there, or does not fit. */
void p2p_part_store_begin(struct p2p_part_store *store, const struct p2p_task_part *part,
                          const void *source);
/* The next bytes of a part that arrives for this task. A part that is whole, that another task
 * brings, or that is not kept does not change. Out of memory, it is not kept any longer. */
void p2p_part_store_append(struct p2p_part_store *store, const struct p2p_task_part *part,
                           const void *source, const void *bytes, size_t length);
/* The longest contiguous run of a whole part that begins at `offset`: *bytes and its length. */
size_t p2p_part_store_span(const struct p2p_part_store *store, const struct p2p_task_part *part,
                           uint64_t offset, const uint8_t **bytes);
/* The task has ended: drops what has not arrived for it in full, and then all that is_used() does
 * not want. */
void p2p_part_store_end(struct p2p_part_store *store, const void *source,
                        bool (*is_used)(void *arg, const struct p2p_task_part *part), void *arg);

#endif
