/* The policy of a worker's owner, with clocks and time zones of the test. */
#include "worker/policy.h"

#include <stdlib.h>

#include "unit.h"

static struct p2p_policy policy;
static struct p2p_policy_facts facts;
static struct p2p_policy_verdict verdict;

static void use_zone(const char *zone) {
  setenv("TZ", zone, 1);
  tzset();
}

/* A local time of 2026. */
static time_t at(int month, int day, int hour, int minute) {
  struct tm local = {.tm_year = 126,
                     .tm_mon = month - 1,
                     .tm_mday = day,
                     .tm_hour = hour,
                     .tm_min = minute,
                     .tm_isdst = -1};
  return mktime(&local);
}

static void open_from(int from, int to) {
  policy = (struct p2p_policy){.n_hours = 1};
  policy.hours[0] = (struct p2p_policy_hours){(uint16_t)from, (uint16_t)to};
}

static const char *decide(time_t now) {
  facts.now = now;
  p2p_policy_decide(&policy, &facts, &verdict);
  CHECK(verdict.state[0] == '\0' || p2p_load_state_is_valid(verdict.state));
  return verdict.state;
}

TEST(without_rules_it_lends_at_any_time) {
  policy = (struct p2p_policy){.n_hours = 0};
  facts = (struct p2p_policy_facts){.load = 1000, .on_battery = true};
  CHECK_STR(decide(at(6, 1, 12, 0)), "");
  CHECK(verdict.change_s == 0 && p2p_policy_allows(&policy, "bob"));
  CHECK(!p2p_policy_needs_facts(&policy) && !p2p_policy_needs_load(&policy));
}

TEST(hours_go_over_midnight) {
  use_zone("UTC0");
  open_from(22 * 60, 7 * 60);
  CHECK_STR(decide(at(6, 1, 21, 59)), "resting until 22:00");
  CHECK(verdict.change_s == 60);
  CHECK_STR(decide(at(6, 1, 22, 0)), "");
  CHECK(verdict.change_s == 9 * 3600);
  CHECK_STR(decide(at(6, 2, 0, 0)), "");
  CHECK_STR(decide(at(6, 2, 6, 59) + 59), "");
  CHECK(verdict.change_s == 1);
  CHECK_STR(decide(at(6, 2, 7, 0)), "resting until 22:00");
}

TEST(hours_may_be_several_and_meet) {
  use_zone("UTC0");
  policy = (struct p2p_policy){.n_hours = 3};
  policy.hours[0] = (struct p2p_policy_hours){22 * 60, 24 * 60};
  policy.hours[1] = (struct p2p_policy_hours){0, 7 * 60 + 30};
  policy.hours[2] = (struct p2p_policy_hours){12 * 60, 13 * 60};
  CHECK_STR(decide(at(6, 1, 23, 59)), "");
  CHECK(verdict.change_s == 7 * 3600 + 1860);
  CHECK_STR(decide(at(6, 1, 7, 30)), "resting until 12:00");
  CHECK_STR(decide(at(6, 1, 13, 0)), "resting until 22:00");
  open_from(0, 24 * 60);
  CHECK_STR(decide(at(6, 1, 13, 0)), "");
  CHECK(verdict.change_s == 0);
  open_from(60, 60); /* a whole day */
  CHECK_STR(decide(at(6, 1, 1, 0)), "");
}

/* In Berlin, 2026-03-29 has no 02:30, and 2026-10-25 has two. */
TEST(hours_are_local_when_the_clock_is_changed) {
  use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
  open_from(150, 240);
  CHECK_STR(decide(at(3, 29, 1, 59)), "resting until 03:00"); /* the first minute after 02:30 */
  CHECK(verdict.change_s == 60);
  CHECK_STR(decide(at(3, 29, 3, 0)), "");
  CHECK(verdict.change_s == 3600);
  time_t first = at(10, 25, 0, 0) + 2 * 3600 + 1800; /* 02:30 in summer time */
  CHECK_STR(decide(first), "");
  CHECK(verdict.change_s == 1800); /* to 02:00 again */
  CHECK_STR(decide(first + 1800), "resting until 02:30");
  CHECK_STR(decide(first + 3600), "");
  CHECK(verdict.change_s == 5400);
  open_from(22 * 60, 7 * 60);
  CHECK_STR(decide(at(10, 24, 22, 0)), "");
  CHECK(verdict.change_s == 10 * 3600);
  CHECK_STR(decide(at(3, 28, 22, 0)), "");
  CHECK(verdict.change_s == 8 * 3600);
}

TEST(zones_differ_by_less_than_hours_too) {
  use_zone("<+0545>-5:45");
  open_from(22 * 60, 7 * 60);
  CHECK_STR(decide(at(6, 1, 21, 59)), "resting until 22:00");
  CHECK(verdict.change_s == 60);
  use_zone("UTC0");
}

TEST(battery_use_and_load_make_it_rest) {
  policy = (struct p2p_policy){.spares_battery = true, .when_idle_s = 600, .max_load = 2};
  facts = (struct p2p_policy_facts){.on_battery = true, .knows_idle = true, .load = 3};
  CHECK(p2p_policy_needs_facts(&policy) && p2p_policy_needs_load(&policy));
  CHECK_STR(decide(1000), "resting on battery");
  facts.on_battery = false;
  facts.idle_s = 599;
  facts.quiet_s = 10000; /* does not count */
  CHECK_STR(decide(1000), "resting while somebody uses it");
  facts.idle_s = 600;
  CHECK_STR(decide(1000), "resting under load");
  facts.load = 2;
  CHECK_STR(decide(1000), "");
  facts.knows_idle = false;
  CHECK_STR(decide(1000), "");
  facts.quiet_s = 599;
  CHECK_STR(decide(1000), "resting while somebody uses it");
  facts = (struct p2p_policy_facts){.now = 0};
}

TEST(a_list_of_users_is_all_that_it_lends_to) {
  policy = (struct p2p_policy){.users = "bob;carol"};
  CHECK(p2p_policy_allows(&policy, "bob") && p2p_policy_allows(&policy, "carol"));
  CHECK(!p2p_policy_allows(&policy, "bo") && !p2p_policy_allows(&policy, "bob;carol") &&
        !p2p_policy_allows(&policy, ""));
}

TEST(own_load_is_averaged_as_the_system_does) {
  struct p2p_own_load own = {0};
  CHECK(p2p_own_load_update(&own, 4, 1000) < 0.001);
  double minute = p2p_own_load_update(&own, 4, 61000);
  CHECK(minute > 2.52 && minute < 2.54); /* 4 (1 - 1/e) */
  CHECK(p2p_own_load_update(&own, 0, 1000000) > 3.99);
  double after = p2p_own_load_update(&own, 0, 1060000);
  CHECK(after > 1.46 && after < 1.48); /* 4 / e */
}

TEST(idle_time_is_read_from_what_programs_print) {
  uint64_t idle_s = 7;
  CHECK(p2p_idle_read("61999\n", 1000, &idle_s) && idle_s == 61);
  CHECK(p2p_idle_read("IdleHint=no\nIdleSinceHint=0\n", 1000, &idle_s) && idle_s == 0);
  CHECK(p2p_idle_read("IdleHint=yes\nIdleSinceHint=400000000\n", 1000, &idle_s) && idle_s == 600);
  CHECK(p2p_idle_read("IdleSinceHint=2000000000\nIdleHint=yes\n", 1000, &idle_s) && idle_s == 0);
  idle_s = 7;
  CHECK(!p2p_idle_read("", 1000, &idle_s) && !p2p_idle_read("-5\n", 1000, &idle_s) &&
        !p2p_idle_read("5 days\n", 1000, &idle_s) &&
        !p2p_idle_read("IdleHint=yes\n", 1000, &idle_s) &&
        !p2p_idle_read("IdleHint=perhaps\nIdleSinceHint=1\n", 1000, &idle_s) &&
        !p2p_idle_read("IdleHint=yes\nIdleSinceHint=soon\n", 1000, &idle_s) && idle_s == 7);
}

UNIT_MAIN("policy", UNIT(without_rules_it_lends_at_any_time), UNIT(hours_go_over_midnight),
          UNIT(hours_may_be_several_and_meet), UNIT(hours_are_local_when_the_clock_is_changed),
          UNIT(zones_differ_by_less_than_hours_too), UNIT(battery_use_and_load_make_it_rest),
          UNIT(a_list_of_users_is_all_that_it_lends_to),
          UNIT(own_load_is_averaged_as_the_system_does),
          UNIT(idle_time_is_read_from_what_programs_print))
