/* The newcomer's side of enrolment, and the rules and the queue of the other side, without I/O. */
#include <time.h>

#include "board/attestation.h"
#include "board/enrol_queue.h"
#include "board/enrol_rules.h"
#include "board/enrolment.h"
#include "crypto/random.h"
#include "protocol/certificate.h"
#include "unit.h"

#define CLUSTER "alice/friends"
#define WAIT_MS 30000

static struct p2p_device owner, device, other;
static const struct p2p_identity host = {"00112233445566778899aabbccddeeff", "alice@home:1"};
static const struct p2p_identity bob = {"0123456789abcdeffedcba9876543210", "bob@laptop:99"};
static struct p2p_enrolment enrolment;
static struct p2p_enrolment_config config;
static struct p2p_line line;

static void make_device(struct p2p_device *out, uint8_t seed) {
  memset(&out->secret_key, seed, sizeof out->secret_key);
  p2p_sign_public_of(&out->secret_key, &out->public_key);
}

TEST(devices_are_made) {
  CHECK(p2p_crypto_init() == P2P_OK);
  make_device(&owner, 1);
  make_device(&device, 2);
  make_device(&other, 3);
}

static void begin(void) {
  memset(&config, 0, sizeof config);
  snprintf(config.cluster, sizeof config.cluster, CLUSTER);
  config.from = bob;
  config.device = device;
}

static void start(void) { p2p_enrolment_begin(&enrolment, &config, 1000, WAIT_MS); }

static struct p2p_grant grant_of(const char *cluster, const struct p2p_device *by, const char *user,
                                 uint32_t epoch) {
  struct p2p_grant grant = {.epoch = epoch, .owner = by->public_key};
  memset(grant.secret, 7, sizeof grant.secret);
  snprintf(grant.user, sizeof grant.user, "%s", user);
  p2p_certificate_sign(&(struct p2p_certificate){cluster, epoch, user, device.public_key},
                       &by->secret_key, grant.certificate);
  return grant;
}

static enum p2p_enrolment_step hear_grant(const struct p2p_device *by, const char *user,
                                          uint32_t epoch) {
  const struct p2p_grant grant = grant_of(config.cluster, by, user, epoch);
  const struct p2p_owner_device from = {config.cluster, &host, &by->secret_key};
  CHECK(p2p_grant_write(&line, &grant, &device.public_key, &from, 0) == P2P_OK);
  return p2p_enrolment_on_line(&enrolment, &line, 2000);
}

static enum p2p_enrolment_step hear_refusal(const struct p2p_device *by, enum p2p_refusal reason) {
  const struct p2p_owner_device from = {CLUSTER, &host, &by->secret_key};
  CHECK(p2p_refused_write(&line, reason, bob.id, &from, 0) == P2P_OK);
  return p2p_enrolment_on_line(&enrolment, &line, 2000);
}

static void check_reason(const char *reason) {
  struct p2p_err err;
  CHECK(p2p_enrolment_explain(&enrolment, &err) != P2P_OK);
  CHECK_STR(err.reason, reason);
}

/* ---- the newcomer ---- */

TEST(a_request_is_repeated_until_nobody_has_answered) {
  struct p2p_enrol read;
  begin();
  start();
  CHECK(p2p_enrolment_write(&enrolment, 0, &line) == P2P_OK);
  CHECK(p2p_enrol_read(&line, CLUSTER, &read) == P2P_OK && !read.is_invited);
  CHECK(memcmp(&read.device, &device.public_key, sizeof read.device) == 0);
  CHECK(p2p_enrolment_due_ms(&enrolment) == 3000);
  CHECK(p2p_enrolment_on_time(&enrolment, 2999) == P2P_ENROLMENT_WAIT);
  CHECK(p2p_enrolment_on_time(&enrolment, 3000) == P2P_ENROLMENT_WRITE);
  CHECK(p2p_enrolment_due_ms(&enrolment) == 5000);
  CHECK(p2p_enrolment_on_time(&enrolment, 1000 + WAIT_MS) == P2P_ENROLMENT_FAILED);
  check_reason("not_enrolled");
}

TEST(the_first_owner_that_answers_is_believed_where_nobody_can_vouch) {
  begin();
  start();
  CHECK(hear_grant(&owner, "bob", 1) == P2P_ENROLMENT_GRANTED);
  CHECK(p2p_enrolment_grant(&enrolment)->epoch == 1);
  CHECK(hear_grant(&other, "bob", 1) == P2P_ENROLMENT_WAIT); /* it has its answer */
}

TEST(the_grant_of_another_account_on_this_device_is_not_ours) {
  begin();
  start();
  CHECK(hear_grant(&owner, "carol", 1) == P2P_ENROLMENT_WAIT);
  CHECK(hear_grant(&owner, "bob", 1) == P2P_ENROLMENT_GRANTED);
}

TEST(a_board_that_can_vouch_is_asked_whose_the_owner_is) {
  begin();
  config.can_vouch = true;
  start();
  CHECK(hear_grant(&other, "bob", 1) == P2P_ENROLMENT_ASK);
  CHECK(memcmp(p2p_enrolment_owner(&enrolment), &other.public_key, 32) == 0);
  CHECK(hear_grant(&owner, "bob", 1) == P2P_ENROLMENT_WAIT); /* one at a time */
  CHECK(p2p_enrolment_on_attested(&enrolment, false) == P2P_ENROLMENT_WAIT);
  CHECK(hear_grant(&other, "bob", 1) == P2P_ENROLMENT_WAIT); /* not again */
  CHECK(hear_refusal(&other, P2P_REFUSAL_KEYLESS) == P2P_ENROLMENT_WAIT);
  CHECK(hear_grant(&owner, "bob", 1) == P2P_ENROLMENT_ASK);
  CHECK(p2p_enrolment_on_attested(&enrolment, true) == P2P_ENROLMENT_GRANTED);
  CHECK(p2p_enrolment_on_attested(&enrolment, true) == P2P_ENROLMENT_WAIT);
}

TEST(a_known_owner_is_not_followed_by_another) {
  begin();
  config.has_owner = config.can_vouch = true;
  config.owner = owner.public_key;
  start();
  CHECK(hear_grant(&other, "bob", 1) == P2P_ENROLMENT_WAIT);
  CHECK(hear_refusal(&other, P2P_REFUSAL_EXPELLED) == P2P_ENROLMENT_WAIT);
  CHECK(p2p_enrolment_on_time(&enrolment, 1000 + WAIT_MS) == P2P_ENROLMENT_FAILED);
  check_reason("owner_changed");
  start();
  CHECK(hear_grant(&owner, "bob", 1) == P2P_ENROLMENT_GRANTED);
}

TEST(an_earlier_epoch_is_ignored) {
  begin();
  config.epoch = 2;
  start();
  CHECK(hear_grant(&owner, "bob", 1) == P2P_ENROLMENT_WAIT);
  CHECK(hear_grant(&owner, "bob", 2) == P2P_ENROLMENT_WAIT);
  CHECK(hear_refusal(&owner, P2P_REFUSAL_KEYLESS) == P2P_ENROLMENT_WAIT);
  CHECK(hear_grant(&owner, "bob", 3) == P2P_ENROLMENT_GRANTED);
}

TEST(a_refusal_has_a_reason) {
  static const char *const reasons[] = {"enrol_unlisted", "enrol_device", "enrol_invite",
                                        "enrol_expelled"};
  begin();
  for (int i = 0; i < 4; i++) {
    start();
    CHECK(hear_refusal(&owner, (enum p2p_refusal)i) == P2P_ENROLMENT_FAILED);
    check_reason(reasons[i]);
  }
  start();
  CHECK(hear_refusal(&owner, P2P_REFUSAL_KEYLESS) == P2P_ENROLMENT_KEYLESS);
}

TEST(a_newcomer_that_is_alone_in_a_personal_cluster_makes_the_key) {
  struct p2p_cluster_key key;
  struct p2p_device speaker = {0};
  uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  begin();
  snprintf(config.cluster, sizeof config.cluster, "bob/personal");
  config.is_personal = config.may_make = true;
  start();
  CHECK(hear_grant(&owner, "bob", 1) == P2P_ENROLMENT_WAIT); /* does not speak for the owner */
  CHECK(p2p_enrolment_on_time(&enrolment, 2999) == P2P_ENROLMENT_WAIT);
  CHECK(p2p_enrolment_on_time(&enrolment, 3000) == P2P_ENROLMENT_MAKE);
  memset(secret, 7, sizeof secret);
  p2p_cluster_key_derive("bob/personal", 1, secret, &key);
  p2p_cluster_key_owner(&key, "bob/personal", &speaker.secret_key);
  p2p_sign_public_of(&speaker.secret_key, &speaker.public_key);
  start();
  CHECK(hear_grant(&speaker, "bob", 1) == P2P_ENROLMENT_GRANTED);
}

static void hear_newcomer(const struct p2p_device *who) {
  const struct p2p_enrol enrol = {.from = {"ffffffffffffffffffffffffffffffff", "bob@desk:1"},
                                  .device = who->public_key};
  CHECK(p2p_enrol_write(&line, &enrol, config.cluster, &who->secret_key, NULL, 0) == P2P_OK);
  CHECK(p2p_enrolment_on_line(&enrolment, &line, 2000) == P2P_ENROLMENT_WAIT);
}

TEST(of_two_newcomers_the_smaller_device_makes_the_key) {
  const struct p2p_device *smaller = &device, *larger = &other;
  if (memcmp(&smaller->public_key, &larger->public_key, 32) > 0) {
    smaller = &other;
    larger = &device;
  }
  begin();
  snprintf(config.cluster, sizeof config.cluster, "bob/personal");
  config.is_personal = config.may_make = true;
  config.device = *larger;
  start();
  hear_newcomer(smaller);
  CHECK(p2p_enrolment_on_time(&enrolment, 3000) == P2P_ENROLMENT_WRITE);
  CHECK(p2p_enrolment_on_time(&enrolment, 5999) == P2P_ENROLMENT_WRITE);
  CHECK(p2p_enrolment_on_time(&enrolment, 6000) == P2P_ENROLMENT_MAKE); /* it has gone */
  config.device = *smaller;
  start();
  hear_newcomer(larger);
  CHECK(p2p_enrolment_on_time(&enrolment, 2000 + P2P_ENROL_MEET_MS) == P2P_ENROLMENT_WRITE);
  CHECK(p2p_enrolment_on_time(&enrolment, 3000) == P2P_ENROLMENT_MAKE);
}

/* ---- the rules ---- */

static struct p2p_members members;
static struct p2p_enrol_case request;

static enum p2p_enrol_verdict judge(const struct p2p_device *asking, enum p2p_refusal *why) {
  request.request.device = asking->public_key;
  return p2p_enrol_judge(&request, &members, why);
}

static void check_refused(const struct p2p_device *asking, enum p2p_refusal reason) {
  enum p2p_refusal why = P2P_REFUSAL_KEYLESS;
  CHECK(judge(asking, &why) == P2P_ENROL_REFUSED && why == reason);
}

static void check_new(const struct p2p_device *asking) {
  enum p2p_refusal why;
  CHECK(judge(asking, &why) == P2P_ENROL_NEW);
}

static void new_case(void) {
  p2p_members_clear(&members);
  memset(&request, 0, sizeof request);
  snprintf(request.user, sizeof request.user, "bob");
  request.is_listed = true;
}

TEST(the_first_device_of_a_listed_user_becomes_a_member) {
  enum p2p_refusal why;
  new_case();
  check_new(&device);
  CHECK(p2p_members_add(&members, "bob", &device.public_key, 1) == P2P_OK);
  CHECK(judge(&device, &why) == P2P_ENROL_KNOWN);
  check_refused(&other, P2P_REFUSAL_DEVICE);
  request.is_listed = false;
  check_refused(&device, P2P_REFUSAL_UNLISTED);
  check_refused(&other, P2P_REFUSAL_UNLISTED);
}

TEST(a_board_that_can_vouch_decides) {
  new_case();
  request.can_vouch = true;
  check_refused(&device, P2P_REFUSAL_DEVICE); /* also for the first one */
  request.is_vouched = true;
  check_new(&device);
  CHECK(p2p_members_add(&members, "bob", &device.public_key, 1) == P2P_OK);
  check_new(&other);
}

TEST(an_approved_device_becomes_a_member) {
  char fingerprint[P2P_FINGERPRINT_MAX];
  new_case();
  CHECK(p2p_members_add(&members, "bob", &device.public_key, 1) == P2P_OK);
  p2p_fingerprint(&other.public_key, fingerprint);
  CHECK(p2p_members_approve(&members, "bob", fingerprint) == P2P_OK);
  check_new(&other);
}

TEST(invitations_count_where_nothing_else_does) {
  new_case();
  request.is_invite_only = request.can_vouch = request.is_vouched = true;
  check_refused(&device, P2P_REFUSAL_INVITE);
  request.request.is_invited = true;
  request.request.invitation = other.public_key;
  check_refused(&device, P2P_REFUSAL_INVITE);
  CHECK(p2p_members_invite(&members, "carol", &other.public_key, 1) == P2P_OK);
  check_refused(&device, P2P_REFUSAL_INVITE);
  CHECK(p2p_members_invite(&members, "bob", &other.public_key, 1) == P2P_OK);
  check_new(&device);
}

TEST(an_expelled_device_needs_an_invitation) {
  new_case();
  request.can_vouch = request.is_vouched = true;
  CHECK(p2p_members_add(&members, "bob", &device.public_key, 1) == P2P_OK);
  CHECK(p2p_members_expel(&members, "bob", 2) == 1);
  check_refused(&device, P2P_REFUSAL_EXPELLED);
  check_refused(&other, P2P_REFUSAL_EXPELLED);
  CHECK(p2p_members_invite(&members, "bob", &owner.public_key, 1) == P2P_OK);
  request.request.is_invited = true;
  request.request.invitation = owner.public_key;
  check_new(&device);
}

/* ---- the queue ---- */

TEST(the_queue_is_bounded_and_takes_each_request_once) {
  struct p2p_enrol_queue queue = {0};
  struct p2p_enrol enrol = {.from = bob}, out;
  uint64_t wait_ms, now_ms = 5000;
  for (int i = 0; i < P2P_ENROL_QUEUE_MAX; i++) {
    enrol.device.bytes[0] = (uint8_t)i;
    CHECK(p2p_enrol_queue_put(&queue, &enrol));
    CHECK(!p2p_enrol_queue_put(&queue, &enrol));
  }
  enrol.device.bytes[0] = 255;
  CHECK(!p2p_enrol_queue_put(&queue, &enrol));
  for (int i = 0; i < P2P_ENROL_PER_SECOND; i++) {
    CHECK(p2p_enrol_queue_take(&queue, now_ms + (uint64_t)i, &out, &wait_ms));
    CHECK(out.device.bytes[0] == i);
  }
  CHECK(!p2p_enrol_queue_take(&queue, now_ms + 400, &out, &wait_ms) && wait_ms == 600);
  CHECK(p2p_enrol_queue_take(&queue, now_ms + 1000, &out, &wait_ms));
  queue.n = 0;
  CHECK(!p2p_enrol_queue_take(&queue, now_ms + 1000, &out, &wait_ms) && wait_ms == 0);
}

/* ---- what the board says ---- */

static bool lists(const char *text, const char *user) {
  return p2p_attested_lists(text, strlen(text), user);
}

TEST(the_board_vouches_in_words_that_are_read_exactly) {
  char command[P2P_ATTEST_COMMAND_MAX];
  p2p_attest_command(&device.public_key, command);
  CHECK(strlen(command) == 7 + 43 && strncmp(command, "attest ", 7) == 0);
  p2p_attested_command(&device.public_key, command);
  CHECK(strlen(command) == 9 + 43 && strncmp(command, "attested ", 9) == 0);
  CHECK(p2p_attest_is_done("attested\r\n", 10) && p2p_attest_is_done("attested\n", 9));
  CHECK(!p2p_attest_is_done("attested", 7) && !p2p_attest_is_done("attested\n\n", 10));
  CHECK(!p2p_attest_is_done("", 0) && !p2p_attest_is_done("Usage: attested\n", 16));
  CHECK(lists("users=bob\n", "bob") && lists("users=alice,bob,carol\r\n", "bob"));
  CHECK(lists("users=bob", "bob") && lists("users=alice,bob\n", "bob"));
  CHECK(!lists("users=\n", "bob") && !lists("users=bobby,abob\n", "bob"));
  CHECK(!lists("bob\n", "bob") && !lists("", "bob") && !lists("users=bob\nbob\n", "bob"));
}

TEST(members_are_cleared) { p2p_members_clear(&members); }

UNIT_MAIN("enrolment", UNIT(devices_are_made),
          UNIT(a_request_is_repeated_until_nobody_has_answered),
          UNIT(the_first_owner_that_answers_is_believed_where_nobody_can_vouch),
          UNIT(the_grant_of_another_account_on_this_device_is_not_ours),
          UNIT(a_board_that_can_vouch_is_asked_whose_the_owner_is),
          UNIT(a_known_owner_is_not_followed_by_another), UNIT(an_earlier_epoch_is_ignored),
          UNIT(a_refusal_has_a_reason),
          UNIT(a_newcomer_that_is_alone_in_a_personal_cluster_makes_the_key),
          UNIT(of_two_newcomers_the_smaller_device_makes_the_key),
          UNIT(the_first_device_of_a_listed_user_becomes_a_member),
          UNIT(a_board_that_can_vouch_decides), UNIT(an_approved_device_becomes_a_member),
          UNIT(invitations_count_where_nothing_else_does),
          UNIT(an_expelled_device_needs_an_invitation),
          UNIT(the_queue_is_bounded_and_takes_each_request_once),
          UNIT(the_board_vouches_in_words_that_are_read_exactly), UNIT(members_are_cleared))
