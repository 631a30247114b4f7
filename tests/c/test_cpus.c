/* Sets of processors, and running on some of them only. */
#include "base/cpus.h"

#include "proc/affinity.h"

#include "unit.h"

TEST(processors_are_taken_from_the_lowest_on_and_given_back) {
  struct p2p_cpus all = {{0xf0, 0x01}}, some;
  CHECK(p2p_cpus_count(&all) == 5);
  p2p_cpus_take(&all, 3, &some);
  CHECK(some.bits[0] == 0x70 && all.bits[0] == 0x80 && all.bits[1] == 0x01);
  struct p2p_cpus none;
  p2p_cpus_take(&all, 3, &none); /* there are two */
  CHECK(p2p_cpus_count(&none) == 0 && p2p_cpus_count(&all) == 2);
  p2p_cpus_give(&all, &some);
  CHECK(all.bits[0] == 0xf0 && p2p_cpus_count(&all) == 5);
}

TEST(this_thread_runs_where_it_is_pinned_and_is_let_go_again) {
  struct p2p_cpus before, one, now, rest;
  p2p_affinity_get(&before);
  if (p2p_cpus_count(&before) == 0) return; /* not Linux */
  rest = before;
  p2p_cpus_take(&rest, 1, &one);
  CHECK(p2p_affinity_set(&one));
  p2p_affinity_get(&now);
  CHECK(memcmp(&now, &one, sizeof now) == 0);
  CHECK(p2p_affinity_set(&before) && !p2p_affinity_set(&(struct p2p_cpus){{0}}));
  p2p_affinity_get(&now);
  CHECK(memcmp(&now, &before, sizeof now) == 0);
}

UNIT_MAIN("cpus", UNIT(processors_are_taken_from_the_lowest_on_and_given_back),
          UNIT(this_thread_runs_where_it_is_pinned_and_is_let_go_again))
