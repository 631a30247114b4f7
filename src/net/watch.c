/* Readiness of a descriptor that another library reads and writes. */
#include <stdlib.h>
#include <uv.h>

#include "net/loop.h"

struct p2p_watch {
  uv_poll_t uv;
  void (*fn)(void *arg, bool readable, bool writable);
  void *arg;
  int callbacks; /* what is watched for */
};

static void on_ready(uv_poll_t *uv, int status, int callbacks) {
  struct p2p_watch *watch = uv->data;
  /* A broken descriptor counts as ready: who reads it learns what is wrong with it. libuv has
   * stopped to watch it. */
  if (status < 0) {
    callbacks = UV_READABLE | UV_WRITABLE;
    watch->callbacks = 0;
  }
  watch->fn(watch->arg, (callbacks & UV_READABLE) != 0, (callbacks & UV_WRITABLE) != 0);
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

int p2p_watch_set(struct p2p_watch *watch, bool want_read, bool want_write) {
  int callbacks = (want_read ? UV_READABLE : 0) | (want_write ? UV_WRITABLE : 0);
  if (callbacks == watch->callbacks)
    return P2P_OK; /* to say it again costs libuv two system calls */
  int bad =
      callbacks == 0 ? uv_poll_stop(&watch->uv) : uv_poll_start(&watch->uv, callbacks, on_ready);
  if (bad == 0) watch->callbacks = callbacks;
  return bad == 0 ? P2P_OK : P2P_ERR_SYSTEM;
}

void p2p_watch_free(struct p2p_watch *watch) {
  if (watch != NULL) uv_close((uv_handle_t *)&watch->uv, on_closed);
}
