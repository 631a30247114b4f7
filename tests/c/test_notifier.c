/* base/bell: no ring is missed, many are one, and a wait has a bound. */
#include "base/notifier.h"

#include <poll.h>

#include "base/clock.h"
#include "unit.h"

static bool is_ringing(const struct p2p_notifier *notifier) {
  struct pollfd ready = {.fd = p2p_notifier_fd(notifier), .events = POLLIN};
  return poll(&ready, 1, 0) == 1;
}

TEST(it_rings_until_somebody_looks) {
  struct p2p_notifier notifier;
  CHECK(p2p_notifier_init(&notifier) == P2P_OK);
  CHECK(!is_ringing(&notifier) && p2p_notifier_poll(&notifier) == 1);
  for (int i = 0; i < 100000; i++) p2p_notifier_notify(&notifier); /* more than a pipe holds */
  CHECK(is_ringing(&notifier));
  CHECK(p2p_notifier_poll(&notifier) == 100001);
  CHECK(!is_ringing(&notifier));
  p2p_notifier_notify(&notifier);
  CHECK(is_ringing(&notifier));
  p2p_notifier_destroy(&notifier);
}

TEST(a_wait_ends_at_a_ring_before_it_or_at_its_bound) {
  struct p2p_notifier notifier;
  CHECK(p2p_notifier_init(&notifier) == P2P_OK);
  CHECK(p2p_notifier_wait(&notifier, 0, 20000) == 1);
  p2p_notifier_notify(&notifier);
  CHECK(p2p_notifier_wait(&notifier, 1, 20000) == 2);
  uint64_t before_ms = p2p_clock_ms();
  CHECK(p2p_notifier_wait(&notifier, 2, 30) == 2);
  uint64_t waited_ms = p2p_clock_ms() - before_ms;
  CHECK(waited_ms >= 29 && waited_ms < 2000);
  CHECK(p2p_notifier_wait(&notifier, 2, -1) == 2);
  p2p_notifier_destroy(&notifier);
}

static void *ring_often(void *notifier) {
  for (int i = 0; i < 10000; i++) p2p_notifier_notify(notifier);
  return NULL;
}

TEST(no_ring_of_another_thread_is_missed) {
  struct p2p_notifier notifier;
  pthread_t threads[2];
  uint64_t seen = 1, last_seen = 0;
  CHECK(p2p_notifier_init(&notifier) == P2P_OK);
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, ring_often, &notifier) == 0);
  while (seen != last_seen && seen < 20001) {
    last_seen = seen;
    seen = p2p_notifier_wait(&notifier, seen, 10000);
  }
  CHECK(seen == 20001);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  p2p_notifier_destroy(&notifier);
}

UNIT_MAIN("bell", UNIT(it_rings_until_somebody_looks),
          UNIT(a_wait_ends_at_a_ring_before_it_or_at_its_bound),
          UNIT(no_ring_of_another_thread_is_missed))
