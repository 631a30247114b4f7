/* Timers. libuv uses a handle until its close callback, which frees the memory; so a timer can be
 * freed within its own callback. */
#include "net/timer.h"

#include <stdlib.h>
#include <uv.h>

struct p2p_timer {
  uv_timer_t uv;
  void (*fn)(void *arg);
  void *arg;
};

static void on_time(uv_timer_t *uv) {
  struct p2p_timer *timer = uv->data;
  timer->fn(timer->arg);
}

static void on_closed(uv_handle_t *handle) { free(handle->data); }

struct p2p_timer *p2p_timer_new(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) {
  struct p2p_timer *timer = calloc(1, sizeof *timer);
  if (timer == NULL) return NULL;
  uv_timer_init(p2p_loop_uv(loop), &timer->uv);
  timer->uv.data = timer;
  timer->fn = fn;
  timer->arg = arg;
  return timer;
}

void p2p_timer_start(struct p2p_timer *timer, uint64_t delay_ms, uint64_t repeat_ms) {
  /* libuv reads the clock once per round: after a long callback the delay would be too short. */
  uv_update_time(timer->uv.loop);
  uv_timer_start(&timer->uv, on_time, delay_ms, repeat_ms);
}

void p2p_timer_stop(struct p2p_timer *timer) { uv_timer_stop(&timer->uv); }

void p2p_timer_free(struct p2p_timer *timer) {
  if (timer != NULL) uv_close((uv_handle_t *)&timer->uv, on_closed);
}
