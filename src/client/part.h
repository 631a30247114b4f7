/* A part: the serialized bytes of a large object, such as a global of 100 MB, and their id. Of the
 * vectors in it, the bytes are not copied but borrowed from R, so that a part costs no memory.
 *
 * R's thread makes a part, and waits until it was sent, or calls p2p_part_own(). After that the
 * code of the session goes on, and what is borrowed may change: R's own code copies a vector before
 * a change, but C code may not. So if it has to be sent again, its bytes are checked against the id
 * on their way (client/upload.h). */
#ifndef P2P_CLIENT_PART_H
#define P2P_CLIENT_PART_H

#include <stdbool.h>

#include "crypto/fingerprint.h"
#include "protocol/task_parts.h"

struct p2p_part;

/* ---- R's thread, until the part belongs to a task ---- */

struct p2p_part *p2p_part_new(void); /* NULL: out of memory */
/* P2P_ERR_MEMORY, P2P_ERR_CRYPTO: then the part is of no use. */
int p2p_part_append(struct p2p_part *part, const void *bytes, size_t length) P2P_MUST_USE;
/* The same, of bytes that stay where they are until p2p_part_own() or p2p_part_abandon(). */
int p2p_part_borrow(struct p2p_part *part, const void *bytes, size_t length) P2P_MUST_USE;
/* Makes the id. Nothing may be added any more. */
int p2p_part_end(struct p2p_part *part) P2P_MUST_USE;

/* ---- R's thread, of a part of a task ---- */

/* Copies what is borrowed. P2P_ERR_MEMORY: it is borrowed as before. */
int p2p_part_own(struct p2p_part *part) P2P_MUST_USE;
/* From now on, what is borrowed may change. */
void p2p_part_set_loose(struct p2p_part *part);
/* What was borrowed is gone. */
void p2p_part_abandon(struct p2p_part *part);

/* ---- Any thread ---- */

struct p2p_part *p2p_part_ref(struct p2p_part *part); /* returns it */
void p2p_part_free(struct p2p_part *part);            /* drops a reference; takes NULL */
uint64_t p2p_part_size(const struct p2p_part *part);
/* The bytes from `offset` on that lie together; 0 beyond the end. Unless it is being made, the
 * caller holds the part. */
size_t p2p_part_span(const struct p2p_part *part, uint64_t offset, const uint8_t **bytes);
/* Between these two, its bytes stay where they are. Returns false, and does not hold it, if they
 * are gone. *is_loose: they may change. */
bool p2p_part_hold(struct p2p_part *part, bool *is_loose);
void p2p_part_release(struct p2p_part *part);
bool p2p_part_has_id(const struct p2p_part *part, const uint8_t id[P2P_PART_ID_LEN]);

/* Those of a task, in the order of its TASK. All zero: none. */
struct p2p_part_list {
  uint32_t n;
  struct p2p_part *parts[P2P_TASK_PARTS_MAX];
};
/* Takes over the reference. There are fewer than P2P_TASK_PARTS_MAX. */
void p2p_part_list_add(struct p2p_part_list *list, struct p2p_part *part);
void p2p_part_list_clear(struct p2p_part_list *list);
void p2p_part_list_describe(const struct p2p_part_list *list, struct p2p_task_parts *out);

#endif
