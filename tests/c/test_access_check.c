/* Which landings are good for whom, and the sentences for the others. */
#include "board/access_check.h"

#include "unit.h"

static const struct p2p_cluster friends = {.owner = "alice", .name = "friends"};
static const struct p2p_cluster personal = {.owner = "alice", .name = "personal"};
static struct p2p_err err;

static struct p2p_access_check_case of(const struct p2p_cluster *cluster, const char *user,
                                       enum p2p_role role, const char *access) {
  return (struct p2p_access_check_case){
      .cluster = cluster, .user = user, .role = role, .access = access, .board = "lab"};
}

static int check(struct p2p_access_check_case check, const char *ls) {
  err.message[0] = '\0';
  return p2p_access_check_check(&check, ls, strlen(ls), &err);
}

#define NOTHING "no pubsub channels found\r\n"
#define OPEN "- alice/friends/future.p2p:\r\n"
#define LISTED "- alice/friends/future.p2p: (Access List: alice, bob)\r\n"

TEST(only_an_owner_who_does_not_host_has_to_wait_for_the_host) {
  struct p2p_access_check_case owner = of(&friends, "alice", P2P_ROLE_WORKER, NULL),
                               guest = of(&friends, "bob", P2P_ROLE_WORKER, NULL),
                               host = of(&friends, "alice", P2P_ROLE_HOST, "bob"),
                               own = of(&personal, "alice", P2P_ROLE_CLIENT, NULL);
  CHECK(p2p_access_check_needs_host(&owner));
  CHECK(!p2p_access_check_needs_host(&guest) && !p2p_access_check_needs_host(&host) &&
        !p2p_access_check_needs_host(&own));
  CHECK(p2p_access_check_check_hosted(&owner, LISTED, strlen(LISTED), &err) == P2P_OK);
  CHECK(p2p_access_check_check_hosted(&owner, OPEN, strlen(OPEN), &err) == P2P_ERR_ACCESS);
  CHECK(p2p_access_check_check_hosted(&owner, NOTHING, strlen(NOTHING), &err) == P2P_ERR_ACCESS);
  CHECK(strstr(err.message, "host_cluster(\"alice/friends\"") != NULL);
}

TEST(only_owners_host) {
  struct p2p_access_check_case other = of(&friends, "bob", P2P_ROLE_HOST, "carol"),
                               owner = of(&friends, "alice", P2P_ROLE_HOST, "bob"),
                               guest = of(&friends, "bob", P2P_ROLE_CLIENT, NULL);
  CHECK(p2p_access_check_check_owner(&other, &err) == P2P_ERR_ACCESS);
  CHECK(strstr(err.message, "your SSH key belongs to 'bob'") != NULL);
  CHECK(p2p_access_check_check_owner(&owner, &err) == P2P_OK);
  CHECK(p2p_access_check_check_owner(&guest, &err) == P2P_OK);
}

TEST(a_guest_is_there_unless_the_topic_is_his_own) {
  struct p2p_access_check_case bob = of(&friends, "bob", P2P_ROLE_CLIENT, NULL);
  CHECK(check(bob, NOTHING) == P2P_OK);
  CHECK(check(bob, "- bob/other/future.p2p:\r\n") == P2P_OK);
  CHECK(check(bob, "- bob/alice/friends/future.p2p:\r\n") == P2P_ERR_ACCESS);
  CHECK(strstr(err.message, "No access to cluster 'alice/friends': is it being hosted, and is "
                            "'bob' among its users?") != NULL);
}

TEST(an_owner_who_does_not_host_needs_the_access_list_but_for_a_personal_cluster) {
  struct p2p_access_check_case alice = of(&friends, "alice", P2P_ROLE_CLIENT, NULL),
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
  CHECK(strstr(err.message, "the first one decides") != NULL);
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bob,carol"), LISTED) == P2P_ERR_ACCESS);
  CHECK(strstr(err.message, "not for 'carol'") != NULL);
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bo"), LISTED) == P2P_ERR_ACCESS);
  CHECK(check(of(&friends, "alice", P2P_ROLE_HOST, "bob"), NOTHING) == P2P_ERR_PROTOCOL);
}

UNIT_MAIN("landing", UNIT(only_an_owner_who_does_not_host_has_to_wait_for_the_host),
          UNIT(only_owners_host), UNIT(a_guest_is_there_unless_the_topic_is_his_own),
          UNIT(an_owner_who_does_not_host_needs_the_access_list_but_for_a_personal_cluster),
          UNIT(a_host_needs_its_own_access_list))
