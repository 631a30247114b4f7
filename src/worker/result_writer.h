/* Sends a result while it is serialized. It is serialized twice: first to count its bytes, since
 * RESULT announces them, then to send them from where they are. What fits into one frame was kept
 * the first time, and is sent at once. Runs in the evaluator. */
#ifndef P2P_WORKER_RESULT_WRITER_H
#define P2P_WORKER_RESULT_WRITER_H

#include <stdbool.h>

#include "worker/evaluator_channel.h"

struct p2p_result_writer {
  struct p2p_evaluator_channel *channel;
  uint32_t task;
  bool is_sending;
  uint64_t size, sent;
  size_t kept;
  uint8_t buffer[P2P_FRAME_PAYLOAD_MAX];
};

void p2p_result_writer_init(struct p2p_result_writer *writer, struct p2p_evaluator_channel *channel,
                            uint32_t task);
/* The next bytes of the result. P2P_ERR_CLOSED; P2P_ERR_INVALID: there are more than the first
 * time. */
int p2p_result_writer_put(struct p2p_result_writer *writer, const void *bytes,
                          size_t length) P2P_MUST_USE;
/* All bytes were put. *again: for the first time; put them again. P2P_ERR_CLOSED; P2P_ERR_INVALID:
 * there are fewer than the first time. */
int p2p_result_writer_end(struct p2p_result_writer *writer, bool *again) P2P_MUST_USE;

#endif
