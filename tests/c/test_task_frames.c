/* The frames of a task, of which the evaluator's are hostile. */
#include "worker/task_frames.h"

#include "base/endian.h"
#include "unit.h"

static struct p2p_task_frames frames;
static bool ends;

static bool sends(uint8_t type, uint64_t value, uint32_t length) {
  uint8_t payload[8];
  if (type == P2P_FRAME_NEED)
    p2p_set_u32(payload, (uint32_t)value);
  else
    p2p_set_u64(payload, value);
  return p2p_task_frames_sent(
      &frames, &(struct p2p_frame){.type = type, .payload = payload, .length = length}, &ends);
}

static void begin(uint64_t size, uint32_t n_parts) {
  frames = (struct p2p_task_frames){.to_receive = size, .parts.n = n_parts};
  for (uint32_t i = 0; i < n_parts; i++) frames.parts.list[i].size = 100000 + i;
}

TEST(a_task_ends_with_its_result) {
  begin(10, 0);
  CHECK(!sends(P2P_FRAME_RESULT, 5, 8)); /* before it has all of the task */
  CHECK(!p2p_task_frames_received(&frames, 11) && frames.to_receive == 10);
  CHECK(p2p_task_frames_received(&frames, 10));
  CHECK(sends(P2P_FRAME_CONDITION, 0, 8) && !ends);
  CHECK(sends(P2P_FRAME_RESULT, 5, 8) && !ends);
  CHECK(!sends(P2P_FRAME_DATA, 0, 6));
  CHECK(sends(P2P_FRAME_DATA, 0, 5) && ends);
}

TEST(parts_are_asked_for_once_and_come_before_the_result) {
  begin(10, 2);
  CHECK(p2p_task_frames_expected(&frames) == 200011);
  CHECK(!sends(P2P_FRAME_NEED, 4, 4) && !sends(P2P_FRAME_NEED, 1, 8));
  CHECK(sends(P2P_FRAME_NEED, 2, 4) && !ends && frames.to_receive == 100011);
  CHECK(p2p_task_frames_expected(&frames) == 100011);
  CHECK(!sends(P2P_FRAME_NEED, 2, 4) && frames.to_receive == 100011);
  CHECK(p2p_task_frames_received(&frames, 100010));
  CHECK(!sends(P2P_FRAME_RESULT, 0, 8));
  CHECK(p2p_task_frames_received(&frames, 1));
  CHECK(sends(P2P_FRAME_RESULT, 0, 8) && ends);
  begin(10, 0);
  CHECK(!sends(P2P_FRAME_NEED, 0, 4));
}

UNIT_MAIN("task_frames", UNIT(a_task_ends_with_its_result),
          UNIT(parts_are_asked_for_once_and_come_before_the_result))
