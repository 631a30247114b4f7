/* Members that get the key of a cluster from its owner, or from each other. */
#include "enrolled_fixture.h"

/* ---- a hosted cluster ---- */

TEST(a_newcomer_gets_the_key_and_finds_it_in_its_file_later) {
  struct hosting hosting;
  struct participant bob, carol, listener;
  char kid[P2P_CLUSTER_KEY_ID_MAX];
  host_with(&hosting, folders[ALICE], false);
  start(&listener, "alice", "alice/friends", P2P_ROLE_CLIENT);
  expect_joined(&listener); /* without keys: reads the plain-text lines */
  join_with(&bob, "bob", "alice/friends", BOB);
  CHECK(logs_on(queue, "got the key of cluster 'alice/friends' from its owner's device SHA256:"));
  CHECK(logs_on(hosting.log, "this is its owner's device SHA256:"));
  CHECK(logs_on(hosting.log, "gave the key of cluster 'alice/friends' to 'bob', device SHA256:"));
  join_with(&carol, "carol", "alice/friends", CAROL);
  check_hear_each_other(&bob, &carol);
  CHECK(credentials_of(&bob) != NULL);
  snprintf(kid, sizeof kid, "%s", credentials_of(&bob)->key.id);
  CHECK_STR(credentials_of(&carol)->key.id, kid);
  CHECK_STR(credentials_of(&bob)->user, "bob");
  stop(&bob);
  join_with(&bob, "bob", "alice/friends", BOB);
  CHECK_STR(credentials_of(&bob)->key.id, kid);
  check_hear_each_other(&bob, &carol);
  CHECK_STR(listener.notes, "");
  CHECK_STR(listener.hellos, "");
  stop(&listener);
  stop(&carol);
  stop(&bob);
  host_stop(&hosting);
}

TEST(accounts_of_one_machine_share_its_device) {
  struct hosting hosting;
  struct participant alice, bob, carol;
  forget();
  host_with(&hosting, folders[ALICE], false);
  join_with(&bob, "bob", "alice/friends", ALICE);
  join_with(&carol, "carol", "alice/friends", ALICE);
  join_with(&alice, "alice", "alice/friends", ALICE);
  CHECK_STR(credentials_of(&alice)->user, "alice");
  CHECK_STR(credentials_of(&bob)->user, "bob");
  CHECK_STR(credentials_of(&carol)->user, "carol");
  check_hear_each_other(&alice, &bob);
  check_hear_each_other(&carol, &bob);
  stop(&carol);
  stop(&bob);
  stop(&alice);
  host_stop(&hosting);
}

static struct p2p_enrol forged;
static struct p2p_device forger;

static void write_forged(void *arg) {
  struct participant *participant = arg;
  struct p2p_line line;
  forged.from = *p2p_member_identity(participant->member);
  char *at = strchr(forged.from.name, '@');
  memmove(forged.from.name + 5, at, strlen(at) + 1);
  memcpy(forged.from.name, participant->note, 5);
  forged.device = forger.public_key;
  CHECK(p2p_enrol_write(&line, &forged, "alice/friends", &forger.secret_key, NULL, time(NULL)) ==
        P2P_OK);
  CHECK(p2p_member_send(participant->member, &line) == P2P_OK);
}

TEST(nobody_enrols_as_another_user) {
  struct hosting hosting;
  struct participant bob;
  struct p2p_err err;
  host_with(&hosting, folders[ALICE], false);
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  expect_joined(&bob);
  CHECK(p2p_device_load(folders[OTHER], &forger, &err) == P2P_OK);
  bob.note = "carol";
  CHECK(p2p_loop_call(loop, write_forged, &bob) == P2P_OK);
  CHECK(logs_on(hosting.log, "did not give the key of cluster 'alice/friends' to 'carol', device"));
  bob.note = "david";
  CHECK(p2p_loop_call(loop, write_forged, &bob) == P2P_OK);
  CHECK(logs_on(hosting.log, "to 'david', device"));
  stop(&bob);
  host_stop(&hosting);
}

TEST(a_cluster_without_a_key_is_joined_without_one) {
  struct hosting hosting;
  struct participant bob, carol;
  forget();
  host_with(&hosting, folders[ALICE], true);
  join_with(&bob, "bob", "alice/friends", BOB);
  CHECK(logs_on(queue, "the cluster 'alice/friends' has no key"));
  CHECK(credentials_of(&bob) == NULL);
  start(&carol, "carol", "alice/friends", P2P_ROLE_CLIENT);
  expect_joined(&carol);
  check_hear_each_other(&bob, &carol);
  stop(&carol);
  stop(&bob);
  host_stop(&hosting);
}

TEST(an_owner_that_says_nothing_is_an_error) {
  struct hosting hosting;
  struct participant bob;
  host_with(&hosting, NULL, false);
  member_with(&bob, "bob", "alice/friends", BOB);
  expect_failed(&bob, P2P_ERR_TIMEOUT, "did not give its key to this device");
  CHECK_STR(bob.err.reason, "not_enrolled");
  host_stop(&hosting);
}

/* ---- expelling ---- */

static struct p2p_sign_public expelled;
static int n_expelled;

static void on_expelled(void *arg, const struct p2p_sign_public *devices, size_t n) {
  (void)arg;
  CHECK(n == 1);
  expelled = devices[0];
  site_count(&gate, &n_expelled);
}

TEST(an_expelled_member_loses_the_key_and_the_others_get_a_new_one) {
  struct hosting hosting;
  struct participant bob, carol;
  struct p2p_device device;
  struct p2p_err err;
  size_t n;
  forget();
  host_with(&hosting, folders[ALICE], false);
  member_with(&bob, "bob", "alice/friends", BOB);
  bob.on_expelled = on_expelled;
  expect_joined(&bob);
  join_with(&carol, "carol", "alice/friends", CAROL);
  check_hear_each_other(&bob, &carol);
  CHECK(p2p_device_load(folders[ALICE], &device, &err) == P2P_OK);
  const struct p2p_key_place place = {folders[ALICE], board, "alice/friends", "alice"};
  CHECK(p2p_ownership_expel(&place, &device, "carol", &n, &err) == P2P_OK && n == 1);
  CHECK(site_wait(&gate, &carol.failed, 1));
  CHECK_STR(carol.err.reason, "enrol_expelled");
  CHECK(site_wait(&gate, &n_expelled, 1));
  CHECK(p2p_device_load(folders[CAROL], &device, &err) == P2P_OK);
  CHECK(memcmp(&expelled, &device.public_key, sizeof expelled) == 0);
  CHECK(logs_on(queue, "got the key of cluster 'alice/friends'")); /* bob's first one */
  CHECK(logs_on(queue, "got the key of cluster 'alice/friends'")); /* carol's */
  CHECK(logs_on(queue, "got the key of cluster 'alice/friends'"));
  CHECK(credentials_of(&bob)->key.epoch == 2);
  stop(&carol);
  member_with(&carol, "carol", "alice/friends", CAROL);
  go(&carol); /* its old key tells it nothing */
  CHECK(site_wait(&gate, &carol.failed, 1));
  CHECK_STR(carol.err.reason, "enrol_expelled");
  stop(&carol);
  CHECK(n_expelled == 1); /* although the host has told carol, and so bob once more */
  stop(&bob);
  host_stop(&hosting);
}

/* ---- a board that calls us by another name ---- */

TEST(the_owner_is_known_under_each_name) {
  struct hosting hosting;
  struct participant bob, carol;
  forget();
  host_with(&hosting, folders[ALICE], false);
  join_with(&bob, "bob", "alice/friends", BOB);
  stop(&bob);
  host_stop(&hosting);
  host_with(&hosting, folders[OTHER], false); /* another device says that it is the owner */
  member_with(&carol, "carol", "alice/friends", BOB);
  expect_failed(&carol, P2P_ERR_ACCESS, "another owner than the one that this device knows");
  join_with(&carol, "carol", "alice/friends", CAROL);
  stop(&carol);
  host_stop(&hosting);
}

TEST(a_new_account_begins_no_personal_cluster_by_itself) {
  struct participant bob, carol;
  forget();
  join_with(&bob, "bob", NULL, BOB);
  stop(&bob);
  member_with(&carol, "carol", NULL, BOB);
  expect_failed(&carol, P2P_ERR_ACCESS, "'carol', and this device knows 'bob' only");
  CHECK_STR(carol.err.reason, "other_account");
  join_with(&carol, "carol", "carol/personal", BOB);
  stop(&carol);
  join_with(&carol, "carol", NULL, BOB);
  stop(&carol);
  join_with(&bob, "bob", NULL, BOB);
  stop(&bob);
}

/* ---- personal clusters ---- */

TEST(the_devices_of_a_user_share_one_key) {
  struct participant first, second, third;
  forget();
  join_with(&first, "bob", NULL, BOB);
  CHECK(logs_on(queue, "made the key of cluster 'bob/personal'"));
  join_with(&second, "bob", NULL, OTHER);
  CHECK(logs_on(queue, "got the key of cluster 'bob/personal' from another of your devices"));
  check_hear_each_other(&first, &second);
  stop(&first);
  join_with(&third, "bob", NULL, CAROL); /* from one that did not make it */
  CHECK_STR(credentials_of(&third)->key.id, credentials_of(&second)->key.id);
  check_hear_each_other(&second, &third);
  stop(&third);
  stop(&second);
}

TEST(two_devices_that_begin_at_once_come_to_one_key) {
  struct participant first, second;
  forget();
  member_with(&first, "bob", NULL, BOB);
  member_with(&second, "bob", NULL, OTHER);
  go(&first);
  go(&second);
  CHECK(site_wait(&gate, &first.joined, 1) && site_wait(&gate, &second.joined, 1));
  CHECK_STR(credentials_of(&first)->key.id, credentials_of(&second)->key.id);
  check_hear_each_other(&first, &second);
  stop(&second);
  stop(&first);
}

TEST(keys_that_were_made_apart_become_one) {
  struct participant first, second;
  forget();
  join_with(&first, "bob", NULL, BOB);
  stop(&first);
  CHECK(logs_on(queue, "made the key of cluster 'bob/personal'"));
  join_with(&second, "bob", NULL, OTHER);
  CHECK(logs_on(queue, "made the key of cluster 'bob/personal'"));
  join_with(&first, "bob", NULL, BOB);
  CHECK(logs_on(queue, "got the key of cluster 'bob/personal' from another of your devices"));
  check_hear_each_other(&first, &second);
  stop(&second);
  stop(&first);
}

UNIT_MAIN("enrolled_members", UNIT(a_board_opens), UNIT(devices_have_folders),
          UNIT(a_newcomer_gets_the_key_and_finds_it_in_its_file_later),
          UNIT(accounts_of_one_machine_share_its_device), UNIT(nobody_enrols_as_another_user),
          UNIT(a_cluster_without_a_key_is_joined_without_one),
          UNIT(an_owner_that_says_nothing_is_an_error),
          UNIT(an_expelled_member_loses_the_key_and_the_others_get_a_new_one),
          UNIT(the_owner_is_known_under_each_name),
          UNIT(a_new_account_begins_no_personal_cluster_by_itself),
          UNIT(the_devices_of_a_user_share_one_key),
          UNIT(two_devices_that_begin_at_once_come_to_one_key),
          UNIT(keys_that_were_made_apart_become_one), UNIT(the_devices_are_gone),
          UNIT(the_board_closes))
