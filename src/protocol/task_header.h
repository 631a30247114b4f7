/* The payloads of TASK, CONDITION and RESULT. Each announces an object of so many bytes, which
 * follow in DATA frames of the same task: size u64 and, in a TASK, the label of the future, and its
 * parts if it has any. Pure. */
#ifndef P2P_PROTOCOL_TASK_HEADER_H
#define P2P_PROTOCOL_TASK_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/task_parts.h"

#define P2P_SIZE_HEADER_LEN 8  /* bytes of CONDITION and RESULT */
#define P2P_TASK_LABEL_MAX 256 /* bytes, with the NUL; longer labels are cut */
#define P2P_TASK_HEADER_MAX (P2P_SIZE_HEADER_LEN + P2P_TASK_LABEL_MAX - 1) /* without parts */

/* CONDITION and RESULT. The reader returns P2P_ERR_PROTOCOL for another length. */
void p2p_size_header_write(uint64_t size, uint8_t out[static P2P_SIZE_HEADER_LEN]);
int p2p_size_header_read(const void *payload, size_t length, uint64_t *size) P2P_MUST_USE;

struct p2p_task_header {
  uint64_t size;
  char label[P2P_TASK_LABEL_MAX]; /* safe to show */
  struct p2p_task_parts parts;
};

/* TASK without its parts, which follow. Returns the length. */
size_t p2p_task_header_write(uint64_t size, const char *label,
                             uint8_t out[static P2P_TASK_HEADER_MAX]);
/* P2P_ERR_PROTOCOL for a payload without a size, or with malformed parts; *out is then unchanged.
 */
int p2p_task_header_read(const void *payload, size_t length,
                         struct p2p_task_header *out) P2P_MUST_USE;

#endif
