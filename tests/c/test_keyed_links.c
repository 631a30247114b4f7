/* Clients and workers of a cluster with a key: who gets a link to whom. */
#include "credentials_fixture.h"
#include "worker_fixture.h"

static struct p2p_credentials of[USERS];

TEST(everybody_is_enrolled) {
  p2p_sign_keypair(&owner, &owner_secret);
  for (int user = 0; user < USERS; user++) {
    enrol(&of[user], CLUSTER, names[user], 1, 7);
    credentials[user] = &of[user];
  }
}

/* Submits a future that cannot start, and cancels it when `why` was logged. */
static void expect_no_link(struct p2p_client *client, struct p2p_log_queue *log, const char *why) {
  struct p2p_task *task = submit(client, "text", 0);
  CHECK(logs_on(log, why));
  CHECK(p2p_task_state(task) == P2P_TASK_WAITING);
  p2p_client_cancel(client, task);
  p2p_task_free(task);
}

TEST(members_with_certificates_are_linked) {
  begin(1);
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "text"), "text");
  CHECK(logs("linked to client 'bob@"));
  end(client);
}

/* What a stranger on the board, or a member of an earlier epoch, can do. */
TEST(a_client_with_another_key_finds_no_worker) {
  struct p2p_credentials stranger;
  struct p2p_worker_info info;
  enrol(&stranger, CLUSTER, "bob", 1, 8);
  begin(1);
  credentials[BOB] = &stranger;
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "text", 0);
  CHECK(logs_on(client_log, "joined cluster"));
  CHECK(logs("that the key of this cluster does not open"));
  CHECK(p2p_client_workers(client, &info, 1) == 0 && p2p_task_state(task) == P2P_TASK_WAITING);
  p2p_client_cancel(client, task);
  p2p_task_free(task);
  credentials[BOB] = &of[BOB];
  end(client);
}

/* Dave has the key, and pretends to be bob: his certificate says dave. */
TEST(a_client_with_the_certificate_of_another_user_gets_no_link) {
  begin(1);
  credentials[BOB] = &of[DAVE];
  struct p2p_client *client = start_client(BOB);
  expect_no_link(client, worker_log, "which has no valid certificate of its user");
  credentials[BOB] = &of[BOB];
  end(client);
}

TEST(a_client_gives_no_future_to_a_worker_with_the_certificate_of_another_user) {
  credentials[CAROL] = &of[EVE];
  begin(1);
  credentials[CAROL] = &of[CAROL];
  struct p2p_client *client = start_client(BOB);
  expect_no_link(client, client_log, "its hello has no valid badge");
  end(client);
}

/* A certificate that nobody, or another owner, has signed. */
TEST(a_certificate_of_another_owner_is_none) {
  struct p2p_credentials forged = of[BOB];
  struct p2p_sign_secret other_secret;
  struct p2p_certificate certificate = {CLUSTER, 1, "bob", forged.device};
  struct p2p_sign_public other;
  p2p_sign_keypair(&other, &other_secret);
  p2p_certificate_sign(&certificate, &other_secret, forged.certificate);
  begin(1);
  credentials[BOB] = &forged;
  struct p2p_client *client = start_client(BOB);
  expect_no_link(client, worker_log, "which has no valid certificate of its user");
  credentials[BOB] = &of[BOB];
  end(client);
}

/* Its certificate is good until the others have the next key. */
TEST(an_expelled_client_gets_no_link_with_the_old_key) {
  struct p2p_credentials *carol = &of[CAROL];
  carol->expelled[carol->n_expelled++] = of[DAVE].device;
  carol->expelled[carol->n_expelled++] = of[BOB].device;
  begin(1);
  carol->n_expelled = 0;
  struct p2p_client *client = start_client(BOB);
  expect_no_link(client, worker_log, "which has no valid certificate of its user");
  end(client);
}

UNIT_MAIN("keyed_links", UNIT(prepare), UNIT(everybody_is_enrolled),
          UNIT(members_with_certificates_are_linked),
          UNIT(a_client_with_another_key_finds_no_worker),
          UNIT(a_client_with_the_certificate_of_another_user_gets_no_link),
          UNIT(a_client_gives_no_future_to_a_worker_with_the_certificate_of_another_user),
          UNIT(a_certificate_of_another_owner_is_none),
          UNIT(an_expelled_client_gets_no_link_with_the_old_key), UNIT(nothing_is_left))
