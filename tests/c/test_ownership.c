/* The owner's files of a cluster: its key, expelling, and changes by several processes at once. */
#include <stdbool.h>
#include <sys/wait.h>

#include "key_folder.h"
#include "keys/members_file.h"
#include "keys/ownership.h"
#include "protocol/certificate.h"

#define CLUSTER "alice/friends"
#define PLACE "board%3A22/alice/friends/"
#define WRITERS 8
#define CHANGES 25

static struct p2p_err err;
static struct p2p_device device;
static struct p2p_membership membership, before;
static struct p2p_members members;
static const struct p2p_key_place place = {key_folder, "board:22", CLUSTER, NULL};

static void begin(void) {
  key_folder_make();
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
}

static struct p2p_sign_public key(unsigned n) {
  struct p2p_sign_public out = {{(uint8_t)n, (uint8_t)(n >> 8), 1}};
  return out;
}

static int add_device(void *arg, struct p2p_members *all, struct p2p_err *error) {
  struct p2p_sign_public public_key = key(*(unsigned *)arg);
  (void)error;
  return p2p_members_add(all, "bob", &public_key, 1);
}

static void add(unsigned n) { CHECK(p2p_members_change(&place, add_device, &n, &err) == P2P_OK); }

static void check_certificate(void) {
  const struct p2p_certificate certificate = {CLUSTER, membership.grant.epoch,
                                              membership.grant.user, device.public_key};
  CHECK_STR(membership.grant.user, "alice");
  CHECK(memcmp(&membership.grant.owner, &device.public_key, sizeof device.public_key) == 0);
  CHECK(p2p_certificate_check(&certificate, &device.public_key, membership.grant.certificate));
}

TEST(the_first_opening_makes_the_key) {
  static const uint8_t none[32];
  begin();
  CHECK(membership.is_enrolled && membership.grant.epoch == 1);
  CHECK(memcmp(membership.grant.secret, none, sizeof none) != 0);
  check_certificate();
  before = membership;
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
  CHECK(memcmp(&before, &membership, sizeof before) == 0);
  CHECK(key_folder_mode(PLACE "members") == 0600 && key_folder_mode(PLACE "lock") == 0600);
  key_folder_remove();
}

TEST(the_owner_is_a_member_to_itself) {
  struct p2p_credentials credentials;
  struct p2p_badge badge;
  static const uint8_t verifier[P2P_VERIFIER_LEN];
  begin();
  p2p_membership_credentials(&membership, CLUSTER, &device, &credentials);
  p2p_badge_make(&credentials, P2P_ROLE_WORKER, verifier, &badge);
  CHECK(p2p_badge_check(&credentials, P2P_ROLE_WORKER, verifier, &badge));
  CHECK_STR(badge.user, "alice");
  CHECK(credentials.key.epoch == 1);
  key_folder_remove();
}

TEST(expelling_begins_an_epoch) {
  size_t n;
  begin();
  add(1);
  add(2);
  before = membership;
  CHECK(p2p_ownership_expel(&place, &device, "bob", &n, &err) == P2P_OK && n == 2);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
  CHECK(membership.grant.epoch == 2);
  CHECK(memcmp(membership.grant.secret, before.grant.secret, 32) != 0);
  check_certificate();
  CHECK(p2p_members_read(&place, &members, &err) == P2P_OK);
  CHECK(members.epoch == 2 && members.n_devices == 2 && members.devices[0].expelled_by == 2);
  p2p_members_clear(&members);
  CHECK(p2p_ownership_expel(&place, &device, "carol", &n, &err) == P2P_ERR_INVALID && n == 0);
  CHECK_STR(err.reason, "unknown_member");
  CHECK(p2p_membership_remove(&place, &err) == P2P_OK);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
  CHECK(membership.grant.epoch == 3); /* the key of 2 is gone */
  key_folder_remove();
}

/* A process that died after it had written the members: the epoch is there, the key is not. */
TEST(expelling_that_was_interrupted_is_completed) {
  char text[4096];
  size_t n;
  begin();
  add(1);
  size_t length = key_folder_read(PLACE "membership", text, sizeof text);
  CHECK(p2p_ownership_expel(&place, &device, "bob", &n, &err) == P2P_OK);
  key_folder_write(PLACE "membership", text, length);
  before = membership;
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
  CHECK(membership.grant.epoch == 2 &&
        memcmp(membership.grant.secret, before.grant.secret, 32) != 0);
  /* Expelling once more is as good. */
  key_folder_write(PLACE "membership", text, length);
  CHECK(p2p_ownership_expel(&place, &device, "bob", &n, &err) == P2P_OK && n == 1);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
  CHECK(membership.grant.epoch == 3);
  /* The members are gone. */
  CHECK(unlink(key_folder_path(PLACE "members")) == 0);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
  CHECK(membership.grant.epoch == 4);
  key_folder_remove();
}

static void expect_refused(const struct p2p_device *other, const char *reason) {
  struct p2p_invitation invitation;
  size_t n;
  CHECK(p2p_ownership_expel(&place, other, "bob", &n, &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.reason, reason);
  CHECK(p2p_ownership_approve(&place, other, "bob", "", &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.reason, reason);
  CHECK(p2p_ownership_invite(&place, other, "bob", &invitation, &err) == P2P_ERR_ACCESS);
}

TEST(only_the_owner_may) {
  struct p2p_device other;
  begin();
  p2p_sign_keypair(&other.public_key, &other.secret_key);
  CHECK(p2p_ownership_open(&place, &other, &membership, &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.reason, "owner_device");
  expect_refused(&other, "owner_device");
  CHECK(p2p_membership_remove(&place, &err) == P2P_OK);
  expect_refused(&device, "not_hosted_here");
  key_folder_remove();
  expect_refused(&device, "not_hosted_here");
  CHECK(access(key_folder_path(PLACE), F_OK) != 0); /* it was not made again */
}

static int use_invitation(void *arg, struct p2p_members *all, struct p2p_err *error) {
  struct p2p_sign_public public_key;
  p2p_sign_public_of(arg, &public_key);
  if (p2p_members_invitation(all, "bob", &public_key) == NULL)
    return p2p_err_set(error, P2P_ERR_ACCESS, "unknown");
  p2p_members_end_invitation(all, &public_key);
  return P2P_OK;
}

TEST(an_invitation_is_used_once) {
  struct p2p_invitation invitation;
  begin();
  CHECK(p2p_ownership_invite(&place, &device, "b b", &invitation, &err) == P2P_ERR_INVALID);
  CHECK_STR(err.reason, "member_name");
  CHECK(p2p_ownership_invite(&place, &device, "bob", &invitation, &err) == P2P_OK);
  CHECK_STR(invitation.cluster, CLUSTER);
  CHECK_STR(invitation.board, "board:22");
  CHECK(memcmp(&invitation.owner, &device.public_key, sizeof invitation.owner) == 0);
  CHECK(p2p_members_change(&place, use_invitation, &invitation.secret_key, &err) == P2P_OK);
  CHECK(p2p_members_change(&place, use_invitation, &invitation.secret_key, &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.message, "unknown");
  key_folder_remove();
}

TEST(an_invitation_can_be_withdrawn) {
  struct p2p_invitation invitation, other;
  struct p2p_sign_public public_key;
  begin();
  CHECK(p2p_ownership_invite(&place, &device, "bob", &invitation, &err) == P2P_OK);
  CHECK(p2p_ownership_invite(&place, &device, "bob", &other, &err) == P2P_OK);
  p2p_sign_public_of(&invitation.secret_key, &public_key);
  CHECK(p2p_ownership_withdraw(&place, &device, &public_key, &err) == P2P_OK);
  CHECK(p2p_members_change(&place, use_invitation, &invitation.secret_key, &err) == P2P_ERR_ACCESS);
  CHECK(p2p_members_change(&place, use_invitation, &other.secret_key, &err) == P2P_OK);
  CHECK(p2p_ownership_withdraw(&place, &device, &public_key, &err) == P2P_OK); /* it is gone */
  key_folder_remove();
}

static int add_carol(void *arg, struct p2p_members *all, struct p2p_err *why) {
  (void)why;
  return p2p_members_add(all, "carol", arg, 1);
}

TEST(approvals_are_written) {
  char fingerprint[P2P_FINGERPRINT_MAX];
  begin();
  CHECK(p2p_ownership_approve(&place, &device, "bob", "bob", &err) == P2P_ERR_INVALID);
  CHECK_STR(err.reason, "device_form");
  struct p2p_sign_public public_key = key(1);
  p2p_fingerprint(&public_key, fingerprint);
  CHECK(p2p_ownership_approve(&place, &device, "b b", fingerprint, &err) == P2P_ERR_INVALID);
  CHECK_STR(err.reason, "member_name");
  CHECK(p2p_ownership_approve(&place, &device, "bob", fingerprint, &err) == P2P_OK);
  CHECK(p2p_members_change(&place, add_carol, &public_key, &err) == P2P_OK);
  CHECK(p2p_ownership_approve(&place, &device, "dan", fingerprint, &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.reason, "device_of_other");
  CHECK(p2p_members_read(&place, &members, &err) == P2P_OK);
  CHECK(p2p_members_standing(&members, "bob", &public_key) == P2P_STANDING_APPROVED);
  p2p_members_clear(&members);
  key_folder_remove();
}

static void change_in_child(unsigned writer) {
  size_t n;
  bool is_good = true;
  for (unsigned i = 0; i < CHANGES; i++) {
    unsigned number = writer * CHANGES + i;
    is_good = is_good && p2p_members_change(&place, add_device, &number, &err) == P2P_OK;
    if (i % 5 == 4)
      is_good = is_good &&
                p2p_ownership_expel(&place, &device, "nobody-else", &n, &err) == P2P_ERR_INVALID;
  }
  struct p2p_sign_public public_key = key(writer * CHANGES);
  char fingerprint[P2P_FINGERPRINT_MAX];
  p2p_fingerprint(&public_key, fingerprint);
  is_good = is_good && p2p_ownership_expel(&place, &device, fingerprint, &n, &err) == P2P_OK;
  _exit(is_good && n == 1 ? 0 : 1);
}

TEST(processes_that_change_the_members_at_once_lose_nothing) {
  int status;
  unsigned n_expelled = 0;
  begin();
  for (unsigned i = 0; i < WRITERS; i++) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) change_in_child(i);
  }
  for (int i = 0; i < WRITERS; i++) CHECK(wait(&status) > 0 && status == 0);
  CHECK(p2p_members_read(&place, &members, &err) == P2P_OK);
  CHECK(members.n_devices == WRITERS * CHANGES && members.epoch == 1 + WRITERS);
  for (size_t i = 0; i < members.n_devices; i++) n_expelled += members.devices[i].expelled_by > 0;
  CHECK(n_expelled == WRITERS);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
  CHECK(membership.grant.epoch == 1 + WRITERS);
  p2p_members_clear(&members);
  key_folder_remove();
}

static int see_device(void *arg, struct p2p_members *all, struct p2p_err *error) {
  struct p2p_sign_public public_key = key(1);
  (void)error;
  p2p_members_see(all, "bob", &public_key, *(uint64_t *)arg);
  return P2P_OK;
}

TEST(what_has_not_changed_is_not_written) {
  struct stat first, second;
  uint64_t now_s = 30;
  begin();
  add(1);
  CHECK(stat(key_folder_path(PLACE "members"), &first) == 0);
  CHECK(p2p_members_change(&place, see_device, &now_s, &err) == P2P_OK);
  CHECK(stat(key_folder_path(PLACE "members"), &second) == 0 && first.st_ino == second.st_ino);
  now_s = 100;
  CHECK(p2p_members_change(&place, see_device, &now_s, &err) == P2P_OK);
  CHECK(p2p_members_read(&place, &members, &err) == P2P_OK && members.devices[0].seen_s == 100);
  p2p_members_clear(&members);
  key_folder_remove();
}

TEST(a_damaged_or_oversized_file_is_an_error_and_stays) {
  static char large[1024 * 1024 + 1];
  unsigned n = 1;
  begin();
  key_folder_write(PLACE "members", "garbage\n", 8);
  CHECK(p2p_members_read(&place, &members, &err) == P2P_ERR_PARSE);
  CHECK_STR(err.reason, "keys_damaged");
  CHECK(p2p_members_change(&place, add_device, &n, &err) == P2P_ERR_PARSE);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_ERR_PARSE);
  key_folder_write(PLACE "members", large, sizeof large);
  CHECK(p2p_members_change(&place, add_device, &n, &err) == P2P_ERR_TOO_LARGE);
  struct stat info;
  CHECK(stat(key_folder_path(PLACE "members"), &info) == 0 && info.st_size == sizeof large);
  key_folder_remove();
}

UNIT_MAIN("ownership", UNIT(the_first_opening_makes_the_key), UNIT(the_owner_is_a_member_to_itself),
          UNIT(expelling_begins_an_epoch), UNIT(expelling_that_was_interrupted_is_completed),
          UNIT(only_the_owner_may), UNIT(an_invitation_is_used_once),
          UNIT(an_invitation_can_be_withdrawn), UNIT(approvals_are_written),
          UNIT(processes_that_change_the_members_at_once_lose_nothing),
          UNIT(what_has_not_changed_is_not_written),
          UNIT(a_damaged_or_oversized_file_is_an_error_and_stays))
