/* A timer, and what it is for. */
#include "worker/deadline.h"

#include "base/clock.h"
#include "net/timer.h"

bool p2p_deadline_init(struct p2p_deadline *deadline, struct p2p_loop *loop, void (*fn)(void *arg),
                       void *arg) {
  *deadline = (struct p2p_deadline){.timer = p2p_timer_new(loop, fn, arg)};
  return deadline->timer != NULL;
}

void p2p_deadline_close(struct p2p_deadline *deadline) { p2p_timer_free(deadline->timer); }

void p2p_deadline_set(struct p2p_deadline *deadline, enum p2p_deadline_kind kind,
                      uint64_t delay_ms) {
  deadline->kind = kind;
  if (kind == P2P_DEADLINE_NONE)
    p2p_timer_stop(deadline->timer);
  else
    p2p_timer_start(deadline->timer, delay_ms, 0);
}

void p2p_deadline_run_limit(struct p2p_deadline *deadline) {
  deadline->since_ms = p2p_clock_ms();
  p2p_deadline_set(deadline, P2P_DEADLINE_TIME, deadline->left_ms);
}

void p2p_deadline_stop(struct p2p_deadline *deadline) {
  if (deadline->kind == P2P_DEADLINE_TIME) {
    uint64_t used_ms = p2p_clock_ms() - deadline->since_ms;
    deadline->left_ms -= used_ms < deadline->left_ms ? used_ms : deadline->left_ms;
  } else if (deadline->kind != P2P_DEADLINE_RECEIVE && deadline->kind != P2P_DEADLINE_TAKE) {
    return;
  }
  p2p_deadline_set(deadline, P2P_DEADLINE_NONE, 0);
}
