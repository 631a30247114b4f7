/* The scheduler's decisions: counts in, steps out. */
#include "client/schedule.h"

#include "unit.h"

#define NOW 100000

static struct p2p_schedule_worker workers[4];
static struct p2p_schedule_step steps[4];
static struct p2p_schedule_user users[4];
static uint64_t wake_ms;

#define ALL 1000 /* waiting tasks */

static void add_unlinked(size_t i, uint32_t slots) {
  workers[i] = (struct p2p_schedule_worker){
      .link = P2P_SCHEDULE_NONE, .slots = slots, .eligible = ALL, .confirmed = ALL};
}

static void add_linked(size_t i, uint32_t slots, uint32_t held, uint32_t busy) {
  workers[i] = (struct p2p_schedule_worker){.link = P2P_SCHEDULE_OPEN,
                                            .slots = slots,
                                            .eligible = ALL,
                                            .confirmed = ALL,
                                            .held = held,
                                            .busy = busy,
                                            .requested = held,
                                            .requested_ms = NOW,
                                            .next_cool_ms = NOW + P2P_SCHEDULE_WARM_MS,
                                            .used_ms = NOW};
}

static void decide(uint32_t waiting, uint32_t slots_max, size_t length) {
  struct p2p_schedule schedule = {.now_ms = NOW,
                                  .waiting = waiting,
                                  .slots_max = slots_max,
                                  .may_open = true,
                                  .workers = workers,
                                  .length = length,
                                  .users = users};
  wake_ms = p2p_schedule_decide(&schedule, steps);
}

TEST(without_tasks_nothing_is_done) {
  decide(0, 0, 0);
  CHECK(wake_ms == P2P_SCHEDULE_NEVER);
  add_unlinked(0, 4);
  decide(0, 0, 1);
  CHECK(!steps[0].open && !steps[0].close && steps[0].start == 0 && !steps[0].send_request);
  CHECK(wake_ms == P2P_SCHEDULE_NEVER);
}

TEST(links_are_opened_until_there_are_enough_slots) {
  add_unlinked(0, 2), add_unlinked(1, 2), add_unlinked(2, 2);
  decide(3, 0, 3);
  CHECK(steps[0].open && steps[1].open && !steps[2].open);
  CHECK(wake_ms == NOW + P2P_SCHEDULE_PATIENCE_MS);
}

TEST(links_to_workers_with_free_slots_are_opened_first) {
  add_unlinked(0, 2), add_unlinked(1, 2), add_unlinked(2, 2);
  workers[0].taken = 2;
  workers[1].taken = 1;
  decide(1, 0, 3);
  CHECK(!steps[0].open && steps[1].open && !steps[2].open);
  decide(2, 0, 3);
  CHECK(!steps[0].open && steps[1].open && steps[2].open);
  decide(4, 0, 3); /* a busy worker shares its slots once it knows that somebody waits */
  CHECK(steps[0].open && steps[1].open && steps[2].open);
  decide(1, 0, 1);
  CHECK(steps[0].open);
}

TEST(a_worker_that_was_never_linked_is_expected_to_have_one_slot) {
  add_unlinked(0, 1024), add_unlinked(1, 1024), add_unlinked(2, 1024), add_unlinked(3, 2);
  for (int i = 0; i < 3; i++) workers[i].is_claim = true;
  decide(2, 0, 4);
  CHECK(!steps[0].open && steps[3].open); /* those that were linked come first */
  decide(4, 0, 4);
  CHECK(steps[0].open && steps[1].open && !steps[2].open && steps[3].open);
  workers[0].link = P2P_SCHEDULE_OPENING;
  workers[0].since_ms = NOW;
  decide(2, 0, 3);
  CHECK(steps[1].open && !steps[2].open);
}

TEST(few_links_to_workers_that_were_never_linked_are_opened_at_once) {
  static struct p2p_schedule_worker many[4000];
  static struct p2p_schedule_step todo[4000];
  struct p2p_schedule schedule = {.now_ms = NOW,
                                  .waiting = ALL,
                                  .may_open = true,
                                  .workers = many,
                                  .length = 4000,
                                  .users = users};
  size_t n_open = 0;
  add_unlinked(0, 1024);
  for (size_t i = 0; i < 4000; i++) {
    many[i] = workers[0];
    many[i].is_claim = i < 3999;
    many[i].taken = i < 3999 ? 0 : 1024;
  }
  (void)p2p_schedule_decide(&schedule, todo);
  for (size_t i = 0; i < 4000; i++) n_open += todo[i].open;
  CHECK(n_open == P2P_SCHEDULE_CLAIMS_MAX + 1 && todo[3999].open);
}

/* 3,999 made-up workers of one user, all of them with free slots, and a busy worker of another. */
TEST(claims_of_one_user_do_not_keep_a_client_from_those_of_others) {
  static struct p2p_schedule_worker many[4000];
  static struct p2p_schedule_step todo[4000];
  struct p2p_schedule schedule = {.now_ms = NOW,
                                  .waiting = 1,
                                  .may_open = true,
                                  .workers = many,
                                  .length = 4000,
                                  .users = users};
  memset(users, 0, sizeof users);
  add_unlinked(0, 1024);
  workers[0].is_claim = true;
  for (size_t i = 0; i < 4000; i++) many[i] = workers[0];
  many[3999].user = 1;
  many[3999].taken = 1024;
  (void)p2p_schedule_decide(&schedule, todo);
  CHECK(todo[0].open && !todo[1].open && !todo[3999].open); /* they are equals so far */
  many[0].link = P2P_SCHEDULE_OPENING;
  many[0].since_ms = NOW - P2P_SCHEDULE_PATIENCE_MS;
  (void)p2p_schedule_decide(&schedule, todo);
  CHECK(todo[3999].open && !todo[1].open);
  for (size_t i = 0; i < P2P_SCHEDULE_CLAIMS_MAX; i++) { /* as many as there may be */
    many[i].link = P2P_SCHEDULE_OPENING;
    many[i].since_ms = NOW - P2P_SCHEDULE_PATIENCE_MS;
  }
  schedule.waiting = ALL;
  (void)p2p_schedule_decide(&schedule, todo);
  CHECK(todo[3999].open && !todo[P2P_SCHEDULE_CLAIMS_MAX].open);
  for (size_t i = 0; i < P2P_SCHEDULE_CLAIMS_MAX; i++) many[i].link = P2P_SCHEDULE_NONE;
  users[0].failures = 1;
  schedule.waiting = 1;
  (void)p2p_schedule_decide(&schedule, todo);
  CHECK(todo[3999].open && !todo[0].open);
  users[1].failures = 2;
  (void)p2p_schedule_decide(&schedule, todo);
  CHECK(todo[0].open && !todo[3999].open);
  memset(users, 0, sizeof users);
}

TEST(no_link_is_opened_while_disconnected_or_backing_off) {
  add_unlinked(0, 1), add_unlinked(1, 1);
  workers[0].retry_at_ms = NOW + 500;
  decide(1, 0, 2);
  CHECK(!steps[0].open && steps[1].open);
  decide(2, 0, 1);
  CHECK(!steps[0].open && wake_ms == NOW + 500);
  struct p2p_schedule away = {.now_ms = NOW, .waiting = 1, .workers = workers, .length = 2};
  wake_ms = p2p_schedule_decide(&away, steps);
  CHECK(!steps[1].open && wake_ms == P2P_SCHEDULE_NEVER);
}

TEST(an_opening_link_counts_as_available_soon_for_a_while) {
  add_unlinked(0, 1), add_unlinked(1, 1);
  workers[0].link = P2P_SCHEDULE_OPENING;
  workers[0].since_ms = NOW;
  decide(1, 0, 2);
  CHECK(!steps[1].open && wake_ms == NOW + P2P_SCHEDULE_PATIENCE_MS);
  workers[0].since_ms = NOW - P2P_SCHEDULE_PATIENCE_MS;
  decide(1, 0, 2);
  CHECK(steps[1].open && !steps[0].close);
  workers[0].since_ms = NOW - P2P_SCHEDULE_SETUP_MS;
  decide(0, 0, 2);
  CHECK(steps[0].close);
}

TEST(a_task_starts_at_once_on_an_idle_slot_without_further_frames) {
  add_linked(0, 4, 1, 0);
  decide(1, 0, 1);
  CHECK(steps[0].start == 1 && !steps[0].send_request && steps[0].return_slots == 0);
  add_linked(0, 4, 1, 1); /* its task runs, none waits */
  decide(0, 0, 1);
  CHECK(!steps[0].send_request && steps[0].return_slots == 0);
}

TEST(tasks_go_to_the_least_loaded_workers) {
  add_linked(0, 4, 4, 2), add_linked(1, 4, 4, 0), add_linked(2, 8, 8, 0);
  decide(6, 0, 3);
  CHECK(steps[0].start == 0 && steps[1].start == 2 && steps[2].start == 4);
  decide(100, 0, 3);
  CHECK(steps[0].start == 2 && steps[1].start == 4 && steps[2].start == 8);
}

TEST(slots_are_requested_until_the_tasks_run_elsewhere) {
  add_linked(0, 4, 1, 1), add_linked(1, 4, 0, 0);
  decide(2, 0, 2);
  CHECK(steps[0].send_request && steps[0].request == 3 && steps[1].send_request &&
        steps[1].request == 2);
  workers[0].requested = 3, workers[1].requested = 2;
  decide(2, 0, 2);
  CHECK(!steps[0].send_request && !steps[1].send_request);
  decide(9, 0, 2);
  CHECK(steps[0].request == 4 && steps[1].request == 4); /* no more than it has */
  workers[0].held = 3;
  decide(2, 0, 2);
  CHECK(steps[0].start == 2 && !steps[0].send_request);
  CHECK(steps[1].send_request && steps[1].request == 0);
}

TEST(an_unanswered_request_does_not_block_other_workers) {
  add_linked(0, 1, 0, 0), add_unlinked(1, 1);
  workers[0].requested = 1;
  decide(1, 0, 2);
  CHECK(!steps[1].open && wake_ms == NOW + P2P_SCHEDULE_PATIENCE_MS);
  workers[0].requested_ms = NOW - P2P_SCHEDULE_PATIENCE_MS;
  decide(1, 0, 2);
  CHECK(steps[1].open && !steps[0].send_request);
}

TEST(the_limit_counts_busy_slots_of_all_workers) {
  add_linked(0, 4, 4, 1), add_linked(1, 4, 4, 1);
  decide(10, 3, 2);
  CHECK(steps[0].start + steps[1].start == 1);
  CHECK(steps[0].return_slots + steps[1].return_slots == 5); /* beyond the limit */
  CHECK(steps[1].send_request &&
        steps[1].request == 4 - steps[1].return_slots); /* otherwise they would be granted again */
  add_linked(0, 4, 3, 3), add_unlinked(1, 4);
  decide(10, 3, 2);
  CHECK(steps[0].start == 0 && !steps[0].send_request && !steps[1].open);
  add_linked(0, 4, 0, 0), add_linked(1, 4, 0, 0);
  decide(10, 3, 2);
  CHECK(steps[0].request == 3 && steps[1].request == 3);
}

TEST(recalled_slots_are_returned_when_they_become_idle) {
  add_linked(0, 4, 4, 3);
  workers[0].recalled = 2;
  decide(5, 0, 1);
  CHECK(steps[0].return_slots == 1 && steps[0].start == 0);
  CHECK(steps[0].send_request == false || steps[0].request == 4);
  add_linked(0, 4, 3, 2);
  workers[0].recalled = 1;
  decide(0, 0, 1);
  CHECK(steps[0].return_slots == 1);
}

TEST(a_cool_slot_is_no_longer_requested) {
  add_linked(0, 4, 3, 1);
  workers[0].cool = 1; /* and one warm */
  decide(0, 0, 1);
  CHECK(steps[0].send_request && steps[0].request == 2 && steps[0].return_slots == 0);
  workers[0].requested = 2;
  decide(0, 0, 1);
  CHECK(!steps[0].send_request);
  decide(1, 0, 1); /* takes the warm one */
  CHECK(steps[0].start == 1 && !steps[0].send_request);
  decide(2, 0, 1);
  CHECK(steps[0].start == 2 && steps[0].send_request && steps[0].request == 3);
}

TEST(cold_slots_are_returned_and_no_longer_requested) {
  add_linked(0, 4, 3, 1);
  workers[0].cool = workers[0].cold = 1;
  decide(0, 0, 1);
  CHECK(steps[0].return_slots == 1 && steps[0].send_request && steps[0].request == 2);
  CHECK(wake_ms == NOW + P2P_SCHEDULE_WARM_MS);
  decide(2, 0, 1); /* tasks for both idle slots */
  CHECK(steps[0].return_slots == 0 && steps[0].start == 2);
}

TEST(a_link_without_slots_is_closed_after_ten_minutes) {
  add_linked(0, 4, 0, 0);
  decide(0, 0, 1);
  CHECK(!steps[0].close && wake_ms == NOW + P2P_SCHEDULE_LINK_IDLE_MS);
  workers[0].used_ms = NOW - P2P_SCHEDULE_LINK_IDLE_MS + 1;
  decide(0, 0, 1);
  CHECK(!steps[0].close);
  workers[0].used_ms--;
  decide(1, 0, 1);
  CHECK(!steps[0].close && steps[0].send_request);
  decide(0, 0, 1);
  CHECK(steps[0].close);
}

static void can_run(size_t i, uint32_t suits, uint32_t sure) {
  workers[i].eligible = suits;
  workers[i].confirmed = sure;
}

TEST(a_task_goes_only_to_workers_that_can_run_it) {
  add_linked(0, 4, 4, 0), add_linked(1, 4, 4, 0);
  can_run(0, 0, 0), can_run(1, 3, 3);
  decide(3, 0, 2);
  CHECK(steps[0].start == 0 && steps[1].start == 3);
  add_linked(0, 4, 4, 0), add_linked(1, 4, 1, 1);
  can_run(0, 0, 0), can_run(1, 3, 3);
  decide(3, 0, 2);
  CHECK(steps[0].start == 0 && !steps[0].send_request && steps[1].send_request &&
        steps[1].request == 4);
}

TEST(a_worker_gets_no_more_tasks_than_it_can_run) {
  add_linked(0, 4, 2, 0), add_linked(1, 4, 4, 3); /* two tasks for all, one for the first only */
  can_run(0, 3, 3), can_run(1, 2, 2);
  decide(3, 0, 2);
  CHECK(steps[0].start == 2 && steps[1].start == 1);
  add_linked(0, 4, 4, 0), add_linked(1, 4, 4, 3);
  can_run(0, 1, 1), can_run(1, 0, 0);
  decide(1, 0, 2);
  CHECK(steps[0].start == 1 && steps[1].start == 0);
}

TEST(a_worker_with_unknown_packages_may_grant_slots_but_starts_nothing) {
  add_linked(0, 4, 1, 0);
  can_run(0, 3, 0);
  decide(3, 0, 1);
  CHECK(steps[0].start == 0 && steps[0].send_request && steps[0].request == 4);
  can_run(0, 3, 2); /* two of the three tasks need no packages */
  add_linked(0, 4, 4, 0);
  can_run(0, 3, 2);
  decide(3, 0, 1);
  CHECK(steps[0].start == 2);
}

TEST(slots_of_a_worker_that_can_run_no_waiting_task_are_returned) {
  add_linked(0, 8, 3, 0), add_unlinked(1, 1);
  can_run(0, 0, 0);
  workers[0].cool = workers[0].cold = 2;
  decide(1, 0, 2);
  CHECK(steps[1].open && steps[0].return_slots == 2 && steps[0].start == 0);
  add_linked(0, 8, 0, 0), add_unlinked(1, 1);
  workers[0].requested = 8;
  can_run(0, 0, 0);
  decide(1, 0, 2);
  CHECK(steps[1].open && steps[0].send_request && steps[0].request == 0);
}

TEST(a_search_for_packages_opens_more_links_at_once) {
  add_unlinked(0, 8), add_unlinked(1, 8), add_unlinked(2, 8), add_linked(3, 8, 0, 0);
  can_run(3, 0, 0);
  struct p2p_schedule schedule = {.now_ms = NOW,
                                  .waiting = 1,
                                  .may_open = true,
                                  .links_min = 2,
                                  .workers = workers,
                                  .length = 4};
  p2p_schedule_decide(&schedule, steps);
  CHECK(steps[0].open && steps[1].open && !steps[2].open);
  workers[0].link = workers[1].link = P2P_SCHEDULE_OPENING;
  workers[0].since_ms = workers[1].since_ms = NOW;
  p2p_schedule_decide(&schedule, steps);
  CHECK(!steps[2].open);
  schedule.links_min = 3;
  p2p_schedule_decide(&schedule, steps);
  CHECK(steps[2].open);
  schedule.waiting = 0;
  p2p_schedule_decide(&schedule, steps);
  CHECK(!steps[2].open);
}

UNIT_MAIN("schedule", UNIT(without_tasks_nothing_is_done),
          UNIT(links_are_opened_until_there_are_enough_slots),
          UNIT(links_to_workers_with_free_slots_are_opened_first),
          UNIT(a_worker_that_was_never_linked_is_expected_to_have_one_slot),
          UNIT(few_links_to_workers_that_were_never_linked_are_opened_at_once),
          UNIT(claims_of_one_user_do_not_keep_a_client_from_those_of_others),
          UNIT(no_link_is_opened_while_disconnected_or_backing_off),
          UNIT(an_opening_link_counts_as_available_soon_for_a_while),
          UNIT(a_task_starts_at_once_on_an_idle_slot_without_further_frames),
          UNIT(tasks_go_to_the_least_loaded_workers),
          UNIT(slots_are_requested_until_the_tasks_run_elsewhere),
          UNIT(an_unanswered_request_does_not_block_other_workers),
          UNIT(the_limit_counts_busy_slots_of_all_workers),
          UNIT(recalled_slots_are_returned_when_they_become_idle),
          UNIT(a_cool_slot_is_no_longer_requested),
          UNIT(cold_slots_are_returned_and_no_longer_requested),
          UNIT(a_link_without_slots_is_closed_after_ten_minutes),
          UNIT(a_task_goes_only_to_workers_that_can_run_it),
          UNIT(a_worker_gets_no_more_tasks_than_it_can_run),
          UNIT(a_worker_with_unknown_packages_may_grant_slots_but_starts_nothing),
          UNIT(slots_of_a_worker_that_can_run_no_waiting_task_are_returned),
          UNIT(a_search_for_packages_opens_more_links_at_once))
