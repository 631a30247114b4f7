/* net/job: work off the io thread, on the pool and on threads of its own. */
#include "net/job.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/clock.h"
#include "unit.h"

#ifdef P2P_HAS_ASAN
#include <sanitizer/lsan_interface.h>
#else
static void __lsan_disable(void) {}
static void __lsan_enable(void) {}
#endif

/* Shared with the threads of the jobs; its lock is never destroyed. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool is_open; /* work that waits may return */
  int n_begun, n_worked, n_done, n_released;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void count(int *counter) {
  pthread_mutex_lock(&shared.lock);
  ++*counter;
  pthread_cond_broadcast(&shared.changed);
  pthread_mutex_unlock(&shared.lock);
}

static void wait_for(const int *counter, int value) {
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += 20;
  pthread_mutex_lock(&shared.lock);
  while (*counter < value)
    if (pthread_cond_timedwait(&shared.changed, &shared.lock, &deadline) != 0) break;
  CHECK(*counter == value);
  pthread_mutex_unlock(&shared.lock);
}

static void set_open(bool is_open) {
  pthread_mutex_lock(&shared.lock);
  shared.is_open = is_open;
  pthread_cond_broadcast(&shared.changed);
  pthread_mutex_unlock(&shared.lock);
}

struct owner {
  struct p2p_loop *loop;
  bool may_block;
  int n_jobs;
  struct p2p_job *jobs[8];
};

struct data {
  int input, output;
  pthread_t thread;
  bool signals_blocked;
};

static void work(void *arg) {
  struct data *data = arg;
  sigset_t blocked;
  count(&shared.n_begun);
  pthread_sigmask(SIG_BLOCK, NULL, &blocked);
  data->signals_blocked = sigismember(&blocked, SIGINT) == 1;
  data->thread = pthread_self();
  data->output = 2 * data->input;
  count(&shared.n_worked);
}

static void work_when_open(void *arg) {
  struct data *data = arg;
  count(&shared.n_begun);
  pthread_mutex_lock(&shared.lock);
  while (!shared.is_open) pthread_cond_wait(&shared.changed, &shared.lock);
  pthread_mutex_unlock(&shared.lock);
  data->output = 1;
  count(&shared.n_worked);
}

static void on_done(void *arg, void *job_data) {
  struct owner *owner = arg;
  struct data *data = job_data;
  CHECK(p2p_loop_is_here(owner->loop));
  CHECK(data->output == 2 * data->input && data->signals_blocked);
  CHECK(!pthread_equal(data->thread, pthread_self()));
  free(data);
  count(&shared.n_done);
}

static void on_done_late(void *arg, void *data) {
  (void)arg;
  free(data);
  count(&shared.n_done);
}

static void release(void *data) {
  free(data);
  count(&shared.n_released);
}

static void start(struct owner *owner, void (*fn)(void *), void (*done)(void *, void *)) {
  for (int i = 0; i < owner->n_jobs; i++) {
    struct data *data = calloc(1, sizeof *data);
    data->input = i;
    const struct p2p_job_config config = {.may_block = owner->may_block,
                                          .work = fn,
                                          .done = done,
                                          .release = release,
                                          .data = data,
                                          .arg = owner};
    CHECK(p2p_job_start(owner->loop, &config, &owner->jobs[i]) == P2P_OK);
  }
}

static void start_work(void *arg) { start(arg, work, on_done); }
static void start_waiting_work(void *arg) { start(arg, work_when_open, on_done_late); }

static void cancel_all(void *arg) {
  struct owner *owner = arg;
  for (int i = 0; i < owner->n_jobs; i++) p2p_job_cancel(owner->jobs[i]);
  p2p_job_cancel(NULL);
}

static struct owner new_owner(bool may_block, int n_jobs) {
  struct owner owner = {.may_block = may_block, .n_jobs = n_jobs};
  shared.n_begun = shared.n_worked = shared.n_done = shared.n_released = 0;
  shared.is_open = false;
  CHECK(p2p_loop_start(&owner.loop, NULL) == P2P_OK);
  return owner;
}

static void check_work(bool may_block) {
  struct owner owner = new_owner(may_block, 8);
  CHECK(p2p_loop_call(owner.loop, start_work, &owner) == P2P_OK);
  wait_for(&shared.n_done, 8);
  CHECK(p2p_loop_stop(owner.loop));
  CHECK(shared.n_worked == 8 && shared.n_released == 0);
}

TEST(the_work_is_done_on_another_thread_and_then_handled_on_the_io_thread) {
  check_work(false);
  check_work(true);
}

/* The pool has four threads: the jobs that have not begun are dropped. */
TEST(canceled_jobs_of_the_pool_release_their_data_when_their_work_has_returned) {
  struct owner owner = new_owner(false, 8);
  CHECK(p2p_loop_call(owner.loop, start_waiting_work, &owner) == P2P_OK);
  wait_for(&shared.n_begun, 4);
  CHECK(p2p_loop_call(owner.loop, cancel_all, &owner) == P2P_OK);
  wait_for(&shared.n_released, 4);
  set_open(true);
  wait_for(&shared.n_released, 8);
  CHECK(p2p_loop_stop(owner.loop));
  CHECK(shared.n_begun == 4 && shared.n_done == 0);
}

TEST(canceled_jobs_with_threads_release_their_data_when_their_work_has_returned) {
  struct owner owner = new_owner(true, 8);
  CHECK(p2p_loop_call(owner.loop, start_waiting_work, &owner) == P2P_OK);
  wait_for(&shared.n_begun, 8); /* none waits for another */
  CHECK(p2p_loop_call(owner.loop, cancel_all, &owner) == P2P_OK);
  CHECK(shared.n_released == 0);
  set_open(true);
  wait_for(&shared.n_released, 8);
  CHECK(p2p_loop_stop(owner.loop));
  CHECK(shared.n_done == 0);
}

static void *open_later(void *arg) {
  usleep(200000);
  set_open(true);
  return arg;
}

TEST(the_end_of_the_loop_waits_for_jobs) {
  for (int may_block = 0; may_block < 2; may_block++) {
    struct owner owner = new_owner(may_block, 2);
    pthread_t thread;
    CHECK(p2p_loop_call(owner.loop, start_waiting_work, &owner) == P2P_OK);
    wait_for(&shared.n_begun, 2);
    CHECK(pthread_create(&thread, NULL, open_later, NULL) == 0);
    CHECK(p2p_loop_stop(owner.loop));
    CHECK(shared.n_done == 2);
    pthread_join(thread, NULL);
  }
}

static void try_to_start(void *arg) {
  struct owner *owner = arg;
  int data = 0;
  const struct p2p_job_config config = {.may_block = true, .work = work, .data = &data};
  CHECK(p2p_job_start(owner->loop, &config, &owner->jobs[7]) == P2P_ERR_CLOSED);
}

static void on_done_start_more(void *arg, void *data) {
  try_to_start(arg);
  on_done_late(arg, data);
}

static void start_for_the_end(void *arg) { start(arg, work_when_open, on_done_start_more); }

TEST(no_job_starts_while_the_loop_ends) {
  struct owner owner = new_owner(true, 1);
  pthread_t thread;
  CHECK(p2p_loop_call(owner.loop, start_for_the_end, &owner) == P2P_OK);
  wait_for(&shared.n_begun, 1);
  CHECK(pthread_create(&thread, NULL, open_later, NULL) == 0);
  CHECK(p2p_loop_stop(owner.loop));
  CHECK(shared.n_done == 1);
  pthread_join(thread, NULL);
}

static void start_abandoned_work(void *owner) {
  __lsan_disable(); /* its data leaks */
  start_waiting_work(owner);
  __lsan_enable();
}

TEST(a_job_that_does_not_return_is_abandoned_and_may_still_return_later) {
  __lsan_disable(); /* the loop leaks */
  struct owner owner = new_owner(true, 1);
  __lsan_enable();
  CHECK(p2p_loop_call(owner.loop, start_abandoned_work, &owner) == P2P_OK);
  wait_for(&shared.n_begun, 1);
  uint64_t before_ms = p2p_clock_ms();
  CHECK(!p2p_loop_stop(owner.loop));
  CHECK(p2p_clock_ms() - before_ms < P2P_LOOP_STOP_TIMEOUT_MS);
  set_open(true);
  wait_for(&shared.n_worked, 1);
  usleep(50000); /* the thread's last steps */
  CHECK(shared.n_done == 0 && shared.n_released == 0);
}

UNIT_MAIN("job", UNIT(the_work_is_done_on_another_thread_and_then_handled_on_the_io_thread),
          UNIT(canceled_jobs_of_the_pool_release_their_data_when_their_work_has_returned),
          UNIT(canceled_jobs_with_threads_release_their_data_when_their_work_has_returned),
          UNIT(the_end_of_the_loop_waits_for_jobs), UNIT(no_job_starts_while_the_loop_ends),
          UNIT(a_job_that_does_not_return_is_abandoned_and_may_still_return_later))
