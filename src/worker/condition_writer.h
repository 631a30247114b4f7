/* Sends a condition from the evaluator. */
#ifndef P2P_WORKER_CONDITION_WRITER_H
#define P2P_WORKER_CONDITION_WRITER_H

#include "base/blob.h"
#include "worker/evaluator_channel.h"

/* Sends a CONDITION frame with the size of the object, and the object as DATA frames. Errors of
 * p2p_evaluator_channel_send. */
int p2p_condition_writer_send(struct p2p_evaluator_channel *channel, uint32_t task,
                              const struct p2p_blob *object) P2P_MUST_USE;

#endif
