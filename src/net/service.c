/* Start, call and stop of a service on the io thread. */
#include "net/service.h"

#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"

struct p2p_service {
  struct p2p_loop *loop;
  const struct p2p_service_type *type;
  void *state;
  struct p2p_post stop; /* needs no memory when it is posted */
  uv_mutex_t lock;      /* of what follows */
  uv_cond_t stopped;
  bool is_stopped;
  bool is_left; /* by p2p_service_stop: the io thread frees */
};

static void destroy(struct p2p_service *service) {
  service->type->destroy(service->state);
  uv_cond_destroy(&service->stopped);
  uv_mutex_destroy(&service->lock);
  free(service);
}

/* --- on the io thread --- */

struct start {
  struct p2p_service *service;
  const void *config;
  struct p2p_err *err;
  int code;
};

static void start_here(void *arg) {
  struct start *start = arg;
  struct p2p_service *service = start->service;
  start->code = service->type->start(service->state, start->config, start->err);
  if (start->code != P2P_OK) service->type->stop(service->state);
}

struct call {
  void (*fn)(void *state, void *arg);
  void *state, *arg;
};

static void call_here(void *arg) {
  struct call *call = arg;
  call->fn(call->state, call->arg);
}

static void stop_here(void *arg) {
  struct p2p_service *service = arg;
  service->type->stop(service->state);
  uv_mutex_lock(&service->lock);
  service->is_stopped = true;
  bool is_left = service->is_left;
  uv_cond_signal(&service->stopped);
  uv_mutex_unlock(&service->lock);
  if (is_left) destroy(service);
}

/* --- on any other thread --- */

static int create(struct p2p_loop *loop, const struct p2p_service_type *type, void *state,
                  struct p2p_service **out, struct p2p_err *err) {
  struct p2p_service *service = calloc(1, sizeof *service);
  if (service == NULL) goto fail;
  if (uv_mutex_init(&service->lock) != 0) goto fail;
  if (uv_cond_init(&service->stopped) != 0) goto fail_lock;
  service->loop = loop;
  service->type = type;
  service->state = state;
  service->stop = (struct p2p_post){.fn = stop_here, .arg = service};
  *out = service;
  return P2P_OK;

fail_lock:
  uv_mutex_destroy(&service->lock);
fail:
  free(service);
  type->destroy(state);
  return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

int p2p_service_start(struct p2p_loop *loop, const struct p2p_service_type *type, void *state,
                      const void *config, struct p2p_service **out, struct p2p_err *err) {
  struct p2p_service *service = NULL;
  int code = create(loop, type, state, &service, err);
  if (code != P2P_OK) return code;
  struct start start = {service, config, err, P2P_OK};
  code = p2p_loop_call(loop, start_here, &start);
  code = code == P2P_OK ? start.code : p2p_loop_explain(code, err);
  if (code == P2P_OK)
    *out = service;
  else
    destroy(service);
  return code;
}

int p2p_service_call(struct p2p_service *service, void (*fn)(void *state, void *arg), void *arg,
                     struct p2p_err *err) {
  struct call call = {fn, service->state, arg};
  return p2p_loop_explain(p2p_loop_call(service->loop, call_here, &call), err);
}

void p2p_service_stop_within(struct p2p_service *service, uint32_t timeout_ms) {
  uint64_t deadline_ms = p2p_clock_ms() + timeout_ms, now_ms;
  if (service == NULL) return;
  /* What the io thread, or its parent's, may still use is not freed. */
  if (p2p_loop_post_own(service->loop, &service->stop) != P2P_OK) return;
  uv_mutex_lock(&service->lock);
  while (!service->is_stopped && (now_ms = p2p_clock_ms()) < deadline_ms)
    (void)uv_cond_timedwait(&service->stopped, &service->lock, (deadline_ms - now_ms) * 1000000);
  bool is_stopped = service->is_stopped;
  service->is_left = !is_stopped;
  uv_mutex_unlock(&service->lock);
  if (is_stopped) destroy(service);
}

void p2p_service_stop(struct p2p_service *service) {
  p2p_service_stop_within(service, P2P_LOOP_CALL_TIMEOUT_MS);
}
