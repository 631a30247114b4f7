/* Which topic is the right one for whom, and the errors for the others. */
#include "board/access_check.h"

#include "unit.h"

static const struct p2p_cluster friends = {.owner = "alice", .name = "friends"};
static const struct p2p_cluster personal = {.owner = "alice", .name = "personal"};
static struct p2p_err err;

static struct p2p_access_check of(const struct p2p_cluster *cluster, const char *user,
                                  enum p2p_role role, const char *access) {
  return (struct p2p_access_check){
      .cluster = cluster, .user = user, .role = role, .access = access, .board = "lab"};
}

static int check(struct p2p_access_check check, const char *ls) {
  err.message[0] = '\0';
  return p2p_access_check_joined(&check, ls, strlen(ls), &err);
}

#define NOTHING "no pubsub channels found\r\n"
#define OPEN "- alice/friends/future.p2p:\r\n"
#define LISTED "- alice/friends/future.p2p: (Access List: alice, bob)\r\n"

TEST(only_an_owner_that_does_not_host_needs_a_host) {
  struct p2p_access_check owner = of(&friends, "alice", P2P_ROLE_WORKER, NULL),
                          other = of(&friends, "bob", P2P_ROLE_WORKER, NULL),
                          host = of(&friends, "alice", P2P_ROLE_HOST, "bob"),
                          own = of(&personal, "alice", P2P_ROLE_CLIENT, NULL);
  CHECK(p2p_access_check_needs_host(&owner));
  CHECK(!p2p_access_check_needs_host(&other) && !p2p_access_check_needs_host(&host) &&
        !p2p_access_check_needs_host(&own));
  CHECK(p2p_access_check_hosted(&owner, LISTED, strlen(LISTED), &err) == P2P_OK);
  CHECK(p2p_access_check_hosted(&owner, OPEN, strlen(OPEN), &err) == P2P_ERR_ACCESS);
  CHECK(p2p_access_check_hosted(&owner, NOTHING, strlen(NOTHING), &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.message, "the cluster 'alice/friends' is not hosted");
  CHECK_STR(err.reason, "not_hosted");
}

TEST(only_owners_host) {
  struct p2p_access_check not_owner = of(&friends, "bob", P2P_ROLE_HOST, "carol"),
                          owner = of(&friends, "alice", P2P_ROLE_HOST, "bob"),
                          other = of(&friends, "bob", P2P_ROLE_CLIENT, NULL);
  CHECK(p2p_access_check_role(&not_owner, &err) == P2P_ERR_ACCESS);
  CHECK(strstr(err.message, "your SSH key belongs to 'bob'") != NULL);
  CHECK(p2p_access_check_role(&owner, &err) == P2P_OK);
  CHECK(p2p_access_check_role(&other, &err) == P2P_OK);
}

TEST(another_user_has_access_unless_the_topic_is_its_own) {
  struct p2p_access_check bob = of(&friends, "bob", P2P_ROLE_CLIENT, NULL);
  CHECK(check(bob, NOTHING) == P2P_OK);
  CHECK(check(bob, "- bob/other/future.p2p:\r\n") == P2P_OK);
  CHECK(check(bob, "- bob/alice/friends/future.p2p:\r\n") == P2P_ERR_ACCESS);
  CHECK_STR(err.message,
            "no access to cluster 'alice/friends' on 'lab': it is not hosted, or 'bob' "
            "is not among its users");
  CHECK_STR(err.reason, "no_access");
}

TEST(a_personal_cluster_is_for_its_owner_alone) {
  struct p2p_access_check bob = of(&personal, "bob", P2P_ROLE_WORKER, NULL);
  CHECK(check(bob, "- bob/alice/personal/future.p2p:\r\n") == P2P_ERR_ACCESS);
  CHECK_STR(err.message,
            "'alice/personal' is the personal cluster of 'alice', and you are 'bob' on 'lab'");
  CHECK_STR(err.reason, "other_personal");
}

TEST(an_owner_needs_an_access_list_except_on_the_personal_cluster) {
  struct p2p_access_check alice = of(&friends, "alice", P2P_ROLE_CLIENT, NULL),
                          own = of(&personal, "alice", P2P_ROLE_CLIENT, NULL);
  CHECK(check(alice, LISTED) == P2P_OK);
  CHECK(check(alice, OPEN) == P2P_ERR_ACCESS);
  CHECK(check(alice, NOTHING) == P2P_ERR_PROTOCOL);
  CHECK(check(own, "- alice/personal/future.p2p:\r\n") == P2P_OK);
  CHECK(check(own, "- alice/personal/future.p2p: (Access List: bob)\r\n") == P2P_OK);
  CHECK(check(own, NOTHING) == P2P_ERR_PROTOCOL);
}

TEST(a_host_needs_its_own_access_list) {
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bob"), LISTED) == P2P_OK);
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, ""), LISTED) == P2P_OK);
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bob"), OPEN) == P2P_ERR_ACCESS);
  CHECK_STR(err.reason, "topic_in_use");
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bob,carol"), LISTED) == P2P_ERR_ACCESS);
  CHECK(strstr(err.message, "without access for 'carol'") != NULL);
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bo"), LISTED) == P2P_ERR_ACCESS);
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bob"), NOTHING) == P2P_ERR_PROTOCOL);
}

UNIT_MAIN("access_check", UNIT(only_an_owner_that_does_not_host_needs_a_host),
          UNIT(only_owners_host), UNIT(another_user_has_access_unless_the_topic_is_its_own),
          UNIT(a_personal_cluster_is_for_its_owner_alone),
          UNIT(an_owner_needs_an_access_list_except_on_the_personal_cluster),
          UNIT(a_host_needs_its_own_access_list))
