/* The io thread: its start and end, and the locked queue through which other threads reach it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setname_np */
#endif
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/standard_files.h"

#define READ_BYTES 65536
/* How long the end of the loop waits for what is closing or running: a last flush, a name look-up,
 * a job. Less than P2P_LOOP_STOP_TIMEOUT_MS. */
#define PATIENCE_MS 2000

struct p2p_loop {
  uv_loop_t uv;
  uv_async_t wake;
  uv_timer_t patience;
  pthread_t thread;
  bool is_disowned;              /* this is a forked child: the thread is the parent's */
  struct p2p_post *deferred;     /* io thread only */
  struct p2p_post end;           /* posted by p2p_loop_stop */
  char read_bytes[READ_BYTES];   /* io thread only */
  uv_mutex_t lock;               /* of all that follows */
  uv_cond_t changed;             /* a call has ended, or the thread */
  struct p2p_post *first, *last; /* in the order of the posts */
  size_t n_held;
  bool has_ended;    /* nothing is taken any more, except held posts */
  bool is_abandoned; /* held posts are not taken either: the handles are closed */
  bool has_finished; /* the thread does not touch the loop any more */
  struct p2p_proxy proxy;
};

/* --- on the io thread --- */

static void run_all(struct p2p_post *post) {
  while (post != NULL) {
    struct p2p_post *next = post->next;
    bool is_allocated = post->is_allocated;
    post->fn(post->arg); /* may free a post that is not allocated here */
    if (is_allocated) free(post);
    post = next;
  }
}

static void run_deferred(struct p2p_loop *loop) {
  while (loop->deferred != NULL) {
    struct p2p_post *first = loop->deferred;
    loop->deferred = NULL;
    run_all(first);
  }
}

static void close_wake(struct p2p_loop *loop) {
  if (!uv_is_closing((uv_handle_t *)&loop->wake)) uv_close((uv_handle_t *)&loop->wake, NULL);
}

/* What is posted meanwhile runs in the next round, after I/O had its turn. */
static void run_posted(uv_async_t *wake) {
  struct p2p_loop *loop = wake->data;
  run_deferred(loop);
  uv_mutex_lock(&loop->lock);
  struct p2p_post *first = loop->first;
  loop->first = loop->last = NULL;
  uv_mutex_unlock(&loop->lock);
  run_all(first);
  uv_mutex_lock(&loop->lock);
  if (loop->has_ended && loop->n_held == 0 && loop->first == NULL) close_wake(loop);
  uv_mutex_unlock(&loop->lock);
}

void p2p_loop_defer(struct p2p_loop *loop, struct p2p_post *post) {
  post->next = loop->deferred;
  post->is_allocated = false;
  loop->deferred = post;
  if (!uv_is_closing((uv_handle_t *)&loop->wake)) uv_async_send(&loop->wake);
}

static void close_if_open(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* A handle that is still open was forgotten by its owner; or a name look-up or a job is running,
 * which nothing can interrupt. Neither may hang R's unload. */
static void on_patience_lost(uv_timer_t *patience) {
  struct p2p_loop *loop = patience->data;
  uv_mutex_lock(&loop->lock);
  loop->is_abandoned = true;
  uv_mutex_unlock(&loop->lock);
  uv_walk(patience->loop, close_if_open, NULL);
  uv_stop(patience->loop);
}

static void end_loop(void *arg) {
  struct p2p_loop *loop = arg;
  uv_mutex_lock(&loop->lock);
  loop->has_ended = true;
  uv_mutex_unlock(&loop->lock);
  uv_update_time(&loop->uv);
  uv_timer_start(&loop->patience, on_patience_lost, PATIENCE_MS, 0);
  run_posted(&loop->wake); /* what came until now; closes the handle */
}

static void *run(void *arg) {
  struct p2p_loop *loop = arg;
#if defined(__APPLE__)
  pthread_setname_np("p2p-io");
#elif defined(__linux__)
  pthread_setname_np(pthread_self(), "p2p-io");
#endif
  uv_run(&loop->uv, UV_RUN_DEFAULT); /* until end_loop, and until all that was open is closed */
  close_if_open((uv_handle_t *)&loop->patience, NULL);
  do { /* what is deferred may close handles, and the other way round */
    run_deferred(loop);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
  } while (loop->deferred != NULL);
  uv_mutex_lock(&loop->lock);
  loop->has_finished = true;
  uv_cond_broadcast(&loop->changed);
  uv_mutex_unlock(&loop->lock);
  return NULL;
}

char *p2p_loop_read_buffer(struct p2p_loop *loop, size_t *size) {
  *size = sizeof loop->read_bytes;
  return loop->read_bytes;
}

struct uv_loop_s *p2p_loop_uv(struct p2p_loop *loop) {
  return &loop->uv;
}

/* --- on any thread: start and end --- */

/* All signals are for R's main thread: the io thread begins with all of them blocked, and so do the
 * threads that are started from it. That also turns SIGPIPE into EPIPE, except on macOS, where
 * libuv does so for its own sockets. */
static int start_thread(struct p2p_loop *loop) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int bad = pthread_create(&loop->thread, NULL, run, loop);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return -bad; /* libuv's form of errno */
}

/* 0 or libuv's error. */
static int init_handles(struct p2p_loop *loop) {
  int bad = uv_loop_init(&loop->uv);
  if (bad != 0) return bad;
  bad = uv_async_init(&loop->uv, &loop->wake, run_posted);
  if (bad != 0) {
    uv_loop_close(&loop->uv);
    return bad;
  }
  uv_timer_init(&loop->uv, &loop->patience);
  uv_unref((uv_handle_t *)&loop->patience); /* it alone does not keep the loop running */
  loop->wake.data = loop->patience.data = loop;
  loop->end = (struct p2p_post){.fn = end_loop, .arg = loop};
  return 0;
}

static void close_handles(struct p2p_loop *loop) {
  uv_close((uv_handle_t *)&loop->patience, NULL);
  uv_close((uv_handle_t *)&loop->wake, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  uv_loop_close(&loop->uv);
}

int p2p_loop_start(struct p2p_loop **out, struct p2p_err *err) {
  struct p2p_loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  p2p_standard_files_open(); /* someone may have closed one since the last start */
  int bad = uv_mutex_init(&loop->lock);
  if (bad != 0) goto fail;
  bad = uv_cond_init(&loop->changed);
  if (bad != 0) goto fail_lock;
  bad = init_handles(loop);
  if (bad != 0) goto fail_changed;
  bad = start_thread(loop);
  if (bad != 0) goto fail_handles;
  *out = loop;
  return P2P_OK;

fail_handles:
  close_handles(loop);
fail_changed:
  uv_cond_destroy(&loop->changed);
fail_lock:
  uv_mutex_destroy(&loop->lock);
fail:
  free(loop);
  return p2p_err_of_limit(
      err, -bad,
      p2p_err_set(err, P2P_ERR_SYSTEM, "cannot start the io thread: %s", uv_strerror(bad)));
}

/* Waits for a change of what the lock protects. False: the deadline has passed. */
static bool wait_until_locked(struct p2p_loop *loop, uint64_t deadline_ms) {
  uint64_t now_ms = p2p_clock_ms();
  if (now_ms >= deadline_ms) return false;
  (void)uv_cond_timedwait(&loop->changed, &loop->lock, (deadline_ms - now_ms) * 1000000);
  return true;
}

bool p2p_loop_stop(struct p2p_loop *loop) {
  uint64_t deadline_ms = p2p_clock_ms() + P2P_LOOP_STOP_TIMEOUT_MS;
  if (loop->is_disowned) return true;
  if (p2p_loop_post_own(loop, &loop->end) != P2P_OK) return false; /* stopped before */
  uv_mutex_lock(&loop->lock);
  while (!loop->has_finished && wait_until_locked(loop, deadline_ms)) continue;
  bool has_finished = loop->has_finished;
  uv_mutex_unlock(&loop->lock);
  if (!has_finished) { /* a callback does not return */
    pthread_detach(loop->thread);
    return false;
  }
  pthread_join(loop->thread, NULL);
  /* A look-up or a job that is still running uses the loop's memory. */
  uv_mutex_lock(&loop->lock);
  size_t n_held = loop->n_held;
  uv_mutex_unlock(&loop->lock);
  if (uv_loop_close(&loop->uv) != 0 || n_held > 0) return false;
  uv_cond_destroy(&loop->changed);
  uv_mutex_destroy(&loop->lock);
  p2p_wipe(loop, sizeof *loop); /* what was read, and the proxy's password */
  free(loop);
  return true;
}

/* The lock may have been held at the fork by a thread that does not exist here, and the descriptors
 * are the parent's: so nothing of them is used again, and their memory is given up. */
void p2p_loop_disown(struct p2p_loop *loop) { loop->is_disowned = true; }

bool p2p_loop_is_here(const struct p2p_loop *loop) {
  return pthread_equal(pthread_self(), loop->thread) != 0;
}

/* --- on any thread: posts --- */

/* The handle is open while the queue is taken. */
static void enqueue_locked(struct p2p_loop *loop, struct p2p_post *post) {
  bool was_empty = loop->first == NULL;
  post->next = NULL;
  if (was_empty)
    loop->first = post;
  else
    loop->last->next = post;
  loop->last = post;
  if (was_empty) uv_async_send(&loop->wake);
}

int p2p_loop_post_own(struct p2p_loop *loop, struct p2p_post *post) {
  if (loop->is_disowned) return P2P_ERR_CLOSED;
  uv_mutex_lock(&loop->lock);
  int code = loop->has_ended ? P2P_ERR_CLOSED : P2P_OK;
  if (code == P2P_OK) enqueue_locked(loop, post);
  uv_mutex_unlock(&loop->lock);
  return code;
}

int p2p_loop_post(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) {
  struct p2p_post *post = malloc(sizeof *post);
  if (post == NULL) return P2P_ERR_MEMORY;
  *post = (struct p2p_post){.fn = fn, .arg = arg, .is_allocated = true};
  int code = p2p_loop_post_own(loop, post);
  if (code != P2P_OK) free(post);
  return code;
}

int p2p_loop_hold(struct p2p_loop *loop) {
  uv_mutex_lock(&loop->lock);
  int code = loop->has_ended ? P2P_ERR_CLOSED : P2P_OK;
  if (code == P2P_OK) loop->n_held++;
  uv_mutex_unlock(&loop->lock);
  return code;
}

void p2p_loop_unhold(struct p2p_loop *loop) {
  uv_mutex_lock(&loop->lock);
  loop->n_held--;
  uv_mutex_unlock(&loop->lock);
}

bool p2p_loop_post_held(struct p2p_loop *loop, struct p2p_post *post) {
  uv_mutex_lock(&loop->lock);
  bool is_taken = !loop->is_abandoned;
  if (is_taken) {
    loop->n_held--;
    enqueue_locked(loop, post);
  }
  uv_mutex_unlock(&loop->lock);
  return is_taken;
}

/* --- on any other thread: calls --- */

enum call_state { CALL_QUEUED, CALL_RUNNING, CALL_RETURNED, CALL_CANCELED };

/* Freed by the caller, or by the io thread when the caller has given up. */
struct call {
  struct p2p_post post;
  struct p2p_loop *loop;
  void (*fn)(void *arg);
  void *arg;
  enum call_state state; /* locked */
};

static void run_call(void *arg) {
  struct call *call = arg;
  struct p2p_loop *loop = call->loop;
  uv_mutex_lock(&loop->lock);
  bool is_canceled = call->state == CALL_CANCELED;
  if (!is_canceled) call->state = CALL_RUNNING;
  uv_mutex_unlock(&loop->lock);
  if (is_canceled) {
    free(call);
    return;
  }
  call->fn(call->arg);
  uv_mutex_lock(&loop->lock);
  call->state = CALL_RETURNED;
  uv_cond_broadcast(&loop->changed);
  uv_mutex_unlock(&loop->lock);
}

/* A call that has begun is waited for, since it uses the caller's memory. */
static int wait_for_call(struct p2p_loop *loop, struct call *call, uint32_t timeout_ms) {
  uint64_t deadline_ms = p2p_clock_ms() + timeout_ms;
  uv_mutex_lock(&loop->lock);
  while (call->state == CALL_QUEUED && wait_until_locked(loop, deadline_ms)) continue;
  while (call->state == CALL_RUNNING) uv_cond_wait(&loop->changed, &loop->lock);
  bool has_returned = call->state == CALL_RETURNED;
  if (!has_returned) call->state = CALL_CANCELED;
  uv_mutex_unlock(&loop->lock);
  if (has_returned) free(call);
  return has_returned ? P2P_OK : P2P_ERR_TIMEOUT;
}

int p2p_loop_call_within(struct p2p_loop *loop, void (*fn)(void *arg), void *arg,
                         uint32_t timeout_ms) {
  if (loop->is_disowned) return P2P_ERR_CLOSED;
  if (p2p_loop_is_here(loop)) return P2P_ERR_INVALID;
  struct call *call = calloc(1, sizeof *call);
  if (call == NULL) return P2P_ERR_MEMORY;
  *call = (struct call){.post = {.fn = run_call, .arg = call}, .loop = loop, .fn = fn, .arg = arg};
  int code = p2p_loop_post_own(loop, &call->post);
  if (code == P2P_OK) return wait_for_call(loop, call, timeout_ms);
  free(call);
  return code;
}

int p2p_loop_call(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) {
  return p2p_loop_call_within(loop, fn, arg, P2P_LOOP_CALL_TIMEOUT_MS);
}

int p2p_loop_explain(int code, struct p2p_err *err) {
  switch (code) {
  case P2P_OK: return code;
  case P2P_ERR_MEMORY: return p2p_err_set(err, code, "out of memory");
  case P2P_ERR_CLOSED: return p2p_err_set(err, code, "the io thread has ended");
  case P2P_ERR_TIMEOUT:
    return p2p_err_set(err, code, "the io thread does not respond (waited %d seconds)",
                       P2P_LOOP_CALL_TIMEOUT_MS / 1000);
  default: return p2p_err_set(err, code, "the io thread cannot wait for itself");
  }
}

/* --- on any thread: the proxy --- */

void p2p_loop_set_proxy(struct p2p_loop *loop, const struct p2p_proxy *proxy) {
  uv_mutex_lock(&loop->lock);
  loop->proxy = *proxy;
  uv_mutex_unlock(&loop->lock);
}

bool p2p_loop_proxy_for(struct p2p_loop *loop, const char *host, struct p2p_proxy *out) {
  uv_mutex_lock(&loop->lock);
  bool is_for = p2p_proxy_is_for(&loop->proxy, host);
  if (is_for) *out = loop->proxy;
  uv_mutex_unlock(&loop->lock);
  return is_for;
}
