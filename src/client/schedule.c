/* Owns the scheduler's decision. Tasks wait in order and are alike but for who can run them, so it
 * deals in numbers: which worker gets how many. Who can run the same is not told, so a number may
 * turn out too high: whoever takes the tasks then decides again. */
#include "client/schedule.h"

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void wake_by(uint64_t *wake_ms, uint64_t at_ms) {
  if (at_ms < *wake_ms) *wake_ms = at_ms;
}

/* Slots of a worker that stay ours after the step. */
static uint32_t held_after(const struct p2p_schedule_worker *worker,
                           const struct p2p_schedule_step *step) {
  return worker->held - step->give_back;
}

static uint32_t idle_after(const struct p2p_schedule_worker *worker,
                           const struct p2p_schedule_step *step) {
  return held_after(worker, step) - worker->busy - step->start;
}

/* Of `tasks` that have no slot yet, those that could have one of this worker's. */
static uint32_t count_suiting(const struct p2p_schedule_worker *worker,
                              const struct p2p_schedule_step *step, uint32_t tasks) {
  return min_u32(tasks, worker->suits > step->start ? worker->suits - step->start : 0);
}

/* How many of the tasks that wait may run, by the cap. */
static uint32_t count_usable(const struct p2p_schedule *schedule) {
  if (schedule->most == 0) return schedule->waiting;
  uint64_t busy = 0;
  for (size_t i = 0; i < schedule->length; i++) busy += schedule->workers[i].busy;
  return busy >= schedule->most ? 0 : min_u32(schedule->waiting, schedule->most - (uint32_t)busy);
}

/* Idle slots that are recalled or cold go back first: they are not used for another task. A task
 * that waits warms the cold. */
static void give_back_idle(const struct p2p_schedule *schedule, uint32_t usable,
                           struct p2p_schedule_step *steps) {
  for (size_t i = 0; i < schedule->length; i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_OPEN) continue;
    uint32_t back = worker->recalled;
    if (count_suiting(worker, &steps[i], usable) == 0 && worker->cold > back) back = worker->cold;
    steps[i].give_back = min_u32(back, worker->held - worker->busy);
  }
}

/* Gives each task to the worker with an idle slot that is the least loaded. Returns how many are
 * left. */
static uint32_t start_tasks(const struct p2p_schedule *schedule, uint32_t usable,
                            struct p2p_schedule_step *steps) {
  for (; usable > 0; usable--) {
    size_t best = schedule->length;
    for (size_t i = 0; i < schedule->length; i++) {
      const struct p2p_schedule_worker *worker = &schedule->workers[i];
      if (worker->link != P2P_SCHEDULE_OPEN || idle_after(worker, &steps[i]) == 0 ||
          worker->sure <= steps[i].start)
        continue;
      if (best < schedule->length) {
        const struct p2p_schedule_worker *other = &schedule->workers[best];
        uint64_t load = (uint64_t)(worker->busy + steps[i].start) * other->slots;
        uint64_t other_load = (uint64_t)(other->busy + steps[best].start) * worker->slots;
        if (load >= other_load) continue;
      }
      best = i;
    }
    if (best == schedule->length) break;
    steps[best].start++;
  }
  return usable;
}

/* Under a cap it is of no use to hold more slots than may be used. */
static void give_back_surplus(const struct p2p_schedule *schedule,
                              struct p2p_schedule_step *steps) {
  if (schedule->most == 0) return;
  uint64_t held = 0;
  for (size_t i = 0; i < schedule->length; i++) {
    if (schedule->workers[i].link == P2P_SCHEDULE_OPEN)
      held += held_after(&schedule->workers[i], &steps[i]);
  }
  for (size_t i = schedule->length; i-- > 0 && held > schedule->most;) {
    if (schedule->workers[i].link != P2P_SCHEDULE_OPEN) continue;
    uint64_t surplus = held - schedule->most;
    uint32_t idle = idle_after(&schedule->workers[i], &steps[i]);
    uint32_t back = idle < surplus ? idle : (uint32_t)surplus;
    steps[i].give_back += back;
    held -= back;
  }
}

/* What a worker is told that we have work for. Slots that wait for more work count as well, for a
 * moment: a slot in steady use costs no further frames, and one that is not is the worker's to
 * recall for others. */
static uint32_t count_want(const struct p2p_schedule_worker *worker,
                           const struct p2p_schedule_step *step, uint32_t need) {
  uint32_t held = held_after(worker, step);
  if (need > 0) return held + min_u32(need, worker->slots > held ? worker->slots - held : 0);
  uint32_t cool = worker->cool > step->give_back ? worker->cool - step->give_back : 0;
  return held - min_u32(cool, idle_after(worker, step));
}

/* Asks every linked worker for all that it could give, since nobody knows which one is free; what
 * comes too much goes back when cold, recalled or beyond the cap. Returns the slots that are
 * counted on. */
static uint64_t ask_for_slots(const struct p2p_schedule *schedule, uint32_t need,
                              struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  uint64_t supply = 0;
  for (size_t i = 0; i < schedule->length; i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_OPEN) continue;
    uint32_t held = held_after(worker, &steps[i]);
    steps[i].want = count_want(worker, &steps[i], count_suiting(worker, &steps[i], need));
    steps[i].say_want = steps[i].want != worker->wanted;
    if (steps[i].want <= held) continue;
    bool is_new = worker->wanted <= worker->held;
    uint64_t until_ms = worker->wanted_ms + P2P_SCHEDULE_PATIENCE_MS;
    if (!is_new && until_ms <= schedule->now_ms) continue;
    supply += steps[i].want - held;
    wake_by(wake_ms, is_new ? schedule->now_ms + P2P_SCHEDULE_PATIENCE_MS : until_ms);
  }
  return supply;
}

/* Links that are counted on, and the slots that will come of them. */
struct prospect {
  uint64_t slots;
  uint32_t links;
};

/* Of links that open just now; and the end of those that take too long. */
static struct prospect count_on_opening(const struct p2p_schedule *schedule, uint32_t need,
                                        struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  struct prospect prospect = {0, 0};
  for (size_t i = 0; i < schedule->length; i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_OPENING) continue;
    uint64_t patient_until_ms = worker->since_ms + P2P_SCHEDULE_PATIENCE_MS;
    uint64_t until_ms = worker->since_ms + P2P_SCHEDULE_SETUP_MS;
    if (until_ms <= schedule->now_ms) {
      steps[i].close = true;
      continue;
    }
    wake_by(wake_ms, until_ms);
    if (patient_until_ms <= schedule->now_ms) continue;
    prospect.slots += worker->slots;
    prospect.links++;
    if (need > 0) wake_by(wake_ms, patient_until_ms);
  }
  return prospect;
}

static void open_links(const struct p2p_schedule *schedule, uint32_t need, struct prospect prospect,
                       struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  if (!schedule->may_open || need == 0) return;
  for (size_t i = 0;
       i < schedule->length && (prospect.slots < need || prospect.links < schedule->search); i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_NONE) continue;
    if (worker->retry_at_ms > schedule->now_ms) {
      wake_by(wake_ms, worker->retry_at_ms);
      continue;
    }
    steps[i].open = true;
    prospect.links++;
    prospect.slots += worker->slots;
    wake_by(wake_ms, schedule->now_ms + P2P_SCHEDULE_PATIENCE_MS);
  }
}

static void close_idle(const struct p2p_schedule *schedule, uint32_t need,
                       struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  for (size_t i = 0; i < schedule->length; i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_OPEN) continue;
    if (idle_after(worker, &steps[i]) > 0) wake_by(wake_ms, worker->next_cool_ms);
    if (need > 0 || held_after(worker, &steps[i]) > 0) continue;
    uint64_t until_ms = worker->used_ms + P2P_SCHEDULE_LINK_IDLE_MS;
    if (until_ms <= schedule->now_ms)
      steps[i].close = true;
    else
      wake_by(wake_ms, until_ms);
  }
}

uint64_t p2p_schedule_decide(const struct p2p_schedule *schedule, struct p2p_schedule_step *steps) {
  uint64_t wake_ms = P2P_SCHEDULE_NEVER;
  for (size_t i = 0; i < schedule->length; i++) steps[i] = (struct p2p_schedule_step){0};
  uint32_t usable = count_usable(schedule);
  give_back_idle(schedule, usable, steps);
  uint32_t need = start_tasks(schedule, usable, steps);
  give_back_surplus(schedule, steps);
  uint64_t supply = ask_for_slots(schedule, need, steps, &wake_ms);
  struct prospect prospect = count_on_opening(schedule, need, steps, &wake_ms);
  prospect.slots += supply;
  open_links(schedule, need, prospect, steps, &wake_ms);
  close_idle(schedule, need, steps, &wake_ms);
  return wake_ms;
}
