/* Certificates, and the lines by which a device gets the key of a cluster. */
#include "protocol/enrolment.h"

#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "protocol/credentials.h"
#include "unit.h"

#define NOW 1795000000
#define ID "fedcba98765432100123456789abcdef"
#define CLUSTER "alice/friends"

static const struct p2p_identity BOB = {ID, "bob@laptop:99"}, ALICE = {ID, "alice@home:1"};
static struct p2p_sign_secret owner_secret, device_secret, other_secret;
static struct p2p_sign_public owner, device, other;
static const struct p2p_owner_device alice = {CLUSTER, &ALICE, &owner_secret},
                                     mallory = {CLUSTER, &ALICE, &other_secret};

/* Sends the line as text. */
static void resend(struct p2p_line *line) {
  char text[P2P_LINE_MAX + 1];
  long length = p2p_line_format(line, text, sizeof text);
  CHECK(length > 0 && p2p_line_parse(text, (size_t)length - 1, line) == P2P_OK);
}

enum { AFTER_TYPE = 2, AFTER_SENDER = 4 }; /* the first pair that a signature is about */

/* Calls `read` on the line with each character of each value from the pair `first` on changed, and
 * with each value missing, cut and emptied. None may be accepted. */
static void expect_no_change_is_accepted(const struct p2p_line *line, size_t first,
                                         int (*read)(const struct p2p_line *line)) {
  CHECK(read(line) == P2P_OK);
  for (size_t changed = first; changed < line->used; changed++) {
    size_t length = strlen(line->pairs[changed].value);
    for (size_t i = 0; i < 2 * length + 1; i++) {
      struct p2p_line copy;
      p2p_line_init(&copy);
      for (size_t at = 0; at < line->used; at++) {
        char value[P2P_LINE_MAX];
        snprintf(value, sizeof value, "%s", line->pairs[at].value);
        if (at == changed && i < length) value[i] = value[i] == 'A' ? 'B' : 'A';
        if (at == changed && i >= length && i < 2 * length) value[i - length] = '\0';
        if (at == changed && i == 2 * length) continue;
        CHECK(p2p_line_put(&copy, line->pairs[at].key, value) == P2P_OK);
      }
      if (read(&copy) == P2P_OK)
        printf("accepted: %s changed at %zu\n", line->pairs[changed].key, i);
      CHECK(read(&copy) != P2P_OK);
    }
  }
}

TEST(a_certificate_is_for_one_cluster_epoch_user_and_device) {
  struct p2p_certificate ours = {CLUSTER, 1, "bob", device};
  uint8_t signature[P2P_SIGNATURE_LEN];
  p2p_certificate_sign(&ours, &owner_secret, signature);
  CHECK(p2p_certificate_check(&ours, &owner, signature));
  CHECK(!p2p_certificate_check(&ours, &other, signature));
  struct p2p_certificate wrong[] = {{"alice/friendsbob", 1, "", device},
                                    {CLUSTER, 2, "bob", device},
                                    {CLUSTER, 1, "carol", device},
                                    {CLUSTER, 1, "bob", other}};
  for (size_t i = 0; i < 4; i++) CHECK(!p2p_certificate_check(&wrong[i], &owner, signature));
}

TEST(a_proof_is_for_one_link_role_and_user) {
  uint8_t verifier[P2P_VERIFIER_LEN] = {1}, another[P2P_VERIFIER_LEN] = {2};
  struct p2p_link_proof ours = {verifier, P2P_ROLE_CLIENT, "bob"};
  uint8_t signature[P2P_SIGNATURE_LEN];
  p2p_link_proof_sign(&ours, &device_secret, signature);
  CHECK(p2p_link_proof_check(&ours, &device, signature));
  CHECK(!p2p_link_proof_check(&ours, &other, signature));
  struct p2p_link_proof wrong[] = {{another, P2P_ROLE_CLIENT, "bob"},
                                   {verifier, P2P_ROLE_WORKER, "bob"},
                                   {verifier, P2P_ROLE_CLIENT, "carol"}};
  for (size_t i = 0; i < 3; i++) CHECK(!p2p_link_proof_check(&wrong[i], &device, signature));
}

TEST(a_badge_is_accepted_on_its_link_alone) {
  struct p2p_credentials bob = {.cluster = CLUSTER,
                                .key.epoch = 1,
                                .user = "bob",
                                .owner = owner,
                                .device = device,
                                .device_secret = device_secret},
                         carol;
  struct p2p_certificate certificate = {CLUSTER, 1, "bob", device};
  uint8_t verifier[P2P_VERIFIER_LEN] = {1}, another[P2P_VERIFIER_LEN] = {2};
  struct p2p_badge badge;
  p2p_certificate_sign(&certificate, &owner_secret, bob.certificate);
  carol = bob; /* who checks needs cluster, epoch and owner */
  p2p_badge_make(&bob, P2P_ROLE_CLIENT, verifier, &badge);
  CHECK_STR(badge.user, "bob");
  CHECK(p2p_badge_check(&carol, P2P_ROLE_CLIENT, verifier, &badge));
  CHECK(!p2p_badge_check(&carol, P2P_ROLE_WORKER, verifier, &badge));
  CHECK(!p2p_badge_check(&carol, P2P_ROLE_CLIENT, another, &badge));
  carol.key.epoch = 2;
  CHECK(!p2p_badge_check(&carol, P2P_ROLE_CLIENT, verifier, &badge));
  carol.key.epoch = 1;
  badge.user[0] = 'r';
  CHECK(!p2p_badge_check(&carol, P2P_ROLE_CLIENT, verifier, &badge));
  bob.device_secret = other_secret; /* without the device */
  p2p_badge_make(&bob, P2P_ROLE_CLIENT, verifier, &badge);
  CHECK(!p2p_badge_check(&carol, P2P_ROLE_CLIENT, verifier, &badge));
}

static int read_enrol(const struct p2p_line *line) {
  struct p2p_enrol enrol;
  return p2p_enrol_read(line, CLUSTER, &enrol);
}

TEST(an_enrol_line_proves_that_its_sender_has_the_device) {
  struct p2p_enrol enrol = {.from = BOB, .device = device}, read;
  struct p2p_line line;
  CHECK(p2p_enrol_write(&line, &enrol, CLUSTER, &device_secret, NULL, NOW) == P2P_OK);
  resend(&line);
  CHECK(p2p_enrol_read(&line, CLUSTER, &read) == P2P_OK && !read.is_invited);
  CHECK_STR(read.from.name, BOB.name);
  CHECK(memcmp(&read.device, &device, sizeof device) == 0);
  CHECK(p2p_enrol_read(&line, "alice/other", &read) == P2P_ERR_CRYPTO);
  expect_no_change_is_accepted(&line, AFTER_TYPE, read_enrol);
}

TEST(an_invitation_is_bound_to_the_device) {
  struct p2p_enrol enrol = {.from = BOB, .device = device}, read;
  struct p2p_line line, without;
  CHECK(p2p_enrol_write(&line, &enrol, CLUSTER, &device_secret, &other_secret, NOW) == P2P_OK);
  resend(&line);
  CHECK(p2p_enrol_read(&line, CLUSTER, &read) == P2P_OK && read.is_invited);
  CHECK(memcmp(&read.invitation, &other, sizeof other) == 0);
  expect_no_change_is_accepted(&line, AFTER_TYPE, read_enrol);
  p2p_line_init(&without); /* all but the invitation */
  for (size_t i = 0; i < line.used; i++)
    if (strncmp(line.pairs[i].key, "invit", 5) != 0)
      CHECK(p2p_line_put(&without, line.pairs[i].key, line.pairs[i].value) == P2P_OK);
  CHECK(p2p_enrol_read(&without, CLUSTER, &read) == P2P_ERR_CRYPTO);
}

static struct p2p_grant new_grant(void) {
  struct p2p_grant grant = {.epoch = 3, .owner = owner, .user = "bob"};
  struct p2p_certificate certificate = {CLUSTER, 3, "bob", device};
  memset(grant.secret, 9, sizeof grant.secret);
  p2p_certificate_sign(&certificate, &owner_secret, grant.certificate);
  return grant;
}

static int read_grant(const struct p2p_line *line) {
  struct p2p_grant grant;
  return p2p_grant_read(line, CLUSTER, &device_secret, &grant);
}

TEST(a_grant_opens_on_its_device_alone) {
  struct p2p_grant grant = new_grant(), read;
  struct p2p_line line;
  char text[P2P_LINE_MAX + 1];
  CHECK(p2p_grant_write(&line, &grant, &device, &alice, NOW) == P2P_OK);
  resend(&line);
  CHECK(p2p_line_format(&line, text, sizeof text) > 0 && strstr(text, "bob") == NULL);
  CHECK(p2p_grant_read(&line, CLUSTER, &device_secret, &read) == P2P_OK);
  CHECK(read.epoch == 3 && memcmp(read.secret, grant.secret, sizeof read.secret) == 0);
  CHECK_STR(read.user, "bob");
  CHECK(memcmp(&read.owner, &owner, sizeof owner) == 0);
  CHECK(p2p_grant_read(&line, CLUSTER, &other_secret, &read) == P2P_ERR_CANCELED);
  CHECK(p2p_grant_read(&line, "alice/other", &device_secret, &read) == P2P_ERR_CRYPTO);
}

TEST(a_changed_grant_is_refused) {
  struct p2p_grant grant = new_grant();
  struct p2p_line line;
  CHECK(p2p_grant_write(&line, &grant, &device, &alice, NOW) == P2P_OK);
  expect_no_change_is_accepted(&line, AFTER_SENDER, read_grant);
}

TEST(a_grant_that_another_key_signed_is_refused) {
  struct p2p_grant grant = new_grant(), read;
  struct p2p_line line;
  CHECK(p2p_grant_write(&line, &grant, &device, &mallory, NOW) == P2P_OK);
  CHECK(p2p_grant_read(&line, CLUSTER, &device_secret, &read) == P2P_ERR_CRYPTO);
  grant.owner = other; /* a certificate of another owner */
  CHECK(p2p_grant_write(&line, &grant, &device, &mallory, NOW) == P2P_OK);
  CHECK(p2p_grant_read(&line, CLUSTER, &device_secret, &read) == P2P_ERR_CRYPTO);
  snprintf(grant.user, sizeof grant.user, "b@b");
  CHECK(p2p_grant_write(&line, &grant, &device, &alice, NOW) == P2P_ERR_INVALID);
}

static int read_refused(const struct p2p_line *line) {
  struct p2p_refused refused;
  return p2p_refused_read(line, CLUSTER, ID, &refused);
}

TEST(a_refusal_is_signed_and_for_one_member) {
  struct p2p_refused read;
  struct p2p_line line;
  for (int reason = P2P_REFUSAL_UNLISTED; reason <= P2P_REFUSAL_KEYLESS; reason++) {
    CHECK(p2p_refused_write(&line, (enum p2p_refusal)reason, ID, &alice, NOW) == P2P_OK);
    resend(&line);
    CHECK(p2p_refused_read(&line, CLUSTER, ID, &read) == P2P_OK && (int)read.reason == reason);
    CHECK(memcmp(&read.owner, &owner, sizeof owner) == 0);
  }
  expect_no_change_is_accepted(&line, AFTER_SENDER, read_refused);
  CHECK(p2p_refused_read(&line, "alice/other", ID, &read) == P2P_ERR_CRYPTO);
  CHECK(p2p_refused_read(&line, CLUSTER, "0123456789abcdeffedcba9876543210", &read) ==
        P2P_ERR_CANCELED);
}

static int read_epoch(const struct p2p_line *line) {
  struct p2p_epoch epoch;
  return p2p_epoch_read(line, CLUSTER, &epoch);
}

TEST(an_epoch_names_the_expelled_devices) {
  struct p2p_epoch epoch = {.epoch = 2, .expelled = {device, other}, .n_expelled = 2}, read;
  struct p2p_line line;
  CHECK(p2p_epoch_write(&line, &epoch, &alice, NOW) == P2P_OK);
  resend(&line);
  CHECK(p2p_epoch_read(&line, CLUSTER, &read) == P2P_OK && read.epoch == 2);
  CHECK(memcmp(&read.owner, &owner, sizeof owner) == 0 && read.n_expelled == 2);
  CHECK(memcmp(&read.expelled[1], &other, sizeof other) == 0);
  expect_no_change_is_accepted(&line, AFTER_SENDER, read_epoch);
  CHECK(p2p_epoch_read(&line, "alice/other", &read) == P2P_ERR_CRYPTO);
  epoch.n_expelled = 0;
  CHECK(p2p_epoch_write(&line, &epoch, &alice, NOW) == P2P_OK);
  CHECK(p2p_epoch_read(&line, CLUSTER, &read) == P2P_OK && read.n_expelled == 0);
  epoch.n_expelled = P2P_EPOCH_EXPELLED_MAX;
  CHECK(p2p_epoch_write(&line, &epoch, &alice, NOW) == P2P_OK);
  CHECK(p2p_epoch_read(&line, CLUSTER, &read) == P2P_OK);
  CHECK(read.n_expelled == P2P_EPOCH_EXPELLED_MAX);
  epoch.n_expelled++;
  CHECK(p2p_epoch_write(&line, &epoch, &alice, NOW) == P2P_ERR_INVALID);
}

TEST(epochs_that_no_line_can_name_are_not_written) {
  static const uint32_t epochs[] = {0, 1, P2P_EPOCH_MAX, (uint32_t)P2P_EPOCH_MAX + 1, UINT32_MAX};
  for (size_t i = 0; i < 5; i++) {
    bool is_valid = i == 1 || i == 2;
    struct p2p_epoch epoch = {.epoch = epochs[i]};
    struct p2p_certificate certificate = {CLUSTER, epochs[i], "bob", device};
    struct p2p_grant grant = new_grant(), read;
    struct p2p_line line;
    grant.epoch = epochs[i];
    p2p_certificate_sign(&certificate, &owner_secret, grant.certificate);
    CHECK(p2p_epoch_write(&line, &epoch, &alice, NOW) == (is_valid ? P2P_OK : P2P_ERR_INVALID));
    CHECK(p2p_epoch_read(&line, CLUSTER, &epoch) == (is_valid ? P2P_OK : P2P_ERR_CANCELED));
    CHECK(p2p_grant_write(&line, &grant, &device, &alice, NOW) ==
          (is_valid ? P2P_OK : P2P_ERR_INVALID));
    CHECK(p2p_grant_read(&line, CLUSTER, &device_secret, &read) ==
          (is_valid ? P2P_OK : P2P_ERR_CANCELED));
  }
}

TEST(prepare) {
  CHECK(p2p_crypto_init() == P2P_OK);
  setenv("TZ", "UTC", 1);
  tzset();
  p2p_sign_keypair(&owner, &owner_secret);
  p2p_sign_keypair(&device, &device_secret);
  p2p_sign_keypair(&other, &other_secret);
}

UNIT_MAIN("enrolment", UNIT(prepare), UNIT(a_certificate_is_for_one_cluster_epoch_user_and_device),
          UNIT(a_proof_is_for_one_link_role_and_user), UNIT(a_badge_is_accepted_on_its_link_alone),
          UNIT(an_enrol_line_proves_that_its_sender_has_the_device),
          UNIT(an_invitation_is_bound_to_the_device), UNIT(a_grant_opens_on_its_device_alone),
          UNIT(a_changed_grant_is_refused), UNIT(a_grant_that_another_key_signed_is_refused),
          UNIT(a_refusal_is_signed_and_for_one_member), UNIT(an_epoch_names_the_expelled_devices),
          UNIT(epochs_that_no_line_can_name_are_not_written))
