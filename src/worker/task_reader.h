/* Reads the object of a task from the channel of an evaluator as it arrives, and checks each byte
 * before it hands it out. Long pieces go from the socket to where the caller wants them. Runs in
 * the evaluator. */
#ifndef P2P_WORKER_TASK_READER_H
#define P2P_WORKER_TASK_READER_H

#include <string.h>

#include "protocol/r_object.h"
#include "worker/evaluator_channel.h"

struct p2p_task_reader {
  struct p2p_evaluator_channel *channel;
  struct p2p_r_walk *walk;
  const uint8_t *at; /* in the channel's memory, checked, until the next read from the channel */
  size_t here;
};

/* For the task that p2p_evaluator_channel_next() has returned, of `size` bytes. P2P_ERR_MEMORY. */
int p2p_task_reader_init(struct p2p_task_reader *reader, struct p2p_evaluator_channel *channel,
                         uint64_t size, struct p2p_err *err) P2P_MUST_USE;
/* The same for a part of it, which is plain data. */
int p2p_task_reader_init_part(struct p2p_task_reader *reader, struct p2p_evaluator_channel *channel,
                              uint64_t size, struct p2p_err *err) P2P_MUST_USE;
void p2p_task_reader_clear(struct p2p_task_reader *reader);

/* What p2p_task_reader_read() cannot do at once. */
int p2p_task_reader_read_on(struct p2p_task_reader *reader, void *out, size_t length,
                            struct p2p_err *err) P2P_MUST_USE;

/* Waits for the next `length` bytes. After an error, which may be that of the check, *out is not to
 * be used, and nothing can be read any more. P2P_ERR_CANCELED: see evaluator_channel.h. */
static inline int p2p_task_reader_read(struct p2p_task_reader *reader, void *out, size_t length,
                                       struct p2p_err *err) {
  if (length > reader->here) return p2p_task_reader_read_on(reader, out, length, err);
  memcpy(out, reader->at, length);
  reader->at += length;
  reader->here -= length;
  return P2P_OK;
}

#endif
