/* How the parts that an evaluator needs for a task reach it: first those that are in the store,
 * then those that the client sends, and at last the object of the task. A part that arrives for
 * another task at that moment is waited for. io thread only. */
#ifndef P2P_WORKER_DELIVERY_H
#define P2P_WORKER_DELIVERY_H

#include <stdbool.h>

#include "protocol/frame.h"
#include "worker/evaluator.h"
#include "worker/part_store.h"

/* Begin with the first two; the others are zero. */
struct p2p_delivery {
  struct p2p_part_store *store;       /* borrowed */
  const struct p2p_task_parts *parts; /* of the task; borrowed */
  bool waits;                         /* for parts that arrive for other tasks */
  uint32_t stored, sent;              /* bits: to be taken from the store, sent by the client */
  uint64_t at;                        /* bytes that the evaluator has of the first one of these */
};

/* NEED of the evaluator, with these bits. p2p_delivery_step() follows. */
void p2p_delivery_need(struct p2p_delivery *delivery, uint32_t mask);
/* Goes on, as far as the evaluator takes it. True: the client is to send NEED(delivery->sent) now.
 * To be called again when the store has changed, if delivery->waits, and when the evaluator has
 * drained, if delivery->stored. */
bool p2p_delivery_step(struct p2p_delivery *delivery, struct p2p_evaluator *evaluator,
                       uint32_t task);
/* DATA of the client, which the evaluator gets next. NULL, or how it broke the protocol. Sets
 * *is_whole when a part is. */
const char *p2p_delivery_received(struct p2p_delivery *delivery, const struct p2p_frame *data,
                                  bool *is_whole);
/* For p2p_part_store_end(). */
bool p2p_delivery_names(const struct p2p_delivery *delivery, const struct p2p_task_part *part);

#endif
