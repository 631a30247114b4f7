/* Owns the scheduler's decision: how many tasks each worker gets. It does not know which tasks two
 * workers both can run, so a count may turn out too high; the caller then decides again. */
#include "client/schedule.h"

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void wake_by(uint64_t *wake_ms, uint64_t at_ms) {
  if (at_ms < *wake_ms) *wake_ms = at_ms;
}

/* Slots of a worker that are ours after the step. */
static uint32_t held_after(const struct p2p_schedule_worker *worker,
                           const struct p2p_schedule_step *step) {
  return worker->held - step->return_slots;
}

static uint32_t idle_after(const struct p2p_schedule_worker *worker,
                           const struct p2p_schedule_step *step) {
  return held_after(worker, step) - worker->busy - step->start;
}

/* How many of `tasks` without a slot this worker may be able to run. */
static uint32_t count_eligible(const struct p2p_schedule_worker *worker,
                               const struct p2p_schedule_step *step, uint32_t tasks) {
  return min_u32(tasks, worker->eligible > step->start ? worker->eligible - step->start : 0);
}

/* How many of the waiting tasks may start without exceeding the limit. */
static uint32_t count_startable(const struct p2p_schedule *schedule) {
  if (schedule->slots_max == 0) return schedule->waiting;
  uint64_t busy = 0;
  for (size_t i = 0; i < schedule->length; i++) busy += schedule->workers[i].busy;
  return busy >= schedule->slots_max
             ? 0
             : min_u32(schedule->waiting, schedule->slots_max - (uint32_t)busy);
}

/* Returns recalled slots before they get another task, and cold ones unless a waiting task can use
 * them. */
static void return_idle_slots(const struct p2p_schedule *schedule, uint32_t startable,
                              struct p2p_schedule_step *steps) {
  for (size_t i = 0; i < schedule->length; i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_OPEN) continue;
    uint32_t back = worker->recalled;
    if (count_eligible(worker, &steps[i], startable) == 0 && worker->cold > back)
      back = worker->cold;
    steps[i].return_slots = min_u32(back, worker->held - worker->busy);
  }
}

/* Starts each task on the least loaded worker with an idle slot. Returns how many tasks are left.
 */
static uint32_t start_tasks(const struct p2p_schedule *schedule, uint32_t startable,
                            struct p2p_schedule_step *steps) {
  for (; startable > 0; startable--) {
    size_t best = schedule->length;
    for (size_t i = 0; i < schedule->length; i++) {
      const struct p2p_schedule_worker *worker = &schedule->workers[i];
      if (worker->link != P2P_SCHEDULE_OPEN || idle_after(worker, &steps[i]) == 0 ||
          worker->confirmed <= steps[i].start)
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
  return startable;
}

/* With a limit, slots beyond it cannot be used. */
static void return_surplus_slots(const struct p2p_schedule *schedule,
                                 struct p2p_schedule_step *steps) {
  if (schedule->slots_max == 0) return;
  uint64_t held = 0;
  for (size_t i = 0; i < schedule->length; i++) {
    if (schedule->workers[i].link == P2P_SCHEDULE_OPEN)
      held += held_after(&schedule->workers[i], &steps[i]);
  }
  for (size_t i = schedule->length; i-- > 0 && held > schedule->slots_max;) {
    if (schedule->workers[i].link != P2P_SCHEDULE_OPEN) continue;
    uint64_t surplus = held - schedule->slots_max;
    uint32_t idle = idle_after(&schedule->workers[i], &steps[i]);
    uint32_t back = idle < surplus ? idle : (uint32_t)surplus;
    steps[i].return_slots += back;
    held -= back;
  }
}

/* The number of slots to request from a worker. A slot that has just become idle counts as needed
 * for a moment, so that steady use costs no frames; after that the worker may recall it for others.
 */
static uint32_t count_request(const struct p2p_schedule_worker *worker,
                              const struct p2p_schedule_step *step, uint32_t need) {
  uint32_t held = held_after(worker, step);
  if (need > 0) return held + min_u32(need, worker->slots > held ? worker->slots - held : 0);
  uint32_t cool = worker->cool > step->return_slots ? worker->cool - step->return_slots : 0;
  return held - min_u32(cool, idle_after(worker, step));
}

/* Requests slots from every linked worker, since it is unknown which one has free slots. Surplus
 * slots are returned when they are cold, recalled or beyond the limit. Returns how many slots are
 * expected soon. */
static uint64_t request_slots(const struct p2p_schedule *schedule, uint32_t need,
                              struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  uint64_t supply = 0;
  for (size_t i = 0; i < schedule->length; i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_OPEN) continue;
    uint32_t held = held_after(worker, &steps[i]);
    steps[i].request = count_request(worker, &steps[i], count_eligible(worker, &steps[i], need));
    steps[i].send_request = steps[i].request != worker->requested;
    if (steps[i].request <= held) continue;
    bool is_new = worker->requested <= worker->held;
    uint64_t until_ms = worker->requested_ms + P2P_SCHEDULE_PATIENCE_MS;
    if (!is_new && until_ms <= schedule->now_ms) continue;
    supply += steps[i].request - held;
    wake_by(wake_ms, is_new ? schedule->now_ms + P2P_SCHEDULE_PATIENCE_MS : until_ms);
  }
  return supply;
}

/* Links and slots that are expected soon. */
struct expected {
  uint64_t slots;
  uint32_t links;
  uint32_t claims; /* links to workers that were never linked, until they are open or given up */
};

/* Counts the links that are opening, and closes those that take too long. */
static struct expected count_opening(const struct p2p_schedule *schedule, uint32_t need,
                                     struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  struct expected expected = {0};
  for (size_t i = 0; i < schedule->length; i++)
    if (schedule->workers[i].is_claim) schedule->users[schedule->workers[i].user].opening = 0;
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
    expected.claims += worker->is_claim;
    if (worker->is_claim) schedule->users[worker->user].opening++;
    if (patient_until_ms <= schedule->now_ms) continue;
    expected.slots += worker->is_claim ? 1 : worker->slots;
    expected.links++;
    if (need > 0) wake_by(wake_ms, patient_until_ms);
  }
  return expected;
}

static bool has_free_slot(const struct p2p_schedule_worker *worker) {
  return worker->taken < worker->slots;
}

static bool is_needed(const struct p2p_schedule *schedule, uint32_t need,
                      const struct expected *expected) {
  return expected->slots < need || expected->links < schedule->links_min;
}

static bool may_open(const struct p2p_schedule *schedule, const struct p2p_schedule_worker *worker,
                     uint64_t *wake_ms) {
  if (worker->retry_at_ms <= schedule->now_ms) return true;
  wake_by(wake_ms, worker->retry_at_ms);
  return false;
}

static void open_one(const struct p2p_schedule *schedule, uint64_t slots, struct expected *expected,
                     struct p2p_schedule_step *step, uint64_t *wake_ms) {
  step->open = true;
  expected->links++;
  expected->slots += slots;
  wake_by(wake_ms, schedule->now_ms + P2P_SCHEDULE_PATIENCE_MS);
}

/* Opens links to workers that were linked before until enough slots are expected. A worker without
 * a free slot counts too: its slots are shared once it knows that somebody waits. */
static void open_known(const struct p2p_schedule *schedule, uint32_t need, bool is_free,
                       struct expected *expected, struct p2p_schedule_step *steps,
                       uint64_t *wake_ms) {
  for (size_t i = 0; i < schedule->length && is_needed(schedule, need, expected); i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (worker->link != P2P_SCHEDULE_NONE || worker->is_claim || has_free_slot(worker) != is_free ||
        !may_open(schedule, worker, wake_ms))
      continue;
    open_one(schedule, is_free ? worker->slots - worker->taken : worker->slots, expected, &steps[i],
             wake_ms);
  }
}

/* Whether claim `a` comes before claim `b`. */
static bool comes_first(const struct p2p_schedule *schedule, const struct p2p_schedule_worker *a,
                        const struct p2p_schedule_worker *b) {
  const struct p2p_schedule_user *user_a = &schedule->users[a->user],
                                 *user_b = &schedule->users[b->user];
  uint64_t rank_a = (uint64_t)user_a->failures + user_a->opening;
  uint64_t rank_b = (uint64_t)user_b->failures + user_b->opening;
  if (rank_a != rank_b) return rank_a < rank_b;
  return has_free_slot(a) && !has_free_slot(b);
}

/* Returns the index of the claim to link next, or the length if there is none. */
static size_t find_claim(const struct p2p_schedule *schedule, const struct expected *expected,
                         const struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  size_t best = schedule->length;
  for (size_t i = 0; i < schedule->length; i++) {
    const struct p2p_schedule_worker *worker = &schedule->workers[i];
    if (!worker->is_claim || worker->link != P2P_SCHEDULE_NONE || steps[i].open ||
        (expected->claims >= P2P_SCHEDULE_CLAIMS_MAX &&
         schedule->users[worker->user].opening > 0) ||
        !may_open(schedule, worker, wake_ms))
      continue;
    if (best == schedule->length || comes_first(schedule, worker, &schedule->workers[best]))
      best = i;
  }
  return best;
}

static void open_claims(const struct p2p_schedule *schedule, uint32_t need,
                        struct expected *expected, struct p2p_schedule_step *steps,
                        uint64_t *wake_ms) {
  while (is_needed(schedule, need, expected)) {
    size_t i = find_claim(schedule, expected, steps, wake_ms);
    if (i == schedule->length) return;
    open_one(schedule, 1, expected, &steps[i], wake_ms);
    expected->claims++;
    schedule->users[schedule->workers[i].user].opening++;
  }
}

static void open_links(const struct p2p_schedule *schedule, uint32_t need, struct expected expected,
                       struct p2p_schedule_step *steps, uint64_t *wake_ms) {
  if (!schedule->may_open || need == 0) return;
  open_known(schedule, need, true, &expected, steps, wake_ms);
  open_claims(schedule, need, &expected, steps, wake_ms);
  open_known(schedule, need, false, &expected, steps, wake_ms);
}

static void close_idle_links(const struct p2p_schedule *schedule, uint32_t need,
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
  uint32_t startable = count_startable(schedule);
  return_idle_slots(schedule, startable, steps);
  uint32_t need = start_tasks(schedule, startable, steps);
  return_surplus_slots(schedule, steps);
  uint64_t supply = request_slots(schedule, need, steps, &wake_ms);
  struct expected expected = count_opening(schedule, need, steps, &wake_ms);
  expected.slots += supply;
  open_links(schedule, need, expected, steps, &wake_ms);
  close_idle_links(schedule, need, steps, &wake_ms);
  return wake_ms;
}
