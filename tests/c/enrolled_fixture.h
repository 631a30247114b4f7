/* Members with devices, which get the key of a cluster from its host. Tests include this file once,
 * and run a_board_opens and devices_have_folders first. */
#ifndef P2P_TESTS_ENROLLED_FIXTURE_H
#define P2P_TESTS_ENROLLED_FIXTURE_H

#include "member_fixture.h"

#include "keys/ownership.h"

static char folders[4][160]; /* of keys: of alice, bob, carol and another machine */
enum { ALICE, BOB, CAROL, OTHER };
static struct p2p_log_queue *queue; /* of the members */

TEST(devices_have_folders) {
  static const char *const names[] = {"keys_alice", "keys_bob", "keys_carol", "keys_other"};
  for (size_t i = 0; i < 4; i++)
    snprintf(folders[i], sizeof folders[i], "%s", site_path(&site, names[i]));
  queue = p2p_log_queue_new(200);
}

/* Forgets what all devices know, and what was logged. */
static void forget(void) {
  struct p2p_log_line event;
  while (p2p_log_queue_next(queue, 0, &event)) continue;
  for (size_t i = 0; i < 4; i++) {
    const char *const argv[] = {"rm", "-rf", folders[i], NULL};
    CHECK(site_run(argv) == 0);
  }
}

static const char *const both[] = {"bob", "carol"};

static void host_with(struct hosting *hosting, const char *keys_of_host, bool is_keyless) {
  host_configure(hosting, "alice", "alice/friends", both, 2);
  hosting->config.board.keys = keys_of_host;
  hosting->config.is_keyless = is_keyless;
  host_go(hosting);
  CHECK(logs_on(hosting->log, "hosting cluster 'alice/friends'"));
}

static void member_with(struct participant *participant, const char *user, const char *cluster,
                        int device) {
  start(participant, user, cluster, P2P_ROLE_WORKER);
  participant->config.board.keys = folders[device];
  participant->config.log = queue;
}

static void join_with(struct participant *participant, const char *user, const char *cluster,
                      int device) {
  member_with(participant, user, cluster, device);
  expect_joined(participant);
}

static void do_nothing(void *arg) { (void)arg; }

/* After the callbacks that are running now. */
static inline const struct p2p_credentials *credentials_of(const struct participant *participant) {
  CHECK(p2p_loop_call(loop, do_nothing, NULL) == P2P_OK);
  return p2p_member_credentials(participant->member);
}

static void check_hear_each_other(struct participant *a, struct participant *b) {
  int heard_a = a->heard, heard_b = b->heard;
  say(a, "ping");
  CHECK(site_wait(&gate, &b->heard, heard_b + 1));
  say(b, "pong");
  CHECK(site_wait(&gate, &a->heard, heard_a + 1));
}

TEST(the_devices_are_gone) { p2p_log_queue_unref(queue); }

#endif
