/* What a worker reports about its load: which slots count, and when a change is sent. */
#include "worker/load_report.h"

#include "unit.h"

static struct p2p_load_report report;
static uint64_t due_ms;

/* Sent to a client that wants `want` slots and holds one. */
static bool is_due(uint32_t want, const struct p2p_load *load, uint64_t now_ms) {
  struct p2p_slots_client client = {.present = true, .want = want, .held = 1};
  due_ms = P2P_SLOTS_NEVER;
  return p2p_load_report_is_due(&report, load, &client, now_ms, &due_ms);
}

TEST(slots_with_a_task_are_busy_and_those_that_are_wanted_wait) {
  struct p2p_load load = {0};
  struct p2p_slots_client bob = {.present = true, .want = 5, .held = 3, .busy = 2};
  struct p2p_slots_client carol = {.present = true, .want = 0, .held = 1};
  struct p2p_slots_client absent = {.want = 9, .held = 9, .busy = 9};
  p2p_load_report_add(&load, &carol, "carol"); /* it keeps an idle slot */
  CHECK(load.busy == 0 && load.waiting == 0 && load.users[0] == '\0');
  p2p_load_report_add(&load, &bob, "bob");
  p2p_load_report_add(&load, &absent, "dave");
  CHECK(load.busy == 2 && load.waiting == 2);
  CHECK_STR(load.users, "bob");
  carol.busy = 1;
  carol.want = UINT32_MAX;
  p2p_load_report_add(&load, &carol, "carol");
  p2p_load_report_add(&load, &carol, "carol");
  CHECK(load.busy == 4 && load.waiting == P2P_LOAD_WAITING_MAX);
  CHECK_STR(load.users, "bob;carol");
}

TEST(a_change_is_sent_at_most_once_a_second_to_a_client_that_waits) {
  struct p2p_load one = {.busy = 1}, two = {.busy = 2}, none = {0};
  report = (struct p2p_load_report){0};
  CHECK(!is_due(2, &none, 5000) && due_ms == P2P_SLOTS_NEVER);
  CHECK(is_due(2, &one, 5000));
  CHECK(!is_due(2, &one, 5001) && due_ms == P2P_SLOTS_NEVER);
  CHECK(!is_due(2, &two, 5999) && due_ms == 6000);
  CHECK(!is_due(2, &one, 5999) && due_ms == P2P_SLOTS_NEVER); /* as it was */
  CHECK(is_due(2, &two, 6000));
  CHECK(is_due(2, &none, 7000));
}

TEST(other_clients_wait_longer_for_a_change) {
  struct p2p_load one = {.busy = 1}, two = {.busy = 2};
  report = (struct p2p_load_report){0};
  CHECK(is_due(1, &one, 5000));
  CHECK(!is_due(1, &two, 9999) && due_ms == 10000);
  CHECK(is_due(1, &two, 10000));
  CHECK(!is_due(1, &one, 10500));
  CHECK(!is_due(2, &one, 10999) && due_ms == 11000); /* it wants more now */
  CHECK(is_due(2, &one, 11000));
}

UNIT_MAIN("load_report", UNIT(slots_with_a_task_are_busy_and_those_that_are_wanted_wait),
          UNIT(a_change_is_sent_at_most_once_a_second_to_a_client_that_waits),
          UNIT(other_clients_wait_longer_for_a_change))
