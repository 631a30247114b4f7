/* What a worker has announced for a task, and is sending: a condition or the result. io thread. */
#ifndef P2P_CLIENT_RECEIVED_H
#define P2P_CLIENT_RECEIVED_H

#include "client/result.h"
#include "client/task.h"

enum p2p_received_kind { P2P_RECEIVED_NOTHING, P2P_RECEIVED_CONDITION, P2P_RECEIVED_RESULT };

struct p2p_received {
  enum p2p_received_kind kind;
  uint64_t missing_bytes;
  uint64_t total;             /* bytes of all, so far */
  struct p2p_blob *condition; /* both NULL: it is discarded */
  struct p2p_result *result;  /* the task has it, too */
};

const char *p2p_received_name(const struct p2p_received *received); /* "result" or "condition" */
/* The error of a task for which `missing_bytes` are more than this session accepts. */
void p2p_received_too_large(const struct p2p_received *received, const struct p2p_task *task,
                            const char *worker, uint64_t cap_bytes, struct p2p_err *err);
/* Makes room for what was announced, `missing_bytes` of `kind`. P2P_ERR_MEMORY. */
int p2p_received_keep(struct p2p_received *received, struct p2p_task *task) P2P_MUST_USE;
/* At most `missing_bytes`. P2P_ERR_MEMORY: it was not kept. */
int p2p_received_append(struct p2p_received *received, const void *bytes,
                        size_t length) P2P_MUST_USE;
/* All has arrived: gives it to the task, if it was kept. Returns whether the task has changed. */
bool p2p_received_complete(struct p2p_received *received, struct p2p_task *task);
/* From now on, what arrives is discarded. A result that has not arrived breaks. */
void p2p_received_discard(struct p2p_received *received);

#endif
