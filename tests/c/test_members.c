/* The members of a cluster: who may enrol, who was expelled, and their text. */
#include <stdbool.h>

#include "keys/device.h"
#include "keys/members_text.h"
#include "unit.h"

static struct p2p_members members, back;
static struct p2p_buf text;

static struct p2p_sign_public key(unsigned n) {
  struct p2p_sign_public out = {{(uint8_t)n, (uint8_t)(n >> 8), 1}};
  return out;
}

static void add(const char *user, unsigned device, uint64_t now_s) {
  struct p2p_sign_public public_key = key(device);
  CHECK(p2p_members_add(&members, user, &public_key, now_s) == P2P_OK);
}
static void see(const char *user, unsigned device, uint64_t now_s) {
  struct p2p_sign_public public_key = key(device);
  p2p_members_see(&members, user, &public_key, now_s);
}
static const struct p2p_member_device *find(const char *user, unsigned device) {
  struct p2p_sign_public public_key = key(device);
  return p2p_members_find(&members, user, &public_key);
}
static enum p2p_standing standing(const char *user, unsigned device) {
  struct p2p_sign_public public_key = key(device);
  return p2p_members_standing(&members, user, &public_key);
}
static const char *fingerprint(unsigned device) {
  static char out[P2P_FINGERPRINT_MAX];
  struct p2p_sign_public public_key = key(device);
  p2p_fingerprint(&public_key, out);
  return out;
}

TEST(devices_are_members_once_they_are_added) {
  p2p_members_init(&members);
  CHECK(standing("bob", 1) == P2P_STANDING_FIRST && find("bob", 1) == NULL);
  add("bob", 1, 1000);
  CHECK(standing("bob", 1) == P2P_STANDING_MEMBER && members.is_changed);
  CHECK(standing("bob", 2) == P2P_STANDING_FURTHER);
  CHECK(standing("carol", 1) == P2P_STANDING_FIRST);
  add("carol", 1, 1000);
  add("bob", 1, 2000);
  CHECK(members.n_devices == 2 && find("bob", 1)->since_s == 1000);
  CHECK(find("bob", 1)->seen_s == 2000 && find("carol", 1)->seen_s == 1000);
  p2p_members_clear(&members);
}

TEST(being_seen_is_noted_once_a_minute) {
  add("bob", 1, 1000);
  members.is_changed = false;
  see("bob", 1, 1059);
  see("bob", 1, 10);
  see("bob", 2, 5000);
  see("carol", 1, 5000);
  CHECK(!members.is_changed && find("bob", 1)->seen_s == 1000);
  see("bob", 1, 1060);
  CHECK(members.is_changed && find("bob", 1)->seen_s == 1060);
  see("bob", 1, UINT64_MAX);
  CHECK(find("bob", 1)->seen_s == P2P_MEMBERS_TIME_MAX);
  p2p_members_clear(&members);
}

TEST(an_approval_is_for_one_device_and_ends_when_it_is_added) {
  add("bob", 1, 1);
  CHECK(p2p_members_approve(&members, "bob", fingerprint(2)) == P2P_OK);
  CHECK(p2p_members_approve(&members, "bob", fingerprint(2)) == P2P_OK);
  CHECK(members.n_approvals == 1);
  CHECK(standing("bob", 2) == P2P_STANDING_APPROVED && standing("bob", 3) == P2P_STANDING_FURTHER);
  CHECK(p2p_members_approve(&members, "bob", "AwABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") ==
        P2P_OK);
  CHECK(standing("bob", 3) == P2P_STANDING_APPROVED); /* by its key */
  add("bob", 2, 1);
  CHECK(members.n_approvals == 1 && standing("bob", 2) == P2P_STANDING_MEMBER);
  p2p_members_clear(&members);
}

TEST(an_approval_is_for_one_user) {
  CHECK(p2p_members_approve(&members, "bob", fingerprint(1)) == P2P_OK);
  CHECK(p2p_members_approve(&members, "carol", fingerprint(2)) == P2P_OK);
  CHECK(p2p_members_approve(&members, "b b", fingerprint(2)) == P2P_ERR_INVALID);
  CHECK(standing("bob", 1) == P2P_STANDING_APPROVED && standing("carol", 1) == P2P_STANDING_FIRST);
  add("carol", 1, 1); /* ends no approval of bob */
  CHECK(members.n_approvals == 2 && standing("bob", 1) == P2P_STANDING_APPROVED);
  CHECK(p2p_members_expel(&members, "bob", 2) == 1); /* a user with an approval alone */
  CHECK(members.n_approvals == 1 && standing("bob", 1) == P2P_STANDING_FIRST);
  CHECK(standing("carol", 1) == P2P_STANDING_MEMBER);
  CHECK(p2p_members_approve(&members, "bob", fingerprint(1)) == P2P_ERR_ACCESS); /* carol's */
  CHECK(members.n_approvals == 1);
  p2p_members_clear(&members);
}

TEST(only_fingerprints_and_keys_are_approved) {
  char bad[P2P_FINGERPRINT_MAX + 8];
  static const char *const texts[] = {"",
                                      "bob",
                                      "SHA256:",
                                      "AwABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "AwABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "AwABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
                                      "MD5:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    CHECK(p2p_members_approve(&members, "bob", texts[i]) == P2P_ERR_INVALID);
  for (size_t cut = 0; cut < strlen(fingerprint(1)); cut++) {
    snprintf(bad, sizeof bad, "%.*s", (int)cut, fingerprint(1));
    CHECK(p2p_members_approve(&members, "bob", bad) == P2P_ERR_INVALID);
  }
  snprintf(bad, sizeof bad, "%s=", fingerprint(1));
  CHECK(p2p_members_approve(&members, "bob", bad) == P2P_ERR_INVALID);
  snprintf(bad, sizeof bad, "%s", fingerprint(1));
  bad[20] = '=';
  CHECK(p2p_members_approve(&members, "bob", bad) == P2P_ERR_INVALID);
  CHECK(members.n_approvals == 0 && !members.is_changed);
}

TEST(a_user_is_expelled_with_all_devices) {
  struct p2p_sign_public invitation = key(100);
  add("bob", 1, 1);
  add("bob", 2, 1);
  add("carol", 3, 1);
  CHECK(p2p_members_approve(&members, "bob", fingerprint(1)) == P2P_OK);
  CHECK(p2p_members_approve(&members, "carol", fingerprint(3)) == P2P_OK);
  CHECK(p2p_members_invite(&members, "bob", &invitation, 5) == P2P_OK);
  CHECK(p2p_members_expel(&members, "bob", 2) == 4);
  CHECK(standing("bob", 1) == P2P_STANDING_EXPELLED && find("bob", 1)->expelled_by == 2);
  CHECK(standing("bob", 2) == P2P_STANDING_EXPELLED);
  CHECK(standing("bob", 9) == P2P_STANDING_EXPELLED); /* a new device is not his first one */
  CHECK(standing("carol", 1) == P2P_STANDING_EXPELLED);
  CHECK(standing("carol", 3) == P2P_STANDING_MEMBER && find("carol", 3)->expelled_by == 0);
  CHECK(p2p_members_invitation(&members, "bob", &invitation) == NULL);
  CHECK(members.n_approvals == 1);
  see("bob", 1, 5000);
  CHECK(find("bob", 1)->seen_s == 1);
  CHECK(p2p_members_approve(&members, "bob", fingerprint(1)) == P2P_OK);
  CHECK(standing("bob", 1) == P2P_STANDING_APPROVED && standing("bob", 2) == P2P_STANDING_EXPELLED);
  add("bob", 1, 9);
  CHECK(standing("bob", 1) == P2P_STANDING_MEMBER && find("bob", 1)->since_s == 1);
  p2p_members_clear(&members);
}

TEST(a_device_is_expelled_whoever_uses_it) {
  add("bob", 1, 1);
  add("bob", 2, 1);
  add("robert", 1, 1);
  CHECK(p2p_members_expel(&members, fingerprint(1), 2) == 2);
  CHECK(standing("bob", 1) == P2P_STANDING_EXPELLED &&
        standing("robert", 1) == P2P_STANDING_EXPELLED);
  CHECK(standing("bob", 2) == P2P_STANDING_MEMBER && standing("bob", 3) == P2P_STANDING_FURTHER);
  CHECK(p2p_members_expel(&members, fingerprint(1), 3) == 2 && find("bob", 1)->expelled_by == 3);
  members.is_changed = false;
  CHECK(p2p_members_expel(&members, fingerprint(7), 4) == 0);
  CHECK(p2p_members_expel(&members, "", 4) == 0 && p2p_members_expel(&members, "bo", 4) == 0);
  CHECK(!members.is_changed);
  CHECK(p2p_members_approve(&members, "bob", fingerprint(7)) == P2P_OK);
  CHECK(p2p_members_expel(&members, fingerprint(7), 4) == 1 && members.n_approvals == 0);
  /* Who is expelled by one name takes the device along. */
  add("robert", 2, 1);
  CHECK(p2p_members_expel(&members, "robert", 5) == 2);
  CHECK(standing("bob", 2) == P2P_STANDING_EXPELLED);
  p2p_members_clear(&members);
}

TEST(an_invitation_is_for_one_user_and_one_use) {
  struct p2p_sign_public first = key(100), second = key(101);
  CHECK(p2p_members_invite(&members, "bob", &first, 5) == P2P_OK);
  CHECK(p2p_members_invite(&members, "bob", &second, 6) == P2P_OK);
  CHECK(p2p_members_invitation(&members, "bob", &first)->created_s == 5);
  CHECK(p2p_members_invitation(&members, "carol", &first) == NULL);
  p2p_members_end_invitation(&members, &first);
  CHECK(p2p_members_invitation(&members, "bob", &first) == NULL);
  CHECK(p2p_members_invitation(&members, "bob", &second)->created_s == 6);
  members.is_changed = false;
  p2p_members_end_invitation(&members, &first);
  CHECK(!members.is_changed && members.n_invitations == 1);
  p2p_members_clear(&members);
}

TEST(malformed_names_are_refused) {
  static const char *const names[] = {"", ".", "..", "a b", "a\nb", "a/b", "-a", "a=b", "a,b"};
  struct p2p_sign_public device = key(1);
  char large[P2P_USER_NAME_MAX + 1];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    CHECK(p2p_members_add(&members, names[i], &device, 1) == P2P_ERR_INVALID);
    CHECK(p2p_members_invite(&members, names[i], &device, 1) == P2P_ERR_INVALID);
  }
  memset(large, 'a', sizeof large);
  large[P2P_USER_NAME_MAX] = '\0';
  CHECK(p2p_members_add(&members, large, &device, 1) == P2P_ERR_INVALID);
  CHECK(!members.is_changed && members.n_devices == 0 && members.n_invitations == 0);
}

static void check_same(const struct p2p_members *a, const struct p2p_members *b) {
  CHECK(a->epoch == b->epoch && a->n_devices == b->n_devices && a->n_approvals == b->n_approvals &&
        a->n_invitations == b->n_invitations);
  for (size_t i = 0; i < a->n_devices; i++) {
    const struct p2p_member_device *x = &a->devices[i], *y = &b->devices[i];
    CHECK_STR(x->user, y->user);
    CHECK(memcmp(&x->device, &y->device, sizeof x->device) == 0 && x->since_s == y->since_s &&
          x->seen_s == y->seen_s && x->expelled_by == y->expelled_by);
  }
  for (size_t i = 0; i < a->n_approvals; i++) {
    const struct p2p_member_approval *x = &a->approvals[i], *y = &b->approvals[i];
    CHECK_STR(x->user, y->user);
    CHECK(memcmp(x->hash, y->hash, sizeof x->hash) == 0);
  }
  for (size_t i = 0; i < a->n_invitations; i++) {
    CHECK_STR(a->invitations[i].user, b->invitations[i].user);
    CHECK(a->invitations[i].created_s == b->invitations[i].created_s &&
          memcmp(&a->invitations[i].key, &b->invitations[i].key, sizeof a->invitations[i].key) ==
              0);
  }
}

/* As full as it gets, with the longest names and numbers. */
TEST(the_text_of_all_that_fits_comes_back) {
  char user[P2P_USER_NAME_MAX];
  memset(user, 'u', sizeof user - 1);
  user[sizeof user - 1] = '\0';
  for (unsigned i = 0; i < P2P_MEMBER_DEVICES_MAX; i++) add(user, i, UINT64_MAX);
  for (unsigned i = 0; i < P2P_MEMBER_INVITATIONS_MAX; i++) {
    struct p2p_sign_public invitation = key(i);
    CHECK(p2p_members_invite(&members, user, &invitation, UINT64_MAX) == P2P_OK);
  }
  for (size_t i = 0; i < members.n_devices; i++) members.devices[i].expelled_by = UINT32_MAX;
  for (unsigned i = 0; i < P2P_MEMBER_APPROVALS_MAX; i++)
    CHECK(p2p_members_approve(&members, user, fingerprint(i)) == P2P_OK);
  p2p_members_set_epoch(&members, UINT32_MAX);
  struct p2p_sign_public more = key(5000);
  CHECK(p2p_members_add(&members, user, &more, 1) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_members_invite(&members, user, &more, 1) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_members_approve(&members, user, fingerprint(5000)) == P2P_ERR_TOO_LARGE);
  p2p_buf_init(&text, P2P_MEMBERS_TEXT_MAX);
  CHECK(p2p_members_format(&members, &text) == P2P_OK);
  p2p_members_init(&back);
  CHECK(p2p_members_parse(&text, &back) == P2P_OK && !back.is_changed);
  check_same(&members, &back);
  p2p_members_clear(&back);
  p2p_members_clear(&members);
  p2p_buf_clear(&text);
}

static int parse(const char *bytes, size_t length) {
  struct p2p_buf contents;
  p2p_buf_init(&contents, length);
  CHECK(p2p_buf_put(&contents, bytes, length) == P2P_OK);
  p2p_members_init(&back);
  int code = p2p_members_parse(&contents, &back);
  CHECK(code == P2P_OK || (back.n_devices == 0 && back.devices == NULL && back.epoch == 0));
  p2p_members_clear(&back);
  p2p_buf_clear(&contents);
  return code;
}

#define K "AwABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HEAD "future.p2p members 1\nepoch=1\n"
#define DEVICE "device=" K " 1 2 0 bob\n"

TEST(damaged_texts_are_refused) {
  static const char good[] = HEAD DEVICE "approved=" K " bob\ninvitation=" K " 1 bob\n";
  static const char *const bad[] = {"",
                                    "future.p2p members 1\n",
                                    "future.p2p membership 1\nepoch=1\n",
                                    HEAD "\n",
                                    HEAD "more=1\n",
                                    HEAD "epoch=2\n",
                                    HEAD "approved=" K " bob\n" DEVICE,
                                    HEAD "device=" K " 1 2 0 \n",
                                    HEAD "device=" K " 1 2 0\n",
                                    HEAD "device=" K "  1 2 0 bob\n",
                                    HEAD "device=" K " 01 2 0 bob\n",
                                    HEAD "device=" K " -1 2 0 bob\n",
                                    HEAD "device=" K " 1000000000000 2 0 bob\n",
                                    HEAD "device=" K " 1 2 4294967296 bob\n",
                                    HEAD "device=" K " 1 2 0 bob \n",
                                    HEAD "device=" K " 1 2 0 b ob\n",
                                    HEAD "device=" K " 1 2 0 bob\r\n",
                                    HEAD "device=" K "A 1 2 0 bob\n",
                                    HEAD "approved=AA bob\n",
                                    HEAD "approved=" K "\n",
                                    HEAD "approved=" K " -\n",
                                    HEAD "approved=" K "  bob\n",
                                    HEAD "invitation=" K " 1 -\n"};
  CHECK(parse(good, strlen(good)) == P2P_OK);
  CHECK(parse("future.p2p members 2\n", 21) == P2P_ERR_VERSION);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(parse(bad[i], strlen(bad[i])) == P2P_ERR_PARSE);
  for (size_t cut = 0; cut < strlen(good); cut++) {
    bool is_line = cut > 21 && good[cut - 1] == '\n';
    CHECK(parse(good, cut) == (is_line ? P2P_OK : P2P_ERR_PARSE));
  }
  char copy[sizeof good];
  for (size_t i = 0; i < strlen(good); i++) {
    memcpy(copy, good, sizeof good);
    copy[i] = '\0';
    CHECK(parse(copy, strlen(good)) == P2P_ERR_PARSE);
  }
}

TEST(too_many_entries_are_refused) {
  static char large[P2P_MEMBERS_TEXT_MAX];
  size_t used = (size_t)snprintf(large, sizeof large, HEAD);
  for (int i = 0; i < P2P_MEMBER_DEVICES_MAX; i++, used += strlen(DEVICE))
    memcpy(large + used, DEVICE, strlen(DEVICE));
  CHECK(parse(large, used) == P2P_OK);
  memcpy(large + used, DEVICE, strlen(DEVICE));
  CHECK(parse(large, used + strlen(DEVICE)) == P2P_ERR_TOO_LARGE);
}

UNIT_MAIN("members", UNIT(devices_are_members_once_they_are_added),
          UNIT(being_seen_is_noted_once_a_minute),
          UNIT(an_approval_is_for_one_device_and_ends_when_it_is_added),
          UNIT(an_approval_is_for_one_user), UNIT(only_fingerprints_and_keys_are_approved),
          UNIT(a_user_is_expelled_with_all_devices), UNIT(a_device_is_expelled_whoever_uses_it),
          UNIT(an_invitation_is_for_one_user_and_one_use), UNIT(malformed_names_are_refused),
          UNIT(the_text_of_all_that_fits_comes_back), UNIT(damaged_texts_are_refused),
          UNIT(too_many_entries_are_refused))
