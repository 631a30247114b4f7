/* Tasks in line at one worker, and room at another one. */
#include "client/turns.h"

#include "client/roster_report.h"
#include "client/worker_link.h"

/* The task in line at a worker; or NULL. */
static struct p2p_task *in_line(const struct p2p_roster_worker *worker) {
  struct p2p_task_stream *stream = p2p_worker_link_stream(worker->link);
  return stream != NULL ? p2p_task_stream_in_line(stream) : NULL;
}

static bool has_idle_slot(const struct p2p_schedule_worker *numbers) {
  return numbers->link == P2P_SCHEDULE_OPEN && numbers->held > numbers->busy + numbers->recalled;
}

/* Whether the task would not have to stand in line there, as far as is known. */
static bool has_room(const struct p2p_turns *turns, size_t at, const struct p2p_task *task) {
  const struct p2p_requirements *needs = p2p_task_requirements(task);
  const struct p2p_roster_worker *worker = turns->workers[at];
  struct p2p_room room;
  if (turns->numbers[at].link != P2P_SCHEDULE_OPEN)
    return turns->numbers[at].taken < worker->slots &&
           p2p_machine_can_give(&worker->machine, &needs->resources);
  p2p_worker_link_room(worker->link, &room);
  room.may_wait = false;
  return p2p_roster_resting(worker)[0] == '\0' && p2p_room_count(&room, &needs->resources) > 0 &&
         p2p_worker_packages_match(p2p_worker_link_packages(worker->link),
                                   p2p_requirements_packages(needs),
                                   turns->now_ms) == P2P_PACKAGES_INSTALLED;
}

bool p2p_turns_move(const struct p2p_turns *turns) {
  for (size_t i = 0; i < turns->length; i++) {
    struct p2p_task *task = in_line(turns->workers[i]);
    for (size_t j = 0; task != NULL && j < turns->length; j++) {
      if (j == i || !has_idle_slot(&turns->numbers[j]) || !has_room(turns, j, task)) continue;
      if (!p2p_task_leave_line(task)) break;
      p2p_worker_link_cancel_ended(turns->workers[i]->link);
      return true;
    }
  }
  return false;
}

uint32_t p2p_turns_add(const struct p2p_turns *turns) {
  uint32_t added = 0;
  for (size_t i = 0; i < turns->length; i++) {
    const struct p2p_task *task = in_line(turns->workers[i]);
    bool any = false;
    for (size_t j = 0; task != NULL && j < turns->length; j++) {
      if (j == i || has_idle_slot(&turns->numbers[j]) || !has_room(turns, j, task)) continue;
      turns->numbers[j].eligible++;
      any = true;
    }
    added += any;
  }
  return added;
}
