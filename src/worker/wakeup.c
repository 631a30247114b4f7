/* One timer for both requests, and a flag for the nearer one. */
#include "worker/wakeup.h"

#include <stdlib.h>

#include "net/timer.h"

struct p2p_wakeup {
  struct p2p_timer *timer;
  bool soon; /* the timer runs for p2p_wakeup_soon */
  void (*fn)(void *arg);
  void *arg;
};

static void on_timer(void *arg) {
  struct p2p_wakeup *wakeup = arg;
  wakeup->soon = false;
  wakeup->fn(wakeup->arg);
}

struct p2p_wakeup *p2p_wakeup_new(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) {
  struct p2p_wakeup *wakeup = calloc(1, sizeof *wakeup);
  if (wakeup == NULL) return NULL;
  wakeup->fn = fn;
  wakeup->arg = arg;
  wakeup->timer = p2p_timer_new(loop, on_timer, wakeup);
  if (wakeup->timer != NULL) return wakeup;
  free(wakeup);
  return NULL;
}

void p2p_wakeup_soon(struct p2p_wakeup *wakeup) {
  wakeup->soon = true;
  p2p_timer_start(wakeup->timer, 0, 0);
}

void p2p_wakeup_after(struct p2p_wakeup *wakeup, uint64_t delay_ms) {
  if (!wakeup->soon) p2p_timer_start(wakeup->timer, delay_ms, 0);
}

void p2p_wakeup_free(struct p2p_wakeup *wakeup) {
  if (wakeup == NULL) return;
  p2p_timer_free(wakeup->timer);
  free(wakeup);
}
