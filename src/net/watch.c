/* Readiness of a descriptor, by libuv's poll handles. The close callback of the handle frees the
 * memory; so a watch can be freed within its own callback. */
#include "net/watch.h"

#include <stdlib.h>
#include <uv.h>

struct p2p_watch {
  uv_poll_t uv;
  void (*fn)(void *arg, bool readable, bool writable);
  void *arg;
  int events; /* that are being polled for: UV_READABLE, UV_WRITABLE */
};

static void on_ready(uv_poll_t *uv, int status, int events) {
  struct p2p_watch *watch = uv->data;
  /* A broken descriptor counts as ready: reading it reports the error. libuv has stopped polling
   * it. */
  if (status < 0) {
    events = UV_READABLE | UV_WRITABLE;
    watch->events = 0;
  }
  watch->fn(watch->arg, (events & (UV_READABLE | UV_DISCONNECT)) != 0, (events & UV_WRITABLE) != 0);
}

static void on_closed(uv_handle_t *handle) { free(handle->data); }

struct p2p_watch *p2p_watch_new(struct p2p_loop *loop, int fd,
                                void (*fn)(void *arg, bool readable, bool writable), void *arg) {
  struct p2p_watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) return NULL;
  if (uv_poll_init(p2p_loop_uv(loop), &watch->uv, fd) != 0) {
    free(watch);
    return NULL;
  }
  watch->uv.data = watch;
  watch->fn = fn;
  watch->arg = arg;
  return watch;
}

static int poll_for(struct p2p_watch *watch, int events) {
  if (events == watch->events) return P2P_OK; /* saves two system calls */
  int bad = events == 0 ? uv_poll_stop(&watch->uv) : uv_poll_start(&watch->uv, events, on_ready);
  if (bad == 0) watch->events = events;
  return bad == 0 ? P2P_OK : P2P_ERR_SYSTEM;
}

int p2p_watch_set(struct p2p_watch *watch, bool want_read, bool want_write) {
  return poll_for(watch, (want_read ? UV_READABLE : 0) | (want_write ? UV_WRITABLE : 0));
}

int p2p_watch_for_end(struct p2p_watch *watch) { return poll_for(watch, UV_DISCONNECT); }

void p2p_watch_free(struct p2p_watch *watch) {
  if (watch != NULL) uv_close((uv_handle_t *)&watch->uv, on_closed);
}
