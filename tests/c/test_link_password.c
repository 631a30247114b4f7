/* Links whose ends know a mailbox and a password, and need no nameplate. */
#include "link_fixture.h"

#define MAILBOX_ID "00112233445566778899aabbccddeeff"

static void give_password(struct pair *pair, const char *of_opener, const char *of_joiner) {
  pair->opener.config.mailbox_id = pair->joiner.config.mailbox_id = MAILBOX_ID;
  pair->opener.config.password = of_opener;
  pair->joiner.config.password = of_joiner;
  pair->opener.config.is_opener = true;
}

TEST(both_ends_may_know_the_mailbox_and_the_password) {
  static struct pair pair;
  static uint8_t other_verifier[32];

  for (int is_joiner_first = 0; is_joiner_first < 2; is_joiner_first++) {
    pair_init(&pair);
    give_password(&pair, "a-password", "a-password");
    pair.opener.config.no_direct = is_joiner_first;
    struct end *first = is_joiner_first ? &pair.joiner : &pair.opener,
               *second = is_joiner_first ? &pair.opener : &pair.joiner;
    CHECK(p2p_loop_call(pair.lab.loop, end_open, first) == P2P_OK);
    CHECK(p2p_loop_call(pair.lab.loop, end_open, second) == P2P_OK);
    CHECK(lab_wait(&pair.lab, &pair.opener.n_open, 1, PATIENCE_MS));
    CHECK(lab_wait(&pair.lab, &pair.joiner.n_open, 1, PATIENCE_MS));
    CHECK(pair.opener.n_code + pair.joiner.n_code == 0);
    check_frames(&pair);
    CHECK(memcmp(pair.opener.verifier, pair.joiner.verifier, 32) == 0);
    CHECK(memcmp(pair.opener.verifier, other_verifier, 32) != 0);
    memcpy(other_verifier, pair.opener.verifier, 32);
    CHECK(p2p_loop_call(pair.lab.loop, end_free, &pair.joiner) == P2P_OK);
    CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS));
    CHECK_STR(pair.opener.err.message, "the worker closed the link");
    CHECK(pair.opener.was_wiped);
    pair_close(&pair);
  }
}

TEST(a_wrong_password_fails_as_a_wrong_code_does) {
  static struct pair pair;

  pair_init(&pair);
  give_password(&pair, "a-password", "another-password");
  pair_start(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, end_open, &pair.joiner) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_close, 1, PATIENCE_MS / 2));
  CHECK(lab_wait(&pair.lab, &pair.joiner.n_close, 1, PATIENCE_MS / 2));
  for (int i = 0; i < 2; i++) {
    const struct p2p_err *err = i == 0 ? &pair.opener.err : &pair.joiner.err;
    CHECK(err->code == P2P_ERR_CRYPTO);
    CHECK_STR(err->reason, "wrong_code");
    CHECK_STR(err->message, "the other side used a different code; nothing was sent");
  }
  CHECK(pair.opener.n_open + pair.joiner.n_open == 0);
  pair_close(&pair);
}

TEST(a_peer_that_knows_the_mailbox_and_does_not_come_is_named) {
  static struct pair pair;
  char expected[256];

  for (int i = 0; i < 2; i++) {
    struct end *end = i == 0 ? &pair.opener : &pair.joiner;
    pair_init(&pair);
    give_password(&pair, "a-password", "a-password");
    end->config.timeout_ms = 300;
    CHECK(p2p_loop_call(pair.lab.loop, end_open, end) == P2P_OK);
    CHECK(lab_wait(&pair.lab, &end->n_close, 1, PATIENCE_MS));
    snprintf(expected, sizeof expected, "the %s did not join mailbox %s within 0.3 s",
             i == 0 ? "worker" : "client", pair.lab.mailbox);
    CHECK_STR(end->err.message, expected);
    pair_close(&pair);
  }
}

static void open_badly(void *arg) {
  static const struct p2p_link_callbacks EVENTS = {on_code, on_open, on_frame, on_drain, on_close};
  static char longest[129];
  memset(longest, 'x', sizeof longest - 1);
  static const char *const PAIRS[][3] = {{NULL, MAILBOX_ID, NULL},
                                         {NULL, NULL, "a-password"},
                                         {"7-a", MAILBOX_ID, "a-password"},
                                         {NULL, "", "a-password"},
                                         {NULL, MAILBOX_ID "0", "a-password"},
                                         {NULL, "00112233445566778899AABBCCDDEEFF", "a-password"},
                                         {NULL, MAILBOX_ID, ""},
                                         {NULL, MAILBOX_ID, "a b"},
                                         {NULL, MAILBOX_ID, longest}};
  struct end *end = arg;
  struct p2p_link_config config = end->config;
  struct p2p_err err = {0};

  for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
    config.code = PAIRS[i][0];
    config.mailbox_id = PAIRS[i][1];
    config.password = PAIRS[i][2];
    CHECK(p2p_link_open(&config, &EVENTS, end, &end->link, &err) == P2P_ERR_INVALID);
    CHECK(strstr(err.message, "expected the id of a mailbox") != NULL);
  }
  config.mailbox_id = MAILBOX_ID;
  config.password = longest + 1; /* just short enough */
  config.code = NULL;
  config.is_opener = true;
  struct p2p_link *link = NULL;
  CHECK(p2p_link_open(&config, &EVENTS, end, &link, NULL) == P2P_OK);
  p2p_link_free(link);
}

TEST(bad_mailboxes_and_passwords_are_refused_at_once) {
  static struct pair pair;

  pair_init(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, open_badly, &pair.opener) == P2P_OK);
  CHECK(pair.opener.link == NULL);
  pair_close(&pair);
}

UNIT_MAIN("link_password", UNIT(both_ends_may_know_the_mailbox_and_the_password),
          UNIT(a_wrong_password_fails_as_a_wrong_code_does),
          UNIT(a_peer_that_knows_the_mailbox_and_does_not_come_is_named),
          UNIT(bad_mailboxes_and_passwords_are_refused_at_once))
