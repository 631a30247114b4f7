/* Counts the frames of a task. */
#include "worker/task_frames.h"

#include "protocol/task_header.h"

bool p2p_task_frames_received(struct p2p_task_frames *frames, size_t length) {
  if (length > frames->to_receive) return false;
  frames->to_receive -= length;
  return true;
}

uint64_t p2p_task_frames_expected(const struct p2p_task_frames *frames) {
  return frames->to_receive + p2p_task_parts_bytes(&frames->parts, UINT32_MAX);
}

/* Once, and before anything else. */
static bool need(struct p2p_task_frames *frames, const struct p2p_frame *frame) {
  uint32_t mask;
  if (frames->parts.n == 0 ||
      p2p_need_read(frame->payload, frame->length, frames->parts.n, &mask) != P2P_OK)
    return false;
  frames->to_receive += p2p_task_parts_bytes(&frames->parts, mask);
  frames->parts.n = 0;
  return true;
}

void p2p_task_frames_delivered(struct p2p_task_frames *frames) {
  frames->is_delivered = frames->to_receive == 0;
}

bool p2p_task_frames_sent(struct p2p_task_frames *frames, const struct p2p_frame *frame,
                          bool *ends) {
  *ends = false;
  switch (frame->type) {
  case P2P_FRAME_NEED: return need(frames, frame);
  case P2P_FRAME_RESULT:
    if (frames->to_receive > 0) return false;
    /* fall through */
  case P2P_FRAME_CONDITION:
    if (frames->sending != 0 ||
        p2p_size_header_read(frame->payload, frame->length, &frames->to_send) != P2P_OK)
      return false;
    frames->sending = frame->type;
    break;
  case P2P_FRAME_DATA:
    if (frames->sending == 0 || frame->length > frames->to_send) return false;
    frames->to_send -= frame->length;
    break;
  case P2P_FRAME_LOST: *ends = true; return frames->sending != P2P_FRAME_CONDITION;
  default: return false;
  }
  if (frames->to_send > 0) return true;
  *ends = frames->sending == P2P_FRAME_RESULT;
  frames->sending = 0;
  return true;
}
