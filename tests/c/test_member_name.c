/* The validators of names, counts, versions and machines. */
#include "protocol/member_name.h"

#include <stdlib.h>

#include "protocol/machine.h"
#include "protocol/versions.h"
#include "unit.h"

static char big[400];

static void fill(size_t length) {
  memset(big, 'a', sizeof big);
  big[length] = '\0';
}

TEST(a_user_name_has_few_characters) {
  static const char *const bad[] = {"",    ".a",  "-a",  "a b", "a/b",
                                    "a@b", "a:b", "a;b", "a,b", "\xc3\xa4"};
  static const char *const good[] = {"a", "0", "_", "alice", "a.b-c_d", "A9", "a.", "a-"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(!p2p_user_name_is_valid(bad[i], strlen(bad[i])));
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    CHECK(p2p_user_name_is_valid(good[i], strlen(good[i])));
  CHECK(!p2p_user_name_is_valid("a\0b", 3));
  CHECK(p2p_user_name_is_valid("ab@", 2)); /* the length counts, not a NUL */
  fill(P2P_USER_NAME_MAX - 1);
  CHECK(p2p_user_name_is_valid(big, strlen(big)));
  fill(P2P_USER_NAME_MAX);
  CHECK(!p2p_user_name_is_valid(big, strlen(big)));
}

TEST(a_cluster_name_has_few_characters) {
  CHECK(p2p_cluster_name_is_valid("friends", 7));
  CHECK(!p2p_cluster_name_is_valid("", 0));
  CHECK(!p2p_cluster_name_is_valid(".hidden", 7));
  CHECK(!p2p_cluster_name_is_valid("a/b", 3));
  fill(P2P_CLUSTER_NAME_MAX - 1);
  CHECK(p2p_cluster_name_is_valid(big, strlen(big)));
  fill(P2P_CLUSTER_NAME_MAX);
  CHECK(!p2p_cluster_name_is_valid(big, strlen(big)));
}

TEST(a_member_name_is_user_host_and_pid) {
  static const char *const bad[] = {
      "",          "alice",   "alice@laptop",    "alice@laptop:", "alice@:1",
      "@host:1",   "a@b:1 ",  "al\033ice@b:1",   ".a@b:1",        "-a@b:1",
      "a@b@c:1",   "a@b:1:2", "a@b:12345678901", "a@b:-1",        "a@b:x",
      "a@[::1]:1", "a@b c:1"};
  static const char *const good[] = {"alice@laptop.local:1234", "a@b:0", "a@b:1234567890",
                                     "a@unknown:1", "a@my_host-2:1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(!p2p_member_name_is_valid(bad[i]));
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    CHECK(p2p_member_name_is_valid(good[i]));
}

TEST(a_member_name_has_a_longest_form) {
  fill(sizeof big - 1);
  big[P2P_USER_NAME_MAX - 1] = '@';
  memcpy(big + P2P_MEMBER_NAME_MAX - 3, ":1", 3);
  CHECK(strlen(big) == P2P_MEMBER_NAME_MAX - 1 && p2p_member_name_is_valid(big));
  memcpy(big + P2P_MEMBER_NAME_MAX - 3, ":12", 4);
  CHECK(!p2p_member_name_is_valid(big));
  fill(P2P_USER_NAME_MAX);
  strcat(big, "@b:1");
  CHECK(!p2p_member_name_is_valid(big));
}

TEST(a_count_is_a_plain_number_within_its_cap) {
  static const char *const bad[] = {
      "",    "0",   "01",  "+1", "-1",  " 1",         "1 ",
      "1.0", "1e3", "0x1", "x",  "101", "1000000000", "99999999999999999999"};
  uint32_t out = 7;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(!p2p_count_parse(bad[i], 100, &out) && out == 7);
  CHECK(p2p_count_parse("1", 100, &out) && out == 1);
  CHECK(p2p_count_parse("100", 100, &out) && out == 100);
  CHECK(p2p_count_parse("999999999", UINT32_MAX, &out) && out == 999999999);
  CHECK(!p2p_count_parse("1000000000", UINT32_MAX, &out));
}

TEST(a_version_is_two_to_eight_numbers) {
  static const char *const bad[] = {"",
                                    "4",
                                    "4.",
                                    ".4",
                                    "4..2",
                                    "4.2.",
                                    "4.x",
                                    "4.2 ",
                                    "-4.2",
                                    "4.2--1",
                                    "1.2.3.4.5.6.7.8.9",
                                    "1.1234567890",
                                    "11111111.11111111.11111111.11111"};
  static const char *const good[] = {"4.2", "4.2.2",           "1.70.0-9001", "1-2",
                                     "0.0", "1.2.3.4.5.6.7.8", "1.123456789"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(!p2p_version_is_valid(bad[i]));
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) CHECK(p2p_version_is_valid(good[i]));
}

static bool reads(struct p2p_machine_texts texts, struct p2p_machine *machine) {
  return p2p_machine_read(&texts, machine);
}

#define TEXTS(...) ((struct p2p_machine_texts){__VA_ARGS__})

TEST(a_machine_is_reported_in_whole_or_in_part) {
  struct p2p_machine machine = {.cores = 7};
  CHECK(reads(TEXTS(.cores = NULL), &machine) && machine.cores == 0 && !machine.reserves);
  CHECK(reads(TEXTS(.platform = "aarch64-apple-darwin20", .cores = "65536", .memory = "999999999",
                    .reserves = "1", .limit = "2048", .tags = "bioc;x", .gpus = "64"),
              &machine));
  CHECK_STR(machine.platform, "aarch64-apple-darwin20");
  CHECK(machine.cores == 65536 && machine.memory_mib == 999999999 && machine.limit_mib == 2048);
  CHECK(machine.reserves && machine.gpus == 64);
  CHECK(!reads(TEXTS(.gpus = "65"), &machine) && !reads(TEXTS(.gpus = "0"), &machine));
  CHECK_STR(machine.tags, "bioc;x");
  CHECK(!reads(TEXTS(.platform = ""), &machine) && !reads(TEXTS(.platform = "a,b"), &machine));
  CHECK(!reads(TEXTS(.cores = "65537"), &machine) && !reads(TEXTS(.cores = "0"), &machine));
  CHECK(!reads(TEXTS(.memory = "1000000000"), &machine) && !reads(TEXTS(.limit = "x"), &machine));
  CHECK(!reads(TEXTS(.tags = "a b"), &machine) && !reads(TEXTS(.tags = ""), &machine));
  CHECK(!reads(TEXTS(.sandbox = ""), &machine) && !reads(TEXTS(.sandbox = "locked"), &machine));
  CHECK(machine.cores == 65536); /* unchanged */
  for (int i = 1; i <= P2P_MACHINE_SANDBOX_NAMESPACES; i++) {
    const char *name = p2p_machine_sandbox_name((enum p2p_machine_sandbox)i);
    CHECK(reads(TEXTS(.sandbox = name), &machine) && (int)machine.sandbox == i);
  }
  fill(P2P_PLATFORM_MAX - 1);
  CHECK(p2p_platform_is_valid(big));
  fill(P2P_PLATFORM_MAX);
  CHECK(!p2p_platform_is_valid(big));
}

TEST(the_user_of_a_member_and_the_owner_of_a_cluster) {
  char user[P2P_USER_NAME_MAX];
  p2p_member_name_user("alice@laptop:1234", user);
  CHECK_STR(user, "alice");
  p2p_cluster_owner("bob/friends", user);
  CHECK_STR(user, "bob");
}

UNIT_MAIN("member_name", UNIT(a_user_name_has_few_characters),
          UNIT(a_cluster_name_has_few_characters), UNIT(a_member_name_is_user_host_and_pid),
          UNIT(a_member_name_has_a_longest_form), UNIT(a_count_is_a_plain_number_within_its_cap),
          UNIT(a_version_is_two_to_eight_numbers), UNIT(a_machine_is_reported_in_whole_or_in_part),
          UNIT(the_user_of_a_member_and_the_owner_of_a_cluster))
