/* What a worker gets for a task: TASK, then the bytes of the parts that it needs and of the task's
 * own object, in this order. A task with parts or a request waits for the worker's
 * NEED first. io thread. */
#ifndef P2P_CLIENT_UPLOAD_H
#define P2P_CLIENT_UPLOAD_H

#include <stdbool.h>

#include "client/task.h"
#include "protocol/task_parts.h"

/* All zero at first. */
struct p2p_upload {
  bool waits;                   /* for NEED */
  uint32_t needed;              /* parts that are to be sent, as bits */
  uint32_t at;                  /* of the parts, or of all: that which is sent next */
  uint64_t sent;                /* bytes of it */
  uint64_t total;               /* bytes of all, so far */
  struct p2p_part *held;        /* by p2p_upload_take(); NULL: none */
  struct p2p_part_check *check; /* of a part that may have changed; NULL: none */
  uint64_t wanted;              /* bytes of all that is to be sent; 0 while it waits */
};

#define P2P_UPLOAD_HEADER_MAX (P2P_TASK_HEADER_MAX + P2P_TASK_PARTS_LEN_MAX)
/* The payload of TASK. Returns its length. */
size_t p2p_upload_begin(struct p2p_upload *upload, struct p2p_task *task,
                        uint8_t header[static P2P_UPLOAD_HEADER_MAX]);
/* NEED. P2P_ERR_PROTOCOL: it is malformed, or nobody waits for it. */
int p2p_upload_need(struct p2p_upload *upload, struct p2p_task *task, const void *payload,
                    size_t length) P2P_MUST_USE;
/* Not all was sent. */
bool p2p_upload_is_left(struct p2p_upload *upload, struct p2p_task *task);
/* The next bytes for one DATA frame, which count as sent. 0: none, or none yet. P2P_ERR_LOST: a
 * part is not any more what it was, and the task must fail; its last bytes were not sent.
 * P2P_ERR_MEMORY. They stay where they are until p2p_upload_done(). */
long p2p_upload_take(struct p2p_upload *upload, struct p2p_task *task, const uint8_t **bytes);
void p2p_upload_done(struct p2p_upload *upload);
void p2p_upload_clear(struct p2p_upload *upload);

#endif
