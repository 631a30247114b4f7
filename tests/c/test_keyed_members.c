/* Members of a cluster with a key. */
#include "member_fixture.h"

/* `seed`: of the secret of the cluster. */
static struct p2p_credentials credentials_of(uint32_t epoch, uint8_t seed) {
  struct p2p_credentials credentials = {.cluster = "alice/friends"};
  uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  memset(secret, seed, sizeof secret);
  p2p_cluster_key_derive("alice/friends", epoch, secret, &credentials.key);
  return credentials;
}

TEST(members_with_the_key_of_a_cluster_hear_each_other_alone) {
  struct hosting hosting;
  struct participant bob, alice, keyless, other;
  struct p2p_credentials key = credentials_of(1, 7), wrong = credentials_of(2, 7);
  struct p2p_log_queue *queue = p2p_log_queue_new(100);
  host_friends(&hosting);
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  start(&alice, "alice", "alice/friends", P2P_ROLE_CLIENT);
  start(&keyless, "bob", "alice/friends", P2P_ROLE_CLIENT);
  start(&other, "alice", "alice/friends", P2P_ROLE_WORKER);
  bob.config.board.credentials = alice.config.board.credentials = &key;
  other.config.board.credentials = &wrong;
  bob.config.log = queue;
  expect_joined(&bob);
  expect_joined(&alice);
  expect_joined(&keyless);
  expect_joined(&other);
  CHECK(p2p_member_credentials(keyless.member) == NULL);
  CHECK_STR(p2p_member_credentials(bob.member)->key.id, key.key.id);
  say(&other, "other");
  say(&keyless, "keyless");
  say(&alice, "ping");
  CHECK(site_wait(&gate, &bob.heard, 1));
  say(&bob, "pong");
  CHECK(site_wait(&gate, &alice.heard, 1));
  CHECK_STR(bob.notes, "ping");
  CHECK_STR(alice.notes, "pong");
  CHECK_STR(bob.hellos, "client"); /* of alice */
  CHECK_STR(keyless.notes, "");
  CHECK_STR(other.notes, "");
  CHECK(logs_on(queue, "that the key of this cluster does not open"));
  stop(&other);
  stop(&keyless);
  stop(&alice);
  stop(&bob);
  p2p_log_queue_unref(queue);
  host_stop(&hosting);
}

UNIT_MAIN("keyed_members", UNIT(a_board_opens),
          UNIT(members_with_the_key_of_a_cluster_hear_each_other_alone), UNIT(the_board_closes))
