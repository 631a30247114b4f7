/* The parts of a task: large plain objects that several futures of a client share, such as a global
 * of 100 MB, so that a worker that has one need not get it again. TASK names them (task_header.h):
 * for each, an id of 16 bytes, which the client chooses for these very bytes, and its size u64. The
 * worker replies with NEED, a u32 whose bits say which of them it has not; the client sends these,
 * in the order of TASK, before the object of the task. Pure. */
#ifndef P2P_PROTOCOL_TASK_PARTS_H
#define P2P_PROTOCOL_TASK_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_TASK_PARTS_MAX 32
#define P2P_PART_ID_LEN 16
#define P2P_PART_MIN_BYTES 65536 /* what is smaller is not worth it */
#define P2P_PART_LEN (P2P_PART_ID_LEN + 8)
#define P2P_TASK_PARTS_LEN_MAX (1 + P2P_TASK_PARTS_MAX * P2P_PART_LEN)
#define P2P_NEED_LEN 4

struct p2p_task_part {
  uint8_t id[P2P_PART_ID_LEN];
  uint64_t size;
};

struct p2p_task_parts {
  uint32_t n;
  struct p2p_task_part list[P2P_TASK_PARTS_MAX];
};

/* Whether they are the same bytes, as far as the client says. */
bool p2p_task_part_is_same(const struct p2p_task_part *a, const struct p2p_task_part *b);
/* What follows the label in TASK: a NUL and the parts; nothing without parts. Returns the length.
 */
size_t p2p_task_parts_write(const struct p2p_task_parts *parts,
                            uint8_t out[static P2P_TASK_PARTS_LEN_MAX]);
/* Reads the same. P2P_ERR_PROTOCOL for another form, too many parts, a size below
 * P2P_PART_MIN_BYTES, or sizes whose sum does not fit into 63 bits; *out is then unchanged. */
int p2p_task_parts_read(const void *bytes, size_t length, struct p2p_task_parts *out) P2P_MUST_USE;
/* The sum of the sizes of those in `mask`. */
uint64_t p2p_task_parts_bytes(const struct p2p_task_parts *parts, uint32_t mask);

/* The position of the first part in `mask`, or -1. */
int p2p_part_first(uint32_t mask);

/* NEED. The reader returns P2P_ERR_PROTOCOL for another length, and for a part that does not exist.
 */
void p2p_need_write(uint32_t mask, uint8_t out[static P2P_NEED_LEN]);
int p2p_need_read(const void *payload, size_t length, uint32_t n_parts,
                  uint32_t *mask) P2P_MUST_USE;

#endif
