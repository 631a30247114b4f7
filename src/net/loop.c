/* The io thread: its start and end, and the locked queue by which other threads reach it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setname_np */
#endif
#include "net/loop_private.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/buf.h"

/* How long p2p_loop_stop waits for what is closing: a last flush, a name being looked up. */
#define STOP_PATIENCE_MS 2000

struct post {
  struct post *next;
  void (*fn)(void *arg);
  void *arg;
};

struct p2p_loop {
  uv_loop_t uv;
  uv_async_t wake;
  uv_timer_t patience;
  pthread_t thread;
  bool disowned; /* we are a forked child: the thread is the parent's */
  pthread_mutex_t lock;
  struct post *first, *last; /* locked */
  bool ended;                /* locked; nothing is taken any more */
  struct post *end;          /* kept from the start, so that a stop cannot run out of memory */
  struct p2p_proxy proxy;    /* of the io thread */
  char read_bytes[P2P_LOOP_READ_BYTES];
};

/* on the io thread */

/* What is posted meanwhile runs in the next round, after I/O had its turn. */
static void run_posted(uv_async_t *wake) {
  struct p2p_loop *loop = wake->data;
  pthread_mutex_lock(&loop->lock);
  struct post *post = loop->first;
  loop->first = loop->last = NULL;
  pthread_mutex_unlock(&loop->lock);
  while (post != NULL) {
    struct post *next = post->next;
    post->fn(post->arg);
    free(post);
    post = next;
  }
}

static void close_left_open(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* A handle that is still open now was forgotten by its owner; or a name is still being looked up,
 * which nothing can interrupt. Neither may hang R's unload. */
static void lose_patience(uv_timer_t *patience) {
  uv_walk(patience->loop, close_left_open, NULL);
  uv_stop(patience->loop);
}

static void end_loop(void *arg) {
  struct p2p_loop *loop = arg;
  pthread_mutex_lock(&loop->lock);
  loop->ended = true;
  bool more = loop->first != NULL;
  pthread_mutex_unlock(&loop->lock);
  if (more) run_posted(&loop->wake);
  uv_close((uv_handle_t *)&loop->wake, NULL);
  uv_update_time(&loop->uv);
  uv_timer_start(&loop->patience, lose_patience, STOP_PATIENCE_MS, 0);
}

static void *run(void *arg) {
  struct p2p_loop *loop = arg;
#if defined(__APPLE__)
  pthread_setname_np("p2p-io");
#elif defined(__linux__)
  pthread_setname_np(pthread_self(), "p2p-io");
#endif
  uv_run(&loop->uv, UV_RUN_DEFAULT); /* until `end_loop`, and until all that was open is closed */
  if (!uv_is_closing((uv_handle_t *)&loop->patience))
    uv_close((uv_handle_t *)&loop->patience, NULL);
  uv_run(&loop->uv, UV_RUN_NOWAIT);
  return NULL;
}

uv_buf_t p2p_loop_read_buffer(struct p2p_loop *loop) {
  return uv_buf_init(loop->read_bytes, sizeof loop->read_bytes);
}

const struct p2p_proxy *p2p_loop_proxy(const struct p2p_loop *loop) { return &loop->proxy; }

struct uv_loop_s *p2p_loop_uv(struct p2p_loop *loop) {
  return &loop->uv;
}

/* on any thread */

static struct post *post_new(void (*fn)(void *arg), void *arg) {
  struct post *post = malloc(sizeof *post);
  if (post != NULL) *post = (struct post){.fn = fn, .arg = arg};
  return post;
}

/* All signals are for R's main thread: the io thread begins with all of them blocked, and so do the
 * threads that libuv starts from it. That also turns SIGPIPE into EPIPE. */
static int start_thread(struct p2p_loop *loop) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int bad = pthread_create(&loop->thread, NULL, run, loop);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return -bad; /* libuv's form of errno */
}

static int enqueue(struct p2p_loop *loop, struct post *post) {
  pthread_mutex_lock(&loop->lock);
  bool ended = loop->ended;
  if (!ended) {
    bool was_empty = loop->first == NULL;
    if (was_empty)
      loop->first = post;
    else
      loop->last->next = post;
    loop->last = post;
    /* Under the lock, since `end_loop` closes the handle. */
    if (was_empty) uv_async_send(&loop->wake);
  }
  pthread_mutex_unlock(&loop->lock);
  if (ended) free(post);
  return ended ? P2P_ERR_CLOSED : P2P_OK;
}

int p2p_loop_start(struct p2p_loop **out, struct p2p_err *err) {
  struct p2p_loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  int bad = UV_ENOMEM;
  loop->end = post_new(end_loop, loop);
  if (loop->end == NULL) goto fail;
  bad = -pthread_mutex_init(&loop->lock, NULL);
  if (bad != 0) goto fail;
  bad = uv_loop_init(&loop->uv);
  if (bad != 0) goto fail_lock;
  bad = uv_async_init(&loop->uv, &loop->wake, run_posted);
  if (bad != 0) goto fail_loop;
  loop->wake.data = loop;
  uv_timer_init(&loop->uv, &loop->patience);
  uv_unref((uv_handle_t *)&loop->patience); /* it alone does not keep the loop going */
  bad = start_thread(loop);
  if (bad != 0) goto fail_handles;
  *out = loop;
  return P2P_OK;

fail_handles:
  uv_close((uv_handle_t *)&loop->patience, NULL);
  uv_close((uv_handle_t *)&loop->wake, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
fail_loop:
  uv_loop_close(&loop->uv);
fail_lock:
  pthread_mutex_destroy(&loop->lock);
fail:
  free(loop->end);
  free(loop);
  return p2p_err_set(err, P2P_ERR_SYSTEM, "Cannot start the network thread: %s.", uv_strerror(bad));
}

bool p2p_loop_stop(struct p2p_loop *loop) {
  if (loop->disowned) return true;
  enqueue(loop, loop->end);
  pthread_join(loop->thread, NULL);
  /* Busy only after lost patience. The loop is then left to the look-up that is under way. */
  if (uv_loop_close(&loop->uv) != 0) return false;
  pthread_mutex_destroy(&loop->lock);
  p2p_wipe(loop->read_bytes, sizeof loop->read_bytes);
  p2p_wipe(&loop->proxy, sizeof loop->proxy);
  free(loop);
  return true;
}

/* The lock may have been held at the fork by a thread that does not exist here, and the descriptors
 * are the parent's: so nothing of them is used again, and their memory is given up. */
void p2p_loop_disown(struct p2p_loop *loop) { loop->disowned = true; }

int p2p_loop_post(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) {
  if (loop->disowned) return P2P_ERR_CLOSED;
  struct post *post = post_new(fn, arg);
  return post == NULL ? P2P_ERR_MEMORY : enqueue(loop, post);
}

struct call {
  void (*fn)(void *arg);
  void *arg;
  pthread_mutex_t lock;
  pthread_cond_t returned;
  bool done; /* locked */
};

static void run_call(void *arg) {
  struct call *call = arg;
  call->fn(call->arg);
  pthread_mutex_lock(&call->lock);
  call->done = true;
  pthread_cond_signal(&call->returned);
  pthread_mutex_unlock(&call->lock);
}

int p2p_loop_call(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) {
  if (loop->disowned) return P2P_ERR_CLOSED;
  if (p2p_loop_is_here(loop)) return P2P_ERR_INVALID;
  struct call call = {.fn = fn, .arg = arg};
  if (pthread_mutex_init(&call.lock, NULL) != 0) return P2P_ERR_MEMORY;
  if (pthread_cond_init(&call.returned, NULL) != 0) {
    pthread_mutex_destroy(&call.lock);
    return P2P_ERR_MEMORY;
  }
  int code = p2p_loop_post(loop, run_call, &call);
  pthread_mutex_lock(&call.lock);
  while (code == P2P_OK && !call.done) pthread_cond_wait(&call.returned, &call.lock);
  pthread_mutex_unlock(&call.lock);
  pthread_cond_destroy(&call.returned);
  pthread_mutex_destroy(&call.lock);
  return code;
}

bool p2p_loop_is_here(const struct p2p_loop *loop) {
  return pthread_equal(pthread_self(), loop->thread) != 0;
}

struct set_proxy {
  struct p2p_loop *loop;
  const struct p2p_proxy *proxy;
};

static void set_proxy_here(void *arg) {
  struct set_proxy *set = arg;
  set->loop->proxy = *set->proxy;
}

void p2p_loop_set_proxy(struct p2p_loop *loop, const struct p2p_proxy *proxy) {
  struct set_proxy set = {loop, proxy};
  p2p_loop_call(loop, set_proxy_here, &set);
}
