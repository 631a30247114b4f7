/* What a device knows of a cluster: its file, and which of two memberships holds. */
#include <stdbool.h>
#include <sys/wait.h>

#include "crypto/random.h"
#include "key_folder.h"
#include "keys/membership.h"

#define CLUSTER "alice/friends"
#define PLACE "board.example%3A2222/alice/friends/"

static struct p2p_err err;
static struct p2p_membership kept, read_back;
static bool exists;
static const struct p2p_key_place place = {key_folder, "board.example:2222", CLUSTER, NULL};

static struct p2p_membership enrolled(uint32_t epoch, uint8_t secret) {
  struct p2p_membership out = {.is_enrolled = true, .grant = {.epoch = epoch, .user = "bob"}};
  memset(out.grant.owner.bytes, 7, sizeof out.grant.owner.bytes);
  memset(out.grant.secret, secret, sizeof out.grant.secret);
  memset(out.grant.certificate, (int)epoch, sizeof out.grant.certificate);
  return out;
}

static struct p2p_membership invited(uint8_t seed) {
  struct p2p_membership out = {.is_invited = true};
  memset(out.grant.owner.bytes, 7, sizeof out.grant.owner.bytes);
  memset(out.invitation.bytes, seed, sizeof out.invitation.bytes);
  return out;
}

static bool same(const struct p2p_membership *a, const struct p2p_membership *b) {
  return a->is_enrolled == b->is_enrolled && a->is_invited == b->is_invited &&
         a->grant.epoch == b->grant.epoch && strcmp(a->grant.user, b->grant.user) == 0 &&
         memcmp(a->grant.owner.bytes, b->grant.owner.bytes, sizeof a->grant.owner.bytes) == 0 &&
         memcmp(a->grant.secret, b->grant.secret, sizeof a->grant.secret) == 0 &&
         memcmp(a->grant.certificate, b->grant.certificate, sizeof a->grant.certificate) == 0 &&
         memcmp(a->invitation.bytes, b->invitation.bytes, sizeof a->invitation.bytes) == 0;
}

/* Keeps `membership`: then `expected` holds. */
static void keep(struct p2p_membership membership, struct p2p_membership expected) {
  CHECK(p2p_membership_keep(&place, &membership, &err) == P2P_OK);
  CHECK(same(&membership, &expected));
  CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == P2P_OK && exists);
  CHECK(same(&read_back, &expected));
}

TEST(a_membership_comes_back_and_can_be_removed) {
  key_folder_make();
  CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == P2P_OK && !exists);
  CHECK(access(key_folder, F_OK) != 0); /* reading makes nothing */
  CHECK(p2p_membership_remove(&place, &err) == P2P_OK);
  keep(enrolled(1, 1), enrolled(1, 1));
  CHECK(key_folder_mode(PLACE "membership") == 0600 && key_folder_mode(PLACE) == 0700 &&
        key_folder_mode("board.example%3A2222") == 0700);
  CHECK(p2p_membership_remove(&place, &err) == P2P_OK);
  CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == P2P_OK && !exists);
  CHECK(p2p_membership_remove(&place, &err) == P2P_OK);
  key_folder_remove();
}

TEST(the_later_epoch_holds) {
  key_folder_make();
  keep(enrolled(2, 2), enrolled(2, 2));
  keep(enrolled(1, 1), enrolled(2, 2));
  keep(enrolled(2, 3), enrolled(2, 2)); /* made at the same time */
  keep(enrolled(3, 3), enrolled(3, 3));
  struct p2p_membership renamed = enrolled(3, 3);
  snprintf(renamed.grant.user, sizeof renamed.grant.user, "robert");
  keep(renamed, renamed);
  key_folder_remove();
}

TEST(an_invitation_ends_with_the_grant) {
  key_folder_make();
  keep(invited(9), invited(9));
  keep(invited(8), invited(8));
  keep(enrolled(1, 1), enrolled(1, 1));
  struct p2p_membership both = enrolled(1, 1);
  both.is_invited = true;
  both.invitation = invited(9).invitation;
  keep(invited(9), both);
  keep(enrolled(2, 2), enrolled(2, 2));
  key_folder_remove();
}

TEST(another_owner_is_refused) {
  key_folder_make();
  keep(invited(9), invited(9));
  static const struct p2p_membership none;
  for (int i = 0; i < 2; i++) {
    kept = i == 0 ? enrolled(5, 5) : invited(1);
    kept.grant.owner.bytes[31] ^= 1;
    CHECK(p2p_membership_keep(&place, &kept, &err) == P2P_ERR_ACCESS);
    CHECK_STR(err.reason, "owner_changed");
    CHECK(memcmp(&kept, &none, sizeof none) == 0);
    CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == P2P_OK);
    struct p2p_membership expected = invited(9);
    CHECK(same(&read_back, &expected));
  }
  key_folder_remove();
}

static void expect(int code, const char *reason) {
  static const struct p2p_membership none;
  memset(&read_back, 1, sizeof read_back);
  CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == code);
  CHECK_STR(err.reason, reason);
  CHECK(memcmp(&read_back, &none, sizeof none) == 0);
  kept = enrolled(9, 9);
  CHECK(p2p_membership_keep(&place, &kept, &err) == code); /* a damaged file is not replaced */
}

TEST(a_damaged_file_is_an_error) {
  char text[2048];
  key_folder_make();
  struct p2p_membership both = enrolled(1, 1);
  both.is_invited = true;
  both.invitation = invited(9).invitation;
  keep(both, both);
  size_t length = key_folder_read(PLACE "membership", text, sizeof text);
  size_t grant = (size_t)(strstr(text, "epoch=") - text);
  size_t invitation = (size_t)(strstr(text, "invitation=") - text);
  for (size_t cut = 0; cut < length; cut++) {
    if (cut == grant || cut == invitation) continue; /* states of their own */
    key_folder_write(PLACE "membership", text, cut);
    expect(P2P_ERR_PARSE, "keys_damaged");
  }
  for (size_t i = 0; i < length; i++) {
    char was = text[i];
    text[i] = '\0';
    key_folder_write(PLACE "membership", text, length);
    expect(P2P_ERR_PARSE, "keys_damaged");
    text[i] = was;
  }
  memcpy(text + length, "more=1\n", 7);
  key_folder_write(PLACE "membership", text, length + 7);
  expect(P2P_ERR_PARSE, "keys_damaged");
  text[strlen("future.p2p membership ")] = '2';
  key_folder_write(PLACE "membership", text, length);
  expect(P2P_ERR_VERSION, "keys_newer");
  key_folder_remove();
}

TEST(the_file_of_another_cluster_is_damaged) {
  static const struct p2p_key_place other = {key_folder, "board.example:2222", "alice/friendz",
                                             NULL};
  char text[2048];
  key_folder_make();
  keep(enrolled(1, 1), enrolled(1, 1));
  size_t length = key_folder_read(PLACE "membership", text, sizeof text);
  kept = enrolled(1, 1);
  CHECK(p2p_membership_keep(&other, &kept, &err) == P2P_OK);
  key_folder_write("board.example%3A2222/alice/friendz/membership", text, length);
  CHECK(p2p_membership_read(&other, &read_back, &exists, &err) == P2P_ERR_PARSE);
  key_folder_remove();
}

TEST(links_and_exposed_folders_on_the_way_are_refused) {
  static const char *const folders[] = {"board.example%3A2222", "board.example%3A2222/alice",
                                        "board.example%3A2222/alice/friends"};
  char elsewhere[96];
  key_folder_make();
  snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", key_root);
  keep(enrolled(1, 1), enrolled(1, 1));
  for (size_t i = 0; i < 3; i++) {
    CHECK(chmod(key_folder_path(folders[i]), 0710) == 0);
    CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == P2P_ERR_ACCESS);
    CHECK_STR(err.reason, "keys_exposed");
    CHECK(chmod(key_folder_path(folders[i]), 0700) == 0);
    CHECK(rename(key_folder_path(folders[i]), elsewhere) == 0);
    CHECK(symlink(elsewhere, key_folder_path(folders[i])) == 0);
    CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == P2P_ERR_SYSTEM);
    kept = enrolled(1, 1);
    CHECK(p2p_membership_keep(&place, &kept, &err) == P2P_ERR_SYSTEM);
    CHECK(unlink(key_folder_path(folders[i])) == 0 &&
          rename(elsewhere, key_folder_path(folders[i])) == 0);
  }
  CHECK(unlink(key_folder_path(PLACE "lock")) == 0);
  CHECK(symlink(elsewhere, key_folder_path(PLACE "lock")) == 0);
  kept = enrolled(1, 1);
  CHECK(p2p_membership_keep(&place, &kept, &err) == P2P_ERR_SYSTEM);
  CHECK(access(elsewhere, F_OK) != 0);
  key_folder_remove();
}

/* Each child keeps a later epoch than all before, in any order: the last one holds. */
TEST(processes_that_write_at_once_lose_nothing) {
  int status;
  key_folder_make();
  for (uint32_t i = 1; i <= 16; i++) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid != 0) continue;
    kept = enrolled(i * 7 % 17, (uint8_t)i);
    _exit(p2p_membership_keep(&place, &kept, &err) == P2P_OK ? 0 : 1);
  }
  for (int i = 0; i < 16; i++) CHECK(wait(&status) > 0 && status == 0);
  CHECK(p2p_membership_read(&place, &read_back, &exists, &err) == P2P_OK && exists);
  CHECK(read_back.grant.epoch == 16);
  key_folder_remove();
}

static int path_of(const char *board, const char *cluster, char *out) {
  const struct p2p_key_place named = {"/k", board, cluster, NULL};
  return p2p_key_place_path(&named, "membership", out, &err);
}

TEST(names_are_one_folder_each) {
  char path[P2P_KEY_PATH_MAX];
  CHECK(path_of("Board.Example:22", "alice/lab", path) == P2P_OK);
  CHECK_STR(path, "/k/board.example%3A22/alice/lab/membership");
  CHECK(path_of("[::1]:22", "Al_i-ce.x/LAB", path) == P2P_OK);
  CHECK_STR(path, "/k/%5B%3A%3A1%5D%3A22/%41l_i-ce.x/%4C%41%42/membership");
  CHECK(path_of("..:22", "a/b", path) == P2P_OK);
  CHECK_STR(path, "/k/%2E.%3A22/a/b/membership");
  struct p2p_key_place place_of_bob = {"/k", "board:22", "alice/lab", "bob"};
  CHECK(p2p_key_place_path(&place_of_bob, "lock", path, &err) == P2P_OK);
  CHECK_STR(path, "/k/bob%40board%3A22/alice/lab/lock");
  place_of_bob.account = "../bob";
  CHECK(p2p_key_place_path(&place_of_bob, "lock", path, &err) == P2P_ERR_INVALID);
}

TEST(names_that_lead_elsewhere_are_refused) {
  static const char *const boards[] = {"",      "board",  "board:", "board:0", "board:65536", ":22",
                                       "/:22",  "a/b:22", "a b:22", "%2e:22",  "board:22/..", "..",
                                       "b\n:22"};
  static const char *const clusters[] = {
      "",         "alice", "/",       "alice/",    "/lab",     "../x",
      "alice/..", "./x",   "alice/.", "alice/a/b", "a\\/b",    "alice/a b",
      "a/%2e",    "a\n/b", "-a/b",    "a/-b",      "alice//b", "al\xc3\xa9/b"};
  char path[P2P_KEY_PATH_MAX];
  for (size_t i = 0; i < sizeof boards / sizeof boards[0]; i++)
    CHECK(path_of(boards[i], "alice/lab", path) == P2P_ERR_INVALID);
  for (size_t i = 0; i < sizeof clusters / sizeof clusters[0]; i++)
    CHECK(path_of("board:22", clusters[i], path) == P2P_ERR_INVALID);
  char large[300];
  memset(large, 'a', sizeof large);
  memcpy(large + 250, ":22", 4);
  CHECK(path_of(large, "alice/lab", path) == P2P_OK);
  memset(large, 'a', sizeof large);
  memcpy(large + 255, ":22", 4);
  CHECK(path_of(large, "alice/lab", path) == P2P_ERR_TOO_LARGE);
  memcpy(large, "alice/", 6);
  memset(large + 6, 'A', 95);
  large[6 + 95] = '\0';
  CHECK(path_of("board:22", large, path) == P2P_ERR_TOO_LARGE);
}

TEST(the_accounts_of_a_board_are_known) {
  static const char *const names[] = {"bob", "Bob", "b_o.b-2"};
  struct p2p_key_place other = place;
  struct p2p_key_accounts accounts;
  key_folder_make();
  CHECK(p2p_key_place_accounts(&place, &accounts, &err) == P2P_OK && accounts.n == 0);
  keep(enrolled(1, 1), enrolled(1, 1)); /* of no account */
  for (size_t i = 0; i < 3; i++) {
    struct p2p_membership membership = enrolled(1, 1);
    other.account = names[i];
    CHECK(p2p_membership_keep(&other, &membership, &err) == P2P_OK);
  }
  other.board = "oard.example:2222";
  CHECK(p2p_key_place_accounts(&other, &accounts, &err) == P2P_OK && accounts.n == 0);
  other.board = "BOARD.example:2222";
  CHECK(p2p_key_place_accounts(&other, &accounts, &err) == P2P_OK && accounts.n == 3);
  for (size_t i = 0; i < 3; i++) {
    size_t n = 0;
    for (size_t j = 0; j < accounts.n; j++) n += strcmp(accounts.names[j], names[i]) == 0;
    CHECK(n == 1);
  }
  key_folder_remove();
}

TEST(folders_that_we_have_not_named_are_no_accounts) {
  static const char *const names[] = {"%40board.example%3A2222", "%2%40board.example%3A2222",
                                      "%ZZ%40board.example%3A2222", "%00%40board.example%3A2222",
                                      "a%2Fb%40board.example%3A2222"};
  struct p2p_key_accounts accounts;
  struct p2p_membership membership = enrolled(1, 1);
  key_folder_make();
  CHECK(p2p_membership_keep(&place, &membership, &err) == P2P_OK);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    CHECK(mkdir(key_folder_path(names[i]), 0700) == 0);
  CHECK(p2p_key_place_accounts(&place, &accounts, &err) == P2P_OK && accounts.n == 0);
  key_folder_remove();
}

UNIT_MAIN("membership", UNIT(a_membership_comes_back_and_can_be_removed),
          UNIT(the_later_epoch_holds), UNIT(an_invitation_ends_with_the_grant),
          UNIT(another_owner_is_refused), UNIT(a_damaged_file_is_an_error),
          UNIT(the_file_of_another_cluster_is_damaged),
          UNIT(links_and_exposed_folders_on_the_way_are_refused),
          UNIT(processes_that_write_at_once_lose_nothing), UNIT(names_are_one_folder_each),
          UNIT(names_that_lead_elsewhere_are_refused), UNIT(the_accounts_of_a_board_are_known),
          UNIT(folders_that_we_have_not_named_are_no_accounts))
