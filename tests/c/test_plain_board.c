/* Clusters on a board that does not say whose a device is, such as pico.sh: ours, which remembers
 * no device keys. */
#include "enrolled_fixture.h"

#include "keys/invitation.h"
#include "server/attested_keys.h"

/* In place of server/attested_keys.c: `attest` does not print what it should, `attested` fails. */
int p2p_attested_keys_add(struct p2p_attested_keys *keys, struct p2p_attested_keys **all,
                          const uint8_t key[static P2P_ATTESTED_KEY_LEN]) {
  (void)keys;
  (void)all;
  (void)key;
  return P2P_ERR_TOO_LARGE;
}

void p2p_attested_keys_clear(struct p2p_attested_keys *keys) { (void)keys; }

int p2p_attested_keys_list_users(const struct p2p_attested_keys *all,
                                 const uint8_t key[static P2P_ATTESTED_KEY_LEN],
                                 struct p2p_buf *out) {
  (void)all;
  (void)key;
  (void)out;
  return P2P_ERR_INVALID;
}

static struct p2p_device device_of(int folder) {
  struct p2p_device device;
  struct p2p_err err;
  CHECK(p2p_device_load(folders[folder], &device, &err) == P2P_OK);
  return device;
}

/* Whether a message has the fingerprint of this device. */
static bool names_device(const char *message, int folder) {
  const struct p2p_device device = device_of(folder);
  char fingerprint[P2P_FINGERPRINT_MAX];
  p2p_fingerprint(&device.public_key, fingerprint);
  return strstr(message, fingerprint) != NULL;
}

/* The host also logs who arrives and leaves. */
static bool next_warning(struct p2p_log_queue *log, struct p2p_log_line *out) {
  do
    if (!p2p_log_queue_next(log, SITE_WAIT_MS, out)) return false;
  while (out->level != P2P_LOG_WARN);
  return true;
}

static void approve(const char *user, int folder) {
  const struct p2p_key_place place = {folders[ALICE], board, "alice/friends", "alice"};
  const struct p2p_device owner = device_of(ALICE), device = device_of(folder);
  char fingerprint[P2P_FINGERPRINT_MAX];
  struct p2p_err err;
  p2p_fingerprint(&device.public_key, fingerprint);
  CHECK(p2p_ownership_approve(&place, &owner, user, fingerprint, &err) == P2P_OK);
}

TEST(the_first_device_of_a_listed_user_gets_the_key_and_others_must_be_approved) {
  static const char refusal[] = "'bob' uses the cluster 'alice/friends' from another device than "
                                "this one, SHA256:";
  struct hosting hosting;
  struct participant bob, carol, second;
  struct p2p_log_line warning = {0};
  host_with(&hosting, folders[ALICE], false);
  join_with(&bob, "bob", "alice/friends", BOB);
  CHECK(logs_on(queue, "got the key of cluster 'alice/friends' from its owner's device SHA256:"));
  CHECK(logs_on(hosting.log, "gave the key of cluster 'alice/friends' to 'bob', device SHA256:"));
  join_with(&carol, "carol", "alice/friends", CAROL);
  check_hear_each_other(&bob, &carol);
  CHECK(logs_on(hosting.log, "to 'carol', device"));

  member_with(&second, "bob", "alice/friends", OTHER);
  expect_failed(&second, P2P_ERR_ACCESS, refusal);
  CHECK_STR(second.err.reason, "enrol_device");
  CHECK(names_device(second.err.message, OTHER));
  CHECK(next_warning(hosting.log, &warning) && names_device(warning.text, OTHER));
  CHECK(strstr(warning.text, "did not give the key of cluster 'alice/friends' to 'bob', device"));
  CHECK_STR(warning.reason, "approve_device");

  approve("bob", OTHER);
  join_with(&second, "bob", "alice/friends", OTHER);
  check_hear_each_other(&second, &carol);
  stop(&second);
  stop(&bob);
  join_with(&bob, "bob", "alice/friends", BOB); /* the first one as well */
  check_hear_each_other(&bob, &carol);
  stop(&carol);
  stop(&bob);
  host_stop(&hosting);
}

static void keep_invitation(int folder, const struct p2p_invitation *invitation) {
  const struct p2p_key_place place = {folders[folder], board, "alice/friends", NULL};
  struct p2p_membership membership = {.is_invited = true};
  struct p2p_err err;
  membership.grant.owner = invitation->owner;
  membership.invitation = invitation->secret_key;
  CHECK(p2p_membership_keep(&place, &membership, &err) == P2P_OK);
}

TEST(an_invitation_lets_one_further_device_in) {
  const struct p2p_key_place place = {folders[ALICE], board, "alice/friends", "alice"};
  struct hosting hosting;
  struct participant bob, second, third;
  struct p2p_invitation invitation;
  struct p2p_err err;
  forget();
  host_with(&hosting, folders[ALICE], false);
  const struct p2p_device owner = device_of(ALICE);
  CHECK(p2p_ownership_invite(&place, &owner, "bob", &invitation, &err) == P2P_OK);
  keep_invitation(OTHER, &invitation);
  keep_invitation(CAROL, &invitation); /* stolen */
  join_with(&bob, "bob", "alice/friends", BOB);
  join_with(&second, "bob", "alice/friends", OTHER);
  check_hear_each_other(&bob, &second);
  member_with(&third, "bob", "alice/friends", CAROL);
  expect_failed(&third, P2P_ERR_ACCESS, "the invitation of 'bob' to the cluster 'alice/friends'");
  CHECK_STR(third.err.reason, "invitation_used");
  CHECK(names_device(third.err.message, CAROL));
  stop(&second);
  stop(&bob);
  host_stop(&hosting);
}

TEST(the_owner_has_one_device_too) {
  struct hosting hosting;
  struct participant alice;
  forget();
  host_with(&hosting, folders[ALICE], false);
  join_with(&alice, "alice", "alice/friends", ALICE);
  stop(&alice);
  member_with(&alice, "alice", "alice/friends", OTHER);
  expect_failed(&alice, P2P_ERR_ACCESS, "'alice' uses the cluster 'alice/friends' from another");
  CHECK_STR(alice.err.reason, "enrol_device");
  host_stop(&hosting);
}

UNIT_MAIN("plain_board", UNIT(a_board_opens), UNIT(devices_have_folders),
          UNIT(the_first_device_of_a_listed_user_gets_the_key_and_others_must_be_approved),
          UNIT(an_invitation_lets_one_further_device_in), UNIT(the_owner_has_one_device_too),
          UNIT(the_devices_are_gone), UNIT(the_board_closes))
