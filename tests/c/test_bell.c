/* base/bell: no ring is missed, many are one, and a wait has a bound. */
#include "base/bell.h"

#include <poll.h>

#include "base/clock.h"
#include "unit.h"

static bool is_ringing(const struct p2p_bell *bell) {
  struct pollfd ready = {.fd = p2p_bell_fd(bell), .events = POLLIN};
  return poll(&ready, 1, 0) == 1;
}

TEST(it_rings_until_somebody_looks) {
  struct p2p_bell bell;
  CHECK(p2p_bell_init(&bell) == P2P_OK);
  CHECK(!is_ringing(&bell) && p2p_bell_look(&bell) == 1);
  for (int i = 0; i < 100000; i++) p2p_bell_ring(&bell); /* more than a pipe holds */
  CHECK(is_ringing(&bell));
  CHECK(p2p_bell_look(&bell) == 100001);
  CHECK(!is_ringing(&bell));
  p2p_bell_ring(&bell);
  CHECK(is_ringing(&bell));
  p2p_bell_destroy(&bell);
}

TEST(a_wait_ends_at_a_ring_before_it_or_at_its_bound) {
  struct p2p_bell bell;
  CHECK(p2p_bell_init(&bell) == P2P_OK);
  CHECK(p2p_bell_wait(&bell, 0, 20000) == 1);
  p2p_bell_ring(&bell);
  CHECK(p2p_bell_wait(&bell, 1, 20000) == 2);
  uint64_t before_ms = p2p_clock_ms();
  CHECK(p2p_bell_wait(&bell, 2, 30) == 2);
  uint64_t waited_ms = p2p_clock_ms() - before_ms;
  CHECK(waited_ms >= 29 && waited_ms < 2000);
  CHECK(p2p_bell_wait(&bell, 2, -1) == 2);
  p2p_bell_destroy(&bell);
}

static void *ring_often(void *bell) {
  for (int i = 0; i < 10000; i++) p2p_bell_ring(bell);
  return NULL;
}

TEST(no_ring_of_another_thread_is_missed) {
  struct p2p_bell bell;
  pthread_t threads[2];
  uint64_t seen = 1, last_seen = 0;
  CHECK(p2p_bell_init(&bell) == P2P_OK);
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, ring_often, &bell) == 0);
  while (seen != last_seen && seen < 20001) {
    last_seen = seen;
    seen = p2p_bell_wait(&bell, seen, 10000);
  }
  CHECK(seen == 20001);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  p2p_bell_destroy(&bell);
}

UNIT_MAIN("bell", UNIT(it_rings_until_somebody_looks), UNIT(a_wait_ends_at_a_ring_before_it_or_at_its_bound),
          UNIT(no_ring_of_another_thread_is_missed))
