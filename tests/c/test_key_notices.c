/* Members of one cluster that do not share its key: each says so once, and none gives up its key.
 */
#include "enrolled_fixture.h"

#include "base/clock.h"
#include "board/key_notices.h"

/* How often `log` has the text, of what was written so far. */
static int count_said(struct p2p_log_queue *log, const char *text) {
  struct p2p_log_line event;
  int n = 0;
  while (p2p_log_queue_next(log, 0, &event)) n += strstr(event.text, text) != NULL;
  return n;
}

/* A note that somebody else hears is also read by all others. */
static void exchange(struct participant *from, struct participant *to) {
  int heard = to->heard;
  say(from, "note");
  CHECK(site_wait(&gate, &to->heard, heard + 1));
}

static void say_hello(void *arg) {
  struct participant *participant = arg;
  CHECK(p2p_member_send_hello(participant->member) == P2P_OK);
}

static void hello_again(struct participant *participant) {
  CHECK(p2p_loop_call(loop, say_hello, participant) == P2P_OK);
}

TEST(who_has_the_key_of_a_cluster_without_one_is_told_and_keeps_it) {
  static const char sentence[] = "the cluster 'alice/friends' is hosted without a key now, while "
                                 "this device has one";
  struct hosting hosting;
  struct participant bob, carol, older;
  host_with(&hosting, folders[ALICE], false);
  join_with(&bob, "bob", "alice/friends", BOB);
  join_with(&carol, "carol", "alice/friends", CAROL);
  stop(&carol);
  stop(&bob);
  host_stop(&hosting);

  host_with(&hosting, folders[ALICE], true);
  join_with(&bob, "bob", "alice/friends", BOB);
  CHECK(logs_on(queue, sentence));
  CHECK(logs_on(hosting.log, "members of the cluster 'alice/friends' use its key, and see nobody"));
  start(&older, "carol", "alice/friends", P2P_ROLE_WORKER);
  expect_joined(&older);
  join_with(&carol, "carol", "alice/friends", CAROL); /* hears the host as well */
  CHECK(logs_on(queue, sentence));
  hello_again(&older);
  exchange(&bob, &carol);
  CHECK(credentials_of(&bob) != NULL && credentials_of(&carol) != NULL);
  CHECK_STR(older.notes, "");
  CHECK(count_said(queue, "without") == 0);
  CHECK(count_said(hosting.log, "see nobody") == 0);
  stop(&carol);
  stop(&older);
  stop(&bob);
  host_stop(&hosting);
}

TEST(who_has_no_key_in_a_cluster_with_one_is_told_and_named_to_the_others) {
  struct hosting hosting;
  struct participant bob, carol, older;
  struct p2p_log_queue *log = p2p_log_queue_new(10);
  forget();
  host_with(&hosting, folders[ALICE], false);
  join_with(&bob, "bob", "alice/friends", BOB);
  start(&older, "carol", "alice/friends", P2P_ROLE_WORKER);
  older.config.log = log;
  expect_joined(&older);
  CHECK(logs_on(queue, "is on the cluster 'alice/friends' without its key, and is ignored"));
  CHECK(logs_on(hosting.log, "is on the cluster 'alice/friends' without its key, and is ignored"));
  join_with(&carol, "carol", "alice/friends", CAROL);
  exchange(&carol, &bob);
  CHECK(logs_on(log, "members of the cluster 'alice/friends' use a key, and this device does not"));
  hello_again(&older);
  exchange(&carol, &bob);
  CHECK(count_said(hosting.log, "ignored") == 0);
  stop(&carol);
  stop(&older);
  stop(&bob);
  host_stop(&hosting);
  p2p_log_queue_unref(log);
}

/* In between, a program of an older version hosts, which has no keys. */
TEST(who_has_missed_a_new_key_is_told_and_gets_it_when_the_host_is_back) {
  struct hosting hosting;
  struct participant alice, bob, carol;
  struct p2p_device device;
  struct p2p_err err;
  size_t n;
  forget();
  host_with(&hosting, folders[ALICE], false);
  join_with(&alice, "alice", "alice/friends", OTHER);
  stop(&alice);
  join_with(&carol, "carol", "alice/friends", CAROL);
  stop(&carol);
  join_with(&bob, "bob", "alice/friends", BOB);
  CHECK(p2p_device_load(folders[ALICE], &device, &err) == P2P_OK);
  const struct p2p_key_place place = {folders[ALICE], board, "alice/friends", "alice"};
  CHECK(p2p_ownership_expel(&place, &device, "carol", &n, &err) == P2P_OK && n == 1);
  for (int i = 0; i < 4; i++) CHECK(logs_on(queue, "got the key of cluster 'alice/friends'"));
  CHECK(credentials_of(&bob)->key.epoch == 2);
  host_stop(&hosting);

  struct p2p_log_queue *log = p2p_log_queue_new(10);
  host_with(&hosting, NULL, false);
  member_with(&alice, "alice", "alice/friends", OTHER);
  alice.config.log = log;
  expect_joined(&alice);
  hello_again(&bob);
  CHECK(logs_on(log,
                "other members of the cluster 'alice/friends' use another key than this device"));
  CHECK(credentials_of(&alice)->key.epoch == 1);
  hello_again(&bob);
  host_stop(&hosting);
  host_with(&hosting, folders[ALICE], false);
  CHECK(logs_on(log, "got the key of cluster 'alice/friends'"));
  check_hear_each_other(&alice, &bob);
  CHECK(credentials_of(&alice)->key.epoch == 2);
  CHECK(count_said(log, "another key") == 0);
  stop(&alice);
  stop(&bob);
  host_stop(&hosting);
  p2p_log_queue_unref(log);
}

/* An expelled member comes with the old key again and again: those with the new one say nothing. */
TEST(who_has_the_key_of_the_host_does_not_doubt_it) {
  struct hosting hosting;
  struct participant bob, carol;
  struct p2p_device device;
  struct p2p_err err;
  size_t n;
  forget();
  host_with(&hosting, folders[ALICE], false);
  join_with(&carol, "carol", "alice/friends", CAROL);
  stop(&carol);
  CHECK(p2p_device_load(folders[ALICE], &device, &err) == P2P_OK);
  const struct p2p_key_place place = {folders[ALICE], board, "alice/friends", "alice"};
  CHECK(p2p_ownership_expel(&place, &device, "carol", &n, &err) == P2P_OK && n == 1);
  CHECK(logs_on(hosting.log, "cluster 'alice/friends' has a new key"));
  join_with(&bob, "bob", "alice/friends", BOB);
  uint64_t end_ms = p2p_clock_ms() + P2P_KEY_NOTICE_MS + 500;
  do {
    member_with(&carol, "carol", "alice/friends", CAROL);
    go(&carol);
    CHECK(site_wait(&gate, &carol.failed, 1));
    stop(&carol);
  } while (p2p_clock_ms() < end_ms);
  CHECK(count_said(queue, "use another key") == 0);
  stop(&bob);
  host_stop(&hosting);
}

UNIT_MAIN("key_notices", UNIT(a_board_opens), UNIT(devices_have_folders),
          UNIT(who_has_the_key_of_a_cluster_without_one_is_told_and_keeps_it),
          UNIT(who_has_no_key_in_a_cluster_with_one_is_told_and_named_to_the_others),
          UNIT(who_has_missed_a_new_key_is_told_and_gets_it_when_the_host_is_back),
          UNIT(who_has_the_key_of_the_host_does_not_doubt_it), UNIT(the_devices_are_gone),
          UNIT(the_board_closes))
