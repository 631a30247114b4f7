/* Names of clusters, and what `ls` shows of a topic. */
#include "board/topic.h"

#include <stdlib.h>

#include "unit.h"

static const struct p2p_cluster friends = {.owner = "alice", .name = "friends"};

/* A copy of the exact size, so that a read beyond the end is seen. */
static enum p2p_topic_access find(const char *text, const char *user) {
  size_t length = strlen(text);
  char *exact = malloc(length + 1);
  memcpy(exact, text, length);
  enum p2p_topic_access result = p2p_topic_find(exact, length, &friends, user);
  free(exact);
  return result;
}

static bool lists(const char *text, const char *user) {
  return p2p_topic_lists_user(text, strlen(text), &friends, user);
}

TEST(a_cluster_is_owner_slash_name) {
  struct p2p_cluster cluster = {.owner = "untouched"};
  struct p2p_err err;
  CHECK(p2p_cluster_parse("alice/friends", &cluster, &err) == P2P_OK);
  CHECK_STR(cluster.owner, "alice");
  CHECK_STR(cluster.name, "friends");
  CHECK(p2p_cluster_parse("a.b_c-1/2.x", &cluster, NULL) == P2P_OK);

  const char *bad[] = {"",      "alice",         "/friends", "alice/",   "alice/a/b", "-a/b",
                       "a/-b",  ".a/b",          "a/..",     "al ice/b", "alice/b\n", "alice/b,c",
                       "a=b/c", "ali\xc3\xa7/b", "alice//b", "alice/b\r"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK(p2p_cluster_parse(bad[i], &cluster, &err) == P2P_ERR_INVALID);
    CHECK(strstr(err.message, "owner/name") != NULL);
  }
  CHECK(p2p_cluster_parse(NULL, &cluster, &err) == P2P_ERR_INVALID);
  CHECK_STR(cluster.owner, "a.b_c-1");
}

TEST(the_length_of_names_is_capped) {
  struct p2p_cluster cluster;
  char text[256];
  memset(text, 'a', sizeof text);
  text[63] = '/';
  text[63 + 1 + 95] = '\0';
  CHECK(p2p_cluster_parse(text, &cluster, NULL) == P2P_OK);
  text[63 + 1 + 95] = 'a';
  text[63 + 1 + 96] = '\0';
  CHECK(p2p_cluster_parse(text, &cluster, NULL) == P2P_ERR_INVALID);
  memset(text, 'a', sizeof text);
  text[64] = '/';
  text[70] = '\0';
  CHECK(p2p_cluster_parse(text, &cluster, NULL) == P2P_ERR_INVALID);
  text[64] = '\0';
  CHECK(!p2p_user_is_valid(text));
  CHECK(p2p_user_is_valid(text + 1));
  CHECK(!p2p_user_is_valid("") && !p2p_user_is_valid(NULL) && !p2p_user_is_valid("a/b"));
}

TEST(the_owner_has_a_shorter_topic_name) {
  char topic[64];
  CHECK(p2p_topic_name(&friends, "alice", topic, sizeof topic) == P2P_OK);
  CHECK_STR(topic, "friends/future.p2p");
  CHECK(p2p_topic_name(&friends, "bob", topic, sizeof topic) == P2P_OK);
  CHECK_STR(topic, "alice/friends/future.p2p");
  CHECK(p2p_topic_name(&friends, "bob", topic, 10) == P2P_ERR_TOO_LARGE);
}

static const char *const LISTED = "Channel Information\r\n"
                                  "- alice/other/future.p2p:\r\n"
                                  "  Pipes:\r\n"
                                  "  - 11-uuid (alice-laptop@203.0.113.5:40334)\r\n"
                                  "- alice/friends/future.p2p: (Access List: alice, bob)\r\n"
                                  "  Pipes:\r\n"
                                  "  - 2f1c-uuid (alice-laptop@203.0.113.5:40334)\r\n";

TEST(the_owner_sees_the_channel_with_and_without_an_access_list) {
  CHECK(find(LISTED, "alice") == P2P_TOPIC_LISTED);
  CHECK(find("- alice/friends/future.p2p: (Access List: bob)", "alice") == P2P_TOPIC_LISTED);
  CHECK(find("- alice/friends/future.p2p:\n- alice/x/future.p2p: (Access List: bob)\n", "alice") ==
        P2P_TOPIC_OPEN);
  CHECK(find("- alice/friends/future.p2p:\r\n", "alice") == P2P_TOPIC_OPEN);
  CHECK(find("- alice/friends/future.p2p\r\n", "alice") == P2P_TOPIC_OPEN);
  CHECK(find("no pubsub channels found\r\n", "alice") == P2P_TOPIC_ABSENT);
  CHECK(find("", "alice") == P2P_TOPIC_ABSENT);
}

TEST(another_user_without_access_sees_a_private_channel) {
  CHECK(find("- bob/alice/friends/future.p2p:\r\n  Pipes:\r\n", "bob") == P2P_TOPIC_PRIVATE);
  CHECK(find("- bob/x:\r\n- bob/alice/friends/future.p2p:", "bob") == P2P_TOPIC_PRIVATE);
  CHECK(find("- bob/alice/friends/future.p2p: (Access List: mallory)\n", "bob") ==
        P2P_TOPIC_PRIVATE);
  CHECK(find("no pubsub channels found\r\n", "bob") == P2P_TOPIC_ABSENT);
  /* Longer, shorter, indented, another owner's, another cluster's: not the channel. */
  CHECK(find("- bob/alice/friends/future.p2p2:\n", "bob") == P2P_TOPIC_ABSENT);
  CHECK(find("- bob/alice/friends/future.p2\n", "bob") == P2P_TOPIC_ABSENT);
  CHECK(find("- bob/alice/friends\n", "bob") == P2P_TOPIC_ABSENT);
  CHECK(find("  - bob/alice/friends/future.p2p:\n", "bob") == P2P_TOPIC_ABSENT);
  CHECK(find("x- bob/alice/friends/future.p2p:\n", "bob") == P2P_TOPIC_ABSENT);
  CHECK(find("- xbob/alice/friends/future.p2p:\n", "bob") == P2P_TOPIC_ABSENT);
  CHECK(find("- bob/alice/friends2/future.p2p:\n", "bob") == P2P_TOPIC_ABSENT);
  CHECK(find("- carol/alice/friends/future.p2p:\n", "bob") == P2P_TOPIC_ABSENT);
}

TEST(a_malformed_ls_has_no_access_list) {
  CHECK(find("- alice/friends/future.p2p: (Access List: bob\r\n", "alice") == P2P_TOPIC_OPEN);
  CHECK(find("- alice/friends/future.p2p: (Access\r\n List: bob)", "alice") == P2P_TOPIC_OPEN);
  CHECK(find("- alice/friends/future.p2p: x (Access List: bob)\n", "alice") == P2P_TOPIC_OPEN);
  CHECK(find("- alice/friends/future.p2p:\r\r\n", "alice") == P2P_TOPIC_OPEN);
  CHECK(find("- alice/friends/future.p2p: (Access List: )\n", "alice") == P2P_TOPIC_LISTED);
}

TEST(users_are_found_by_their_whole_name) {
  CHECK(lists(LISTED, "alice"));
  CHECK(lists(LISTED, "bob"));
  CHECK(!lists(LISTED, "bo"));
  CHECK(!lists(LISTED, "bobb"));
  CHECK(!lists(LISTED, "carol"));
  CHECK(!lists(LISTED, ""));
  CHECK(lists("- alice/friends/future.p2p: (Access List: bob,carol)", "carol"));
  CHECK(!lists("- alice/friends/future.p2p: (Access List: )", "carol"));
  CHECK(!lists("- alice/friends/future.p2p: (Access List: ,,, )", "carol"));
  CHECK(!lists("- alice/friends/future.p2p:\n- alice/x: (Access List: carol)", "carol"));
  CHECK(!lists("", "carol"));
}

static void check_hosted(const char *text, const char *expected) {
  char *exact = malloc(strlen(text) + 1), hosted[P2P_HOSTED_MAX];
  memcpy(exact, text, strlen(text));
  p2p_topic_list_hosted(exact, strlen(text), "alice", hosted);
  CHECK_STR(hosted, expected);
  free(exact);
}

TEST(the_clusters_that_a_user_hosts_are_listed) {
  check_hosted("", "");
  check_hosted("no pubsub channels found\n", "");
  check_hosted("Channel Information\r\n"
               "- alice/friends/future.p2p: (Access List: alice, bob)\r\n"
               "  Pipes:\r\n"
               "  - 2f1c (alice-laptop@203.0.113.5:40334)\r\n"
               "- alice/personal/future.p2p\r\n"
               "- alice/bob/lab/future.p2p: (Access List: alice)\r\n"
               "- alice/other/topic: (Access List: alice)\r\n"
               "- alice/future.p2p: (Access List: alice)\r\n"
               "- alice//future.p2p: (Access List: alice)\r\n"
               "- alicee/x/future.p2p: (Access List: alice)\r\n"
               "- bob/x/future.p2p: (Access List: alice)\r\n"
               "- alice/a\x1b/future.p2p: (Access List: alice)\r\n"
               "- alice/lab/future.p2p: (Access List: alice)",
               "alice/friends alice/lab");
  static char many[40000];
  for (int i = 0; i < 500; i++)
    sprintf(many + strlen(many), "- alice/lab-%03d/future.p2p: (Access List: bob)\n", i);
  char hosted[P2P_HOSTED_MAX];
  p2p_topic_list_hosted(many, strlen(many), "alice", hosted);
  size_t length = strlen(hosted);
  CHECK(length > P2P_HOSTED_MAX - 20 && strcmp(hosted + length - 14, " alice/lab-035") <= 0);
  CHECK(strncmp(hosted, "alice/lab-000 alice/lab-001 ", 28) == 0);
}

TEST(every_prefix_of_an_output_can_be_read) {
  for (size_t length = 0; length <= strlen(LISTED); length++) {
    char *exact = malloc(length + 1);
    memcpy(exact, LISTED, length);
    (void)p2p_topic_find(exact, length, &friends, "alice");
    (void)p2p_topic_lists_user(exact, length, &friends, "bob");
    char hosted[P2P_HOSTED_MAX];
    p2p_topic_list_hosted(exact, length, "alice", hosted);
    CHECK(hosted[0] == '\0' || strcmp(hosted, "alice/friends") == 0);
    free(exact);
  }
}

TEST(a_list_of_users_includes_whole_names) {
  CHECK(p2p_users_include("bob,carol", 9, "bob", 3));
  CHECK(p2p_users_include("bob,carol", 9, "carol", 5));
  CHECK(!p2p_users_include("bob,carol", 8, "carol", 5));
  CHECK(!p2p_users_include("bob,carol", 9, "caro", 4));
  CHECK(!p2p_users_include("bob,carol", 9, "bob,carol", 9));
  CHECK(!p2p_users_include("", 0, "", 0));
}

UNIT_MAIN("topic", UNIT(a_cluster_is_owner_slash_name), UNIT(the_length_of_names_is_capped),
          UNIT(the_owner_has_a_shorter_topic_name),
          UNIT(the_owner_sees_the_channel_with_and_without_an_access_list),
          UNIT(another_user_without_access_sees_a_private_channel),
          UNIT(a_malformed_ls_has_no_access_list), UNIT(users_are_found_by_their_whole_name),
          UNIT(the_clusters_that_a_user_hosts_are_listed),
          UNIT(every_prefix_of_an_output_can_be_read), UNIT(a_list_of_users_includes_whole_names))
