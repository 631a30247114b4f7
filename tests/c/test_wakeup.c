/* Wakeups: a delay never postpones a run that is due soon. */
#include "worker/wakeup.h"

#include "sshd_fixture.h"

#define LONG_MS 600000

static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;
static struct p2p_wakeup *wakeup;
static int runs;

/* As the worker does when a client's link fails while its slots are shared out. */
static void on_wakeup(void *arg) {
  (void)arg;
  if (runs == 0) {
    p2p_wakeup_soon(wakeup);
    p2p_wakeup_after(wakeup, LONG_MS);
  } else if (runs == 1) {
    p2p_wakeup_after(wakeup, LONG_MS);
    p2p_wakeup_soon(wakeup);
  } else if (runs == 2) {
    p2p_wakeup_after(wakeup, LONG_MS);
    p2p_wakeup_after(wakeup, 1);
  }
  site_count(&gate, &runs);
}

static void open_here(void *arg) {
  (void)arg;
  wakeup = p2p_wakeup_new(loop, on_wakeup, NULL);
  CHECK(wakeup != NULL);
  p2p_wakeup_soon(wakeup);
}

static void free_here(void *arg) {
  (void)arg;
  p2p_wakeup_free(wakeup);
  p2p_wakeup_free(NULL);
}

TEST(a_delay_does_not_postpone_a_run_that_is_due_soon) {
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  CHECK(p2p_loop_call(loop, open_here, NULL) == P2P_OK);
  CHECK(site_wait(&gate, &runs, 4));
  CHECK(p2p_loop_call(loop, free_here, NULL) == P2P_OK);
  p2p_loop_stop(loop);
  CHECK(runs == 4);
}

UNIT_MAIN("wakeup", UNIT(a_delay_does_not_postpone_a_run_that_is_due_soon))
