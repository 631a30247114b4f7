/* net/loop: posts in order from many threads, calls that return, timers, watches, and an end. */
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_queue.h"
#include "net/timer.h"
#include "net/watch.h"
#include "unit.h"

static struct p2p_loop *start(void) {
  struct p2p_loop *loop = NULL;
  struct p2p_err err;
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  return loop;
}

/* Events are a queue between threads that this program has at hand: "it happened" is a line. */
static bool wait_for(struct p2p_log_queue *log, const char *text) {
  struct p2p_log_line event;
  return p2p_log_queue_next(log, 10000, &event) && strcmp(event.text, text) == 0;
}

TEST(it_starts_and_stops) {
  for (int i = 0; i < 20; i++) p2p_loop_stop(start());
}

struct order {
  struct p2p_loop *loop;
  int next, wrong;
};

struct numbered {
  struct order *order;
  int number;
};

static void arrive(void *arg) {
  struct numbered *numbered = arg;
  if (numbered->number != numbered->order->next++) numbered->order->wrong++;
  free(numbered);
}

static void *post_many(void *arg) {
  struct order *order = arg;
  for (int i = 0; i < 5000; i++) {
    struct numbered *numbered = malloc(sizeof *numbered);
    *numbered = (struct numbered){order, i};
    CHECK(p2p_loop_post(order->loop, arrive, numbered) == P2P_OK);
  }
  return NULL;
}

TEST(posts_of_each_thread_run_in_order_and_all_before_the_end) {
  struct p2p_loop *loop = start();
  struct order orders[4];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    orders[i] = (struct order){.loop = loop};
    CHECK(pthread_create(&threads[i], NULL, post_many, &orders[i]) == 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  p2p_loop_stop(loop);
  for (int i = 0; i < 4; i++) CHECK(orders[i].next == 5000 && orders[i].wrong == 0);
}

struct visit {
  struct p2p_loop *loop;
  bool here, signals_blocked;
  int nested_call;
};

static void visit(void *arg) {
  struct visit *v = arg;
  v->here = p2p_loop_is_here(v->loop);
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, NULL, &blocked);
  v->signals_blocked = sigismember(&blocked, SIGINT) == 1 && sigismember(&blocked, SIGPIPE) == 1 &&
                       sigismember(&blocked, SIGCHLD) == 1;
  v->nested_call = p2p_loop_call(v->loop, visit, v);
}

TEST(a_call_runs_on_the_io_thread_which_blocks_all_signals) {
  struct visit v = {.loop = start()};
  CHECK(p2p_loop_call(v.loop, visit, &v) == P2P_OK);
  CHECK(v.here && v.signals_blocked && !p2p_loop_is_here(v.loop));
  CHECK(v.nested_call == P2P_ERR_INVALID);
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, NULL, &blocked);
  CHECK(sigismember(&blocked, SIGINT) == 0);
  p2p_loop_stop(v.loop);
}

static void post_from_a_post(void *arg) {
  struct order *order = arg;
  if (++order->next < 100) CHECK(p2p_loop_post(order->loop, post_from_a_post, order) == P2P_OK);
}

static void nothing(void *arg) { (void)arg; }

TEST(what_runs_may_post) {
  struct order order = {.loop = start()};
  CHECK(p2p_loop_post(order.loop, post_from_a_post, &order) == P2P_OK);
  for (int i = 0; i < 110; i++) CHECK(p2p_loop_call(order.loop, nothing, NULL) == P2P_OK);
  CHECK(order.next == 100);
  p2p_loop_stop(order.loop);
}

struct clocked {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_timer *once, *repeated;
  int n_repeated;
};

static void on_once(void *arg) {
  struct clocked *c = arg;
  p2p_timer_free(c->once);
  p2p_log_write(c->log, P2P_LOG_INFO, "once");
}

static void on_repeated(void *arg) {
  struct clocked *c = arg;
  if (++c->n_repeated < 3) return;
  p2p_timer_free(c->repeated);
  p2p_timer_start(c->once, 1, 0);
}

static void start_timers(void *arg) {
  struct clocked *c = arg;
  c->once = p2p_timer_new(c->loop, on_once, c);
  c->repeated = p2p_timer_new(c->loop, on_repeated, c);
  p2p_timer_start(c->once, 0, 0);
  p2p_timer_stop(c->once);
  p2p_timer_start(c->repeated, 1, 1);
  p2p_timer_free(p2p_timer_new(c->loop, on_once, c));
  p2p_timer_free(NULL);
}

TEST(timers_fire_repeat_stop_and_free_themselves) {
  struct clocked c = {.loop = start(), .log = p2p_log_queue_new(10)};
  CHECK(p2p_loop_call(c.loop, start_timers, &c) == P2P_OK);
  CHECK(wait_for(c.log, "once"));
  CHECK(c.n_repeated == 3);
  p2p_loop_stop(c.loop);
  p2p_log_queue_unref(c.log);
}

struct watched {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_watch *watch;
  int fd;
};

static void on_ready(void *arg, bool readable, bool writable) {
  struct watched *w = arg;
  char byte;
  if (writable) {
    p2p_log_write(w->log, P2P_LOG_INFO, "writable");
    CHECK(p2p_watch_set(w->watch, true, false) == P2P_OK);
  } else if (readable && read(w->fd, &byte, 1) == 1) {
    p2p_log_write(w->log, P2P_LOG_INFO, "byte %c", byte);
  } else {
    p2p_watch_free(w->watch);
    close(w->fd);
    p2p_log_write(w->log, P2P_LOG_INFO, "end");
  }
}

static void start_watch(void *arg) {
  struct watched *w = arg;
  w->watch = p2p_watch_new(w->loop, w->fd, on_ready, w);
  CHECK(p2p_watch_set(w->watch, false, true) == P2P_OK);
  p2p_watch_free(NULL);
}

TEST(a_watch_tells_of_readiness) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  struct watched w = {.loop = start(), .log = p2p_log_queue_new(10), .fd = ends[0]};
  CHECK(p2p_loop_call(w.loop, start_watch, &w) == P2P_OK);
  CHECK(wait_for(w.log, "writable"));
  CHECK(write(ends[1], "x", 1) == 1);
  CHECK(wait_for(w.log, "byte x"));
  close(ends[1]);
  CHECK(wait_for(w.log, "end"));
  p2p_loop_stop(w.loop);
  p2p_log_queue_unref(w.log);
}

TEST(a_forked_child_disowns_the_loop) {
  struct p2p_loop *loop = start();
  pid_t child = fork();
  if (child == 0) {
    p2p_loop_disown(loop);
    bool refused = p2p_loop_post(loop, nothing, NULL) == P2P_ERR_CLOSED &&
                   p2p_loop_call(loop, nothing, NULL) == P2P_ERR_CLOSED;
    p2p_loop_stop(loop);
    _exit(refused ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(p2p_loop_call(loop, nothing, NULL) == P2P_OK);
  p2p_loop_stop(loop);
}

TEST(a_call_waits_for_no_timer) {
  struct p2p_loop *loop = start();
  uint64_t before_ms = p2p_clock_ms();
  for (int i = 0; i < 2000; i++) CHECK(p2p_loop_call(loop, nothing, NULL) == P2P_OK);
  uint64_t took_ms = p2p_clock_ms() - before_ms;
  CHECK(took_ms < 10000); /* with a timer of 5 ms it would take as long */
  if (getenv("P2P_TEST_TIMES") != NULL) printf("call and return: %.1f us\n", (double)took_ms / 2);
  p2p_loop_stop(loop);
}

UNIT_MAIN("loop", UNIT(it_starts_and_stops),
          UNIT(posts_of_each_thread_run_in_order_and_all_before_the_end),
          UNIT(a_call_runs_on_the_io_thread_which_blocks_all_signals), UNIT(what_runs_may_post),
          UNIT(timers_fire_repeat_stop_and_free_themselves), UNIT(a_watch_tells_of_readiness),
          UNIT(a_forked_child_disowns_the_loop), UNIT(a_call_waits_for_no_timer))
