/* For tests that are evaluators themselves: reads a whole task. */
#ifndef P2P_TESTS_EVALUATOR_FIXTURE_H
#define P2P_TESTS_EVALUATOR_FIXTURE_H

#include "base/blob.h"
#include "worker/condition_writer.h"
#include "worker/evaluator_channel.h"

/* Waits for the next task that is not canceled. */
static inline int next_task(struct p2p_evaluator_channel *channel, uint32_t *task,
                            struct p2p_blob **object, struct p2p_err *err) {
  for (;;) {
    uint64_t size;
    const uint8_t *bytes;
    int code = p2p_evaluator_channel_next(channel, task, &size, err);
    if (code != P2P_OK) return code;
    *object = p2p_blob_new(size);
    while (code == P2P_OK && p2p_blob_size(*object) < size) {
      long length = p2p_evaluator_channel_span(channel, &bytes);
      code = length < 0 ? (int)length : p2p_blob_append(*object, bytes, (size_t)length);
    }
    if (code == P2P_OK || code == P2P_ERR_CANCELED) code = p2p_evaluator_channel_begin(channel);
    if (code == P2P_OK) return P2P_OK;
    p2p_blob_free(*object);
    if (code != P2P_ERR_CANCELED) return p2p_err_set(err, code, "the frames have ended");
  }
}

/* Sends a CONDITION or RESULT. */
static inline int send_object(struct p2p_evaluator_channel *channel, uint8_t type, uint32_t task,
                              const struct p2p_blob *object) {
  const uint8_t *bytes;
  if (type == P2P_FRAME_CONDITION) return p2p_condition_writer_send(channel, task, object);
  uint64_t size = p2p_blob_size(object), n;
  int code = p2p_evaluator_channel_send_result(channel, task, size, NULL, 0);
  for (uint64_t at = 0; at < size && code == P2P_OK; at += n) {
    n = p2p_blob_span(object, at, &bytes);
    code = p2p_evaluator_channel_send(channel, P2P_FRAME_DATA, task, bytes, (size_t)n);
  }
  return code;
}

#endif
