/* net/service: start, call and stop on the io thread, and what becomes of the state when one of
 * them fails. */
#include "net/service.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/clock.h"
#include "net/timer.h"
#include "unit.h"

static atomic_int n_started, n_stopped, n_destroyed, n_called;

struct state {
  struct p2p_loop *loop;
  struct p2p_timer *first, *second; /* what lives on the io thread */
};

enum config { START_WORKS, START_FAILS_HALF_WAY };

static void never(void *arg) { (void)arg; }

static int start(void *arg, const void *config, struct p2p_err *err) {
  struct state *state = arg;
  CHECK(p2p_loop_is_here(state->loop));
  n_started++;
  state->first = p2p_timer_new(state->loop, never, state);
  if (*(const enum config *)config == START_FAILS_HALF_WAY)
    return p2p_err_set(err, P2P_ERR_NETWORK, "the port is in use");
  state->second = p2p_timer_new(state->loop, never, state);
  return P2P_OK;
}

static void stop(void *arg) {
  struct state *state = arg;
  CHECK(p2p_loop_is_here(state->loop));
  p2p_timer_free(state->first);
  p2p_timer_free(state->second);
  n_stopped++;
}

static void destroy(void *state) {
  free(state);
  n_destroyed++;
}

static const struct p2p_service_type type = {start, stop, destroy};

static struct state *new_state(struct p2p_loop *loop) {
  struct state *state = calloc(1, sizeof *state);
  state->loop = loop;
  return state;
}

static struct p2p_loop *new_loop(void) {
  struct p2p_loop *loop = NULL;
  n_started = n_stopped = n_destroyed = n_called = 0;
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  return loop;
}

static struct p2p_service *new_service(struct p2p_loop *loop) {
  enum config config = START_WORKS;
  struct p2p_service *service = NULL;
  CHECK(p2p_service_start(loop, &type, new_state(loop), &config, &service, NULL) == P2P_OK);
  return service;
}

/* Keeps the io thread busy until may_go_on is set. */
static atomic_bool is_blocked, may_go_on;

static void block(void *arg) {
  (void)arg;
  is_blocked = true;
  while (!may_go_on) usleep(1000);
  is_blocked = false;
}

static void block_loop(struct p2p_loop *loop) {
  may_go_on = false;
  CHECK(p2p_loop_post(loop, block, NULL) == P2P_OK);
  while (!is_blocked) usleep(1000);
}

static void add(void *arg, void *number) {
  struct state *state = arg;
  CHECK(p2p_loop_is_here(state->loop));
  *(int *)number += 1;
  n_called++;
}

TEST(a_service_starts_is_called_and_stops) {
  struct p2p_loop *loop = new_loop();
  struct p2p_service *service = new_service(loop);
  int number = 41;
  CHECK(p2p_service_call(service, add, &number, NULL) == P2P_OK);
  CHECK(number == 42);
  p2p_service_stop(service);
  CHECK(n_started == 1 && n_stopped == 1 && n_destroyed == 1);
  p2p_service_stop(NULL);
  CHECK(p2p_loop_stop(loop));
}

TEST(a_start_that_fails_half_way_is_stopped_and_destroyed) {
  struct p2p_loop *loop = new_loop();
  struct p2p_service *service = NULL;
  enum config config = START_FAILS_HALF_WAY;
  struct p2p_err err;
  CHECK(p2p_service_start(loop, &type, new_state(loop), &config, &service, &err) ==
        P2P_ERR_NETWORK);
  CHECK_STR(err.message, "the port is in use");
  CHECK(service == NULL && n_started == 1 && n_stopped == 1 && n_destroyed == 1);
  CHECK(p2p_loop_stop(loop));
}

TEST(a_start_that_cannot_run_is_an_error_and_destroyed) {
  struct p2p_loop *loop = new_loop();
  struct p2p_service *service = NULL;
  enum config config = START_WORKS;
  struct p2p_err err;
  p2p_loop_disown(loop); /* as after fork() */
  CHECK(p2p_service_start(loop, &type, new_state(loop), &config, &service, &err) == P2P_ERR_CLOSED);
  CHECK_STR(err.message, "the io thread has ended");
  CHECK(service == NULL && n_started == 0 && n_stopped == 0 && n_destroyed == 1);
}

TEST(a_call_that_times_out_never_runs) {
  struct p2p_loop *loop = new_loop();
  struct p2p_err err;
  int number = 0;
  block_loop(loop);
  CHECK(p2p_loop_call_within(loop, never, &number, 50) == P2P_ERR_TIMEOUT);
  CHECK(p2p_loop_explain(P2P_ERR_TIMEOUT, &err) == P2P_ERR_TIMEOUT);
  CHECK(strstr(err.message, "the io thread does not respond") != NULL);
  may_go_on = true;
  CHECK(p2p_loop_stop(loop));
}

static void count_call(void *arg) {
  ++*(int *)arg;
  n_called++;
}

/* `number` is on the stack of a function that has returned when the io thread gets to the call. */
static void call_in_vain(struct p2p_loop *loop) {
  int number = 0;
  CHECK(p2p_loop_call_within(loop, count_call, &number, 20) == P2P_ERR_TIMEOUT);
}

TEST(the_arguments_of_a_call_that_timed_out_are_not_used) {
  struct p2p_loop *loop = new_loop();
  block_loop(loop);
  call_in_vain(loop);
  may_go_on = true;
  int number = 0;
  CHECK(p2p_loop_call(loop, count_call, &number) == P2P_OK);
  CHECK(number == 1 && n_called == 1);
  CHECK(p2p_loop_stop(loop));
}

TEST(a_service_that_is_not_stopped_in_time_is_stopped_and_destroyed_later) {
  struct p2p_loop *loop = new_loop();
  struct p2p_service *service = new_service(loop);
  block_loop(loop);
  uint64_t before_ms = p2p_clock_ms();
  p2p_service_stop_within(service, 50);
  CHECK(p2p_clock_ms() - before_ms < 12000);
  CHECK(n_stopped == 0 && n_destroyed == 0); /* the io thread may use it */
  may_go_on = true;
  CHECK(p2p_loop_stop(loop));
  CHECK(n_stopped == 1 && n_destroyed == 1);
}

#ifdef P2P_HAS_ASAN
#include <sanitizer/lsan_interface.h>
#else
static void __lsan_disable(void) {}
static void __lsan_enable(void) {}
#endif

TEST(after_a_fork_the_state_is_not_touched) {
  __lsan_disable(); /* it is the parent's, and leaks in the child */
  struct p2p_loop *loop = new_loop();
  struct p2p_service *service = new_service(loop);
  __lsan_enable();
  int number = 0;
  p2p_loop_disown(loop);
  CHECK(p2p_service_call(service, add, &number, NULL) == P2P_ERR_CLOSED && number == 0);
  p2p_service_stop(service);
  CHECK(n_stopped == 0 && n_destroyed == 0);
}

UNIT_MAIN("service", UNIT(a_service_starts_is_called_and_stops),
          UNIT(a_start_that_fails_half_way_is_stopped_and_destroyed),
          UNIT(a_start_that_cannot_run_is_an_error_and_destroyed),
          UNIT(a_call_that_times_out_never_runs),
          UNIT(the_arguments_of_a_call_that_timed_out_are_not_used),
          UNIT(a_service_that_is_not_stopped_in_time_is_stopped_and_destroyed_later),
          UNIT(after_a_fork_the_state_is_not_touched))
