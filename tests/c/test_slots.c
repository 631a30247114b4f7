/* Slots: shared fairly between clients, kept by a client that is alone, never granted twice. */
#include "unit.h"

#include "worker/slots.h"

static struct p2p_slots slots;
static uint64_t now = 1000;

static size_t client(uint32_t want) {
  int added = p2p_slots_add(&slots);
  CHECK(added >= 0);
  p2p_slots_want(&slots, (size_t)added, want);
  return (size_t)added;
}
static void begin(uint32_t available) {
  p2p_slots_init(&slots);
  p2p_slots_set_available(&slots, available);
}

/* Runs all steps that are due and returns them as text: "+0" grants to client 0, "-1" recalls from
 * client 1, "-1:2" recalls two, "!0" evicts client 0. */
static const char *steps(void) {
  static char text[1024];
  struct p2p_slots_step step;
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < 100 && p2p_slots_next(&slots, now, &step); i++) {
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%c%d", used > 0 ? " " : "",
                             "+-!"[step.op], (int)step.client);
    if (step.count > 1)
      used += (size_t)snprintf(text + used, sizeof text - used, ":%u", step.count);
  }
  return text;
}

TEST(client_that_is_alone_gets_what_it_wants) {
  begin(3);
  CHECK_STR(steps(), "");
  CHECK(!p2p_slots_are_wanted(&slots));
  size_t a = client(2);
  CHECK(p2p_slots_are_wanted(&slots));
  CHECK_STR(steps(), "+0 +0");
  p2p_slots_want(&slots, a, UINT32_MAX);
  CHECK_STR(steps(), "+0");
  CHECK(p2p_slots_deadline(&slots, now) == P2P_SLOTS_NEVER);
}

TEST(task_needs_a_slot) {
  begin(1);
  size_t a = client(1), b = client(1);
  CHECK(!p2p_slots_start_task(&slots, a, now));
  CHECK_STR(steps(), "+0");
  CHECK(p2p_slots_start_task(&slots, a, now));
  CHECK(!p2p_slots_start_task(&slots, a, now));
  CHECK(!p2p_slots_start_task(&slots, b, now));
}

TEST(only_idle_slots_are_returned) {
  begin(2);
  size_t a = client(2);
  CHECK(!p2p_slots_return(&slots, a, 1));
  steps();
  CHECK(p2p_slots_start_task(&slots, a, now));
  CHECK(!p2p_slots_return(&slots, a, 2));
  CHECK(!p2p_slots_return(&slots, a, UINT32_MAX));
  CHECK(p2p_slots_return(&slots, a, 1));
  p2p_slots_end_task(&slots, a, now);
  CHECK(p2p_slots_return(&slots, a, 1));
  CHECK(slots.clients[a].held == 0 && slots.clients[a].fresh == 0);
}

TEST(slots_are_granted_in_turns) {
  begin(5);
  client(9);
  client(9);
  client(1);
  CHECK_STR(steps(), "+0 +1 +2 +0 +1");
}

TEST(idle_slots_are_kept_until_another_wants_one) {
  begin(2);
  size_t a = client(2);
  steps();
  CHECK(p2p_slots_start_task(&slots, a, now));
  p2p_slots_end_task(&slots, a, now);
  CHECK(p2p_slots_start_task(&slots, a, now));
  p2p_slots_end_task(&slots, a, now);
  p2p_slots_want(&slots, a, 0);
  now += P2P_SLOTS_FRESH_MS;
  CHECK_STR(steps(), "");
  client(1);
  CHECK_STR(steps(), "-0");
  CHECK(p2p_slots_return(&slots, a, 1));
  CHECK_STR(steps(), "+1");
}

TEST(busy_clients_share_one_slot_in_turns) {
  begin(1);
  size_t a = client(10);
  CHECK_STR(steps(), "+0");
  CHECK(p2p_slots_start_task(&slots, a, now));
  size_t b = client(10);
  CHECK_STR(steps(), "-0");
  p2p_slots_end_task(&slots, a, now);
  CHECK(p2p_slots_return(&slots, a, 1));
  CHECK_STR(steps(), "+1"); /* and not recalled before it could be used */
  CHECK(p2p_slots_deadline(&slots, now) == now + P2P_SLOTS_FRESH_MS);
  CHECK(p2p_slots_start_task(&slots, b, now));
  CHECK_STR(steps(), "-1");
  p2p_slots_end_task(&slots, b, now);
  CHECK(p2p_slots_return(&slots, b, 1));
  CHECK_STR(steps(), "+0");
}

TEST(unused_slot_is_recalled_after_a_while) {
  begin(1);
  client(1);
  CHECK_STR(steps(), "+0");
  p2p_slots_want(&slots, 0, 0); /* it has no more work */
  client(1);
  CHECK_STR(steps(), "");
  now = p2p_slots_deadline(&slots, now);
  CHECK_STR(steps(), "-0");
}

TEST(even_shares_are_stable) {
  begin(4);
  size_t a = client(100);
  steps();
  for (int i = 0; i < 4; i++) CHECK(p2p_slots_start_task(&slots, a, now));
  client(100);
  CHECK_STR(steps(), "-0 -0");
  for (int i = 0; i < 2; i++) {
    p2p_slots_end_task(&slots, a, now);
    CHECK(p2p_slots_return(&slots, a, 1));
  }
  CHECK_STR(steps(), "+1 +1");
  now += P2P_SLOTS_FRESH_MS;
  CHECK_STR(steps(), "");
}

TEST(client_that_keeps_a_slot_idle_is_evicted) {
  begin(1);
  size_t a = client(5);
  steps();
  size_t b = client(1);
  now += P2P_SLOTS_FRESH_MS;
  CHECK_STR(steps(), "-0");
  now = p2p_slots_deadline(&slots, now);
  CHECK_STR(steps(), "!0 +1");
  CHECK(!slots.clients[a].present && slots.clients[b].held == 1);
}

/* Its other slot stays in use: the end of a task does not put the eviction off. */
TEST(client_that_keeps_a_recalled_slot_idle_is_evicted) {
  begin(2);
  size_t a = client(5);
  steps();
  CHECK(p2p_slots_start_task(&slots, a, now));
  client(1);
  now += P2P_SLOTS_FRESH_MS;
  CHECK_STR(steps(), "-0");
  uint64_t evicted_ms = now + P2P_SLOTS_OVERDUE_MS;
  while (slots.clients[a].present && now < 2 * evicted_ms) {
    now += 1000;
    p2p_slots_end_task(&slots, a, now);
    CHECK_STR(steps(), now < evicted_ms ? "" : "!0 +1");
    if (slots.clients[a].present) CHECK(p2p_slots_start_task(&slots, a, now));
  }
  CHECK(now == evicted_ms);
}

TEST(recalled_slot_takes_no_new_task) {
  begin(2);
  size_t a = client(5);
  steps();
  for (int i = 0; i < 2; i++) CHECK(p2p_slots_start_task(&slots, a, now));
  client(1);
  CHECK_STR(steps(), "-0");
  p2p_slots_end_task(&slots, a, now);
  CHECK(p2p_slots_start_task(&slots, a, now)); /* it may have crossed the RECALL */
  now += P2P_SLOTS_OVERDUE_MS;
  CHECK_STR(steps(), "");
  p2p_slots_end_task(&slots, a, now);
  CHECK(!p2p_slots_start_task(&slots, a, now));
  p2p_slots_end_task(&slots, a, now);
  CHECK(p2p_slots_start_task(&slots, a, now)); /* one of two idle slots is not recalled */
  CHECK(p2p_slots_return(&slots, a, 1));
  CHECK_STR(steps(), "+1");
}

TEST(client_with_a_running_task_is_not_evicted) {
  begin(1);
  size_t a = client(5);
  steps();
  CHECK(p2p_slots_start_task(&slots, a, now));
  client(1);
  CHECK_STR(steps(), "-0");
  now += 100 * P2P_SLOTS_OVERDUE_MS;
  CHECK_STR(steps(), "");
  CHECK(p2p_slots_deadline(&slots, now) == P2P_SLOTS_NEVER);
}

TEST(lost_client_frees_its_slots) {
  begin(2);
  size_t a = client(2);
  steps();
  CHECK(p2p_slots_start_task(&slots, a, now));
  client(2);
  CHECK_STR(steps(), "-0");
  p2p_slots_remove(&slots, a);
  p2p_slots_set_available(&slots, 1); /* the other evaluator is being interrupted */
  CHECK_STR(steps(), "+1");
  p2p_slots_set_available(&slots, 2);
  CHECK_STR(steps(), "+1");
}

TEST(only_available_slots_are_granted) {
  begin(2);
  client(2);
  steps();
  p2p_slots_set_available(&slots, 0);
  client(2);
  now += P2P_SLOTS_FRESH_MS;
  for (int i = 0; i < 2; i++) {
    CHECK_STR(steps(), "-0");
    CHECK(p2p_slots_return(&slots, 0, 1));
  }
  CHECK_STR(steps(), "");
  p2p_slots_set_available(&slots, 2);
  CHECK_STR(steps(), "+1 +0");
}

TEST(close_recalls_all_slots) {
  begin(3);
  client(3);
  CHECK_STR(steps(), "+0 +0 +0");
  p2p_slots_close(&slots, now);
  CHECK_STR(steps(), "-0:3");
  CHECK(p2p_slots_return(&slots, 0, 3));
  CHECK_STR(steps(), "");
  CHECK(p2p_slots_deadline(&slots, now) == P2P_SLOTS_NEVER);
}

TEST(client_that_keeps_slots_after_close_is_evicted) {
  begin(1);
  client(1);
  CHECK_STR(steps(), "+0");
  p2p_slots_close(&slots, now);
  CHECK_STR(steps(), "-0");
  CHECK(p2p_slots_deadline(&slots, now) == now + P2P_SLOTS_OVERDUE_MS);
  now += P2P_SLOTS_OVERDUE_MS;
  CHECK_STR(steps(), "!0");
  CHECK(p2p_slots_held(&slots) == 0);
}

TEST(number_of_clients_is_bounded) {
  begin(1);
  for (int i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) CHECK(p2p_slots_add(&slots) == i);
  CHECK(p2p_slots_add(&slots) == -1);
  p2p_slots_remove(&slots, 7);
  CHECK(p2p_slots_add(&slots) == 7);
}

/* Three busy clients with tasks of different lengths, on 1 to 7 slots: each gets its share over
 * time.
 */
TEST(shares_are_fair_over_time) {
  for (uint32_t available = 1; available <= 7; available++) {
    uint64_t used[3] = {0};
    struct p2p_slots_step step;
    begin(available);
    uint32_t left[3][8] = {{0}};
    for (int i = 0; i < 3; i++) client(1000);
    for (int tick = 0; tick < 6000; tick++, now += 10) {
      uint32_t held = 0;
      for (size_t c = 0; c < 3; c++)
        for (size_t k = 0; k < 8; k++)
          if (left[c][k] > 0 && --left[c][k] == 0) p2p_slots_end_task(&slots, c, now);
      for (size_t c = 0; c < 3; c++) {
        struct p2p_slots_client *one = &slots.clients[c];
        while (one->recalled > 0 && one->held > one->busy) CHECK(p2p_slots_return(&slots, c, 1));
      }
      while (p2p_slots_next(&slots, now, &step)) CHECK(step.op != P2P_SLOTS_EVICT);
      for (size_t c = 0; c < 3; c++) {
        for (size_t k = 0; k < 8; k++)
          if (left[c][k] == 0 && p2p_slots_start_task(&slots, c, now))
            left[c][k] = 3 + (uint32_t)(tick * 7 + (int)k) % 5;
        used[c] += slots.clients[c].busy;
        held += slots.clients[c].held;
      }
      CHECK(held <= available);
    }
    uint64_t share = 6000 * available / 3;
    for (int c = 0; c < 3; c++) CHECK(used[c] > share * 85 / 100 && used[c] < share * 115 / 100);
  }
}

static size_t client_of(const char *user, uint32_t want) {
  size_t added = client(want);
  p2p_slots_set_user(&slots, added, user);
  return added;
}

/* Returns the idle slots that were recalled from them. */
static void return_recalled(void) {
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) {
    const struct p2p_slots_client *c = &slots.clients[i];
    if (c->present && c->recalled > 0) CHECK(p2p_slots_return(&slots, i, c->recalled));
  }
}

/* Among themselves, they go on taking turns. */
TEST(clients_of_one_user_share_what_one_client_would_get) {
  begin(4);
  for (int i = 0; i < 8; i++) client_of("mallory", 4);
  CHECK_STR(steps(), "+0 +1 +2 +3");
  size_t bob = client_of("bob", 4);
  now += P2P_SLOTS_FRESH_MS;
  CHECK_STR(steps(), "-0 -1");
  for (int i = 0; i < 20; i++) {
    return_recalled();
    steps();
    now += P2P_SLOTS_FRESH_MS;
    steps();
    CHECK(slots.clients[bob].held == 2 && slots.clients[bob].recalled == 0);
  }
  CHECK(p2p_slots_held(&slots) == 4);
  CHECK(p2p_slots_crowd(&slots, 0) == 8 && p2p_slots_crowd(&slots, bob) == 1);
}

TEST(users_take_turns_with_one_slot) {
  begin(1);
  for (int i = 0; i < 20; i++) client_of("mallory", 1);
  size_t bob = client_of("bob", 1);
  CHECK_STR(steps(), "+0");
  for (int i = 0; i < 3; i++) {
    CHECK(p2p_slots_return(&slots, (size_t)i, 1));
    CHECK_STR(steps(), "+20");
    CHECK(p2p_slots_return(&slots, bob, 1));
    now++;
    const char *expected[] = {"+1", "+2", "+3"};
    CHECK_STR(steps(), expected[i]);
  }
}

TEST(a_user_who_returns_is_not_taken_for_another) {
  begin(2);
  size_t a = client_of("alice", 1), b = client_of("alice", 1), c = client_of("bob", 1);
  p2p_slots_remove(&slots, a);
  size_t d = client(1); /* takes the place of a */
  CHECK(d == a && p2p_slots_crowd(&slots, d) == 1 && p2p_slots_crowd(&slots, b) == 1);
  p2p_slots_set_user(&slots, d, "bob");
  CHECK(p2p_slots_crowd(&slots, c) == 2 && p2p_slots_crowd(&slots, b) == 1);
}

TEST(barred_client_gives_its_slots_back_and_gets_none) {
  begin(2);
  size_t a = client(2), b = client(1);
  CHECK_STR(steps(), "+0 +1");
  CHECK(p2p_slots_start_task(&slots, a, now));
  p2p_slots_bar(&slots, a, true, now);
  CHECK_STR(steps(), "-0");
  p2p_slots_end_task(&slots, a, now);
  CHECK(p2p_slots_return(&slots, a, 1));
  CHECK_STR(steps(), "");
  p2p_slots_want(&slots, b, 2);
  CHECK_STR(steps(), "+1"); /* nobody waits for it but b */
  CHECK(p2p_slots_return(&slots, b, 1));
  p2p_slots_want(&slots, b, 1);
  p2p_slots_bar(&slots, a, false, now);
  CHECK_STR(steps(), "+0");
}

TEST(barred_client_that_keeps_an_idle_slot_is_evicted) {
  begin(1);
  size_t a = client(1);
  CHECK_STR(steps(), "+0");
  p2p_slots_bar(&slots, a, true, now);
  CHECK_STR(steps(), "-0");
  CHECK(p2p_slots_deadline(&slots, now) == now + P2P_SLOTS_OVERDUE_MS);
  now += P2P_SLOTS_OVERDUE_MS;
  CHECK_STR(steps(), "!0");
}

TEST(user_gets_no_more_than_the_share) {
  begin(4);
  size_t a = client(3), b = client(3), c = client(1);
  p2p_slots_set_user(&slots, a, "bob");
  p2p_slots_set_user(&slots, b, "bob");
  CHECK_STR(steps(), "+0 +2 +1 +0");
  p2p_slots_set_share(&slots, 1);
  CHECK_STR(steps(), "-0:2");
  CHECK(p2p_slots_return(&slots, a, 2));
  CHECK_STR(steps(), "");
  p2p_slots_want(&slots, c, 4);
  CHECK_STR(steps(), "");
  p2p_slots_set_share(&slots, 0);
  CHECK_STR(steps(), "+2 +0");
}

UNIT_MAIN("slots", UNIT(barred_client_gives_its_slots_back_and_gets_none),
          UNIT(barred_client_that_keeps_an_idle_slot_is_evicted),
          UNIT(user_gets_no_more_than_the_share), UNIT(client_that_is_alone_gets_what_it_wants),
          UNIT(task_needs_a_slot), UNIT(only_idle_slots_are_returned),
          UNIT(slots_are_granted_in_turns), UNIT(idle_slots_are_kept_until_another_wants_one),
          UNIT(busy_clients_share_one_slot_in_turns), UNIT(unused_slot_is_recalled_after_a_while),
          UNIT(even_shares_are_stable), UNIT(client_that_keeps_a_slot_idle_is_evicted),
          UNIT(client_that_keeps_a_recalled_slot_idle_is_evicted),
          UNIT(recalled_slot_takes_no_new_task), UNIT(client_with_a_running_task_is_not_evicted),
          UNIT(lost_client_frees_its_slots), UNIT(only_available_slots_are_granted),
          UNIT(close_recalls_all_slots), UNIT(client_that_keeps_slots_after_close_is_evicted),
          UNIT(number_of_clients_is_bounded), UNIT(shares_are_fair_over_time),
          UNIT(clients_of_one_user_share_what_one_client_would_get),
          UNIT(users_take_turns_with_one_slot), UNIT(a_user_who_returns_is_not_taken_for_another))
