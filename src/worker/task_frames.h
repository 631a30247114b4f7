/* The frames of one task on an evaluator's channel: which may come next, how many bytes are
 * missing, and when the task ends. Frames of the evaluator are hostile: the code of a future can
 * write any. Pure. */
#ifndef P2P_WORKER_TASK_FRAMES_H
#define P2P_WORKER_TASK_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/frame.h"
#include "protocol/task_parts.h"

struct p2p_task_frames {
  uint64_t to_receive;         /* bytes that have not arrived from the client */
  struct p2p_task_parts parts; /* which the evaluator may still ask for */
  bool is_delivered;           /* all of it, to the evaluator's process */
  uint8_t sending;  /* the object whose DATA the evaluator sends: CONDITION, RESULT; 0: none */
  uint64_t to_send; /* bytes of it that are missing */
};

/* Counts a DATA frame of the client. False: it has more than is to come. */
bool p2p_task_frames_received(struct p2p_task_frames *frames, size_t length) P2P_MUST_USE;
/* The bytes that have not arrived, with all parts that the evaluator may ask for. */
uint64_t p2p_task_frames_expected(const struct p2p_task_frames *frames);
/* The process has taken all frames so far. */
void p2p_task_frames_delivered(struct p2p_task_frames *frames);
/* Counts a frame of the evaluator. False: it breaks the protocol. *ends: it is the last one. LOST
 * may be in the middle of a RESULT, which it abandons. */
bool p2p_task_frames_sent(struct p2p_task_frames *frames, const struct p2p_frame *frame,
                          bool *ends) P2P_MUST_USE;

#endif
