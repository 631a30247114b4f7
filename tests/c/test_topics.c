/* Topics, access lists and who gets what: the rules of the board's protocol. */
#include "server/topics.h"
#include "unit.h"

/* A member that remembers what came. */
struct member {
  struct p2p_subscription *subscription;
  char got[256];
  int finished;
};

#define TOPICS_MAX 100

static struct p2p_topics *topics;

static void on_message(void *arg, const uint8_t *bytes, size_t length) {
  strncat(((struct member *)arg)->got, (const char *)bytes, length);
}
static void on_finish(void *arg) { ((struct member *)arg)->finished++; }

static void begin(void) {
  static const struct p2p_topics_callbacks callbacks = {on_message, on_finish};
  topics = p2p_topics_new(&callbacks, TOPICS_MAX);
}

static struct p2p_subscribe_request pipe_wish(const char *user, const char *topic) {
  return (struct p2p_subscribe_request){.user = user,
                                        .fingerprint = "SHA256:none",
                                        .label = user,
                                        .topic = topic,
                                        .reads = true,
                                        .writes = true};
}

static void join_as(struct member *member, struct p2p_subscribe_request request) {
  memset(member, 0, sizeof *member);
  CHECK(p2p_topics_join(topics, &request, member, &member->subscription) == P2P_OK);
}

static void join(struct member *member, const char *user, const char *topic, const char *access) {
  struct p2p_subscribe_request request = pipe_wish(user, topic);
  request.access = access;
  join_as(member, request);
}

static void say(struct member *member, const char *text) {
  CHECK(p2p_topics_write(member->subscription, (const uint8_t *)text, strlen(text)) == P2P_OK);
}

static const char *list(const char *user) {
  static char text[4096];
  struct p2p_buf out;
  p2p_buf_init(&out, sizeof text - 1);
  CHECK(p2p_topics_list(topics, user, &out) == P2P_OK);
  memcpy(text, p2p_buf_data(&out), p2p_buf_len(&out));
  text[p2p_buf_len(&out)] = '\0';
  p2p_buf_clear(&out);
  return text;
}

static struct member alice, bob, carol, dave;

TEST(a_topic_belongs_to_its_user) {
  begin();
  join(&alice, "alice", "friends/future.p2p", NULL);
  CHECK_STR(p2p_subscription_topic(alice.subscription), "alice/friends/future.p2p");
  join(&bob, "alice", "alice/friends/future.p2p", NULL); /* by its full name, the owner */
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/friends/future.p2p");
  join(&carol, "carol", "friends/future.p2p", NULL);
  CHECK_STR(p2p_subscription_topic(carol.subscription), "carol/friends/future.p2p");
  p2p_topics_leave(alice.subscription);
  p2p_topics_leave(bob.subscription);
  p2p_topics_leave(carol.subscription);
  p2p_topics_free(topics);
}

TEST(the_list_lets_in_users_and_fingerprints_and_nobody_else) {
  begin();
  join(&alice, "alice", "f", "alice,bob,SHA256:carols");
  join(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/f");
  struct p2p_subscribe_request request = pipe_wish("public", "alice/f");
  request.fingerprint = "SHA256:carols";
  join_as(&carol, request);
  CHECK_STR(p2p_subscription_topic(carol.subscription), "alice/f");
  join(&dave, "bo", "alice/f", NULL); /* a part of a name is not the name */
  CHECK_STR(p2p_subscription_topic(dave.subscription), "bo/alice/f");
  say(&dave, "psst");
  CHECK_STR(alice.got, "");
  p2p_topics_leave(alice.subscription);
  p2p_topics_leave(bob.subscription);
  p2p_topics_leave(carol.subscription);
  p2p_topics_leave(dave.subscription);
  p2p_topics_free(topics);
}

TEST(who_comes_before_the_host_stays_on_his_private_topic) {
  begin();
  join(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "bob/alice/f");
  join(&alice, "alice", "f", "bob");
  CHECK_STR(p2p_subscription_topic(bob.subscription), "bob/alice/f");
  p2p_topics_leave(bob.subscription);
  join(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/f");
  p2p_topics_leave(bob.subscription);
  p2p_topics_leave(alice.subscription);
  p2p_topics_free(topics);
}

TEST(the_list_goes_with_the_member_that_made_it) {
  begin();
  join(&alice, "alice", "f", "bob,carol");
  join(&bob, "bob", "alice/f", NULL);
  p2p_topics_leave(alice.subscription);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/f"); /* who is there stays */
  CHECK(bob.finished == 0);
  join(&carol, "carol", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(carol.subscription), "carol/alice/f");
  join(&alice, "alice", "f", "carol"); /* a new host, a new list */
  CHECK_STR(list("alice"), "Channel Information\r\n- alice/f: (Access List: carol)\r\n  Pipes:\r\n "
                           " - bob\r\n  - alice\r\n");
  p2p_topics_leave(carol.subscription);
  p2p_topics_leave(bob.subscription);
  p2p_topics_leave(alice.subscription);
  p2p_topics_free(topics);
}

TEST(the_list_is_that_of_the_first_connection) {
  begin();
  join(&alice, "alice", "f", NULL); /* the owner's worker */
  join(&carol, "alice", "f", "bob");
  join(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "bob/alice/f");
  p2p_topics_leave(carol.subscription); /* not its list: nothing changes */
  p2p_topics_leave(alice.subscription);
  p2p_topics_leave(bob.subscription);
  p2p_topics_free(topics);
}

TEST(messages_go_to_all_others_and_back_with_replay) {
  begin();
  join(&alice, "alice", "f", "bob,carol");
  struct p2p_subscribe_request request = pipe_wish("bob", "alice/f");
  request.replay = true;
  join_as(&bob, request);
  join(&carol, "carol", "alice/f", NULL);
  say(&alice, "1");
  say(&bob, "2");
  say(&carol, "3");
  CHECK_STR(alice.got, "23");
  CHECK_STR(bob.got, "123");
  CHECK_STR(carol.got, "12");
  p2p_topics_leave(alice.subscription);
  p2p_topics_leave(carol.subscription);
  CHECK(bob.finished == 0); /* the last one stays */
  say(&bob, "4");
  CHECK_STR(bob.got, "1234");
  p2p_topics_leave(bob.subscription);
  p2p_topics_free(topics);
}

TEST(a_public_topic_is_everybodys) {
  begin();
  struct p2p_subscribe_request request = pipe_wish("alice", "f");
  request.open_to_all = true;
  join_as(&alice, request);
  request.user = "bob";
  join_as(&bob, request);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "public/f");
  say(&bob, "hi");
  CHECK_STR(alice.got, "hi");
  CHECK_STR(list("alice"), "no pubsub channels found\r\n");
  p2p_topics_leave(alice.subscription);
  p2p_topics_leave(bob.subscription);
  p2p_topics_free(topics);
}

TEST(round_robin_gives_each_message_to_one) {
  begin();
  struct p2p_subscribe_request request = pipe_wish("alice", "f");
  request.round_robin = true;
  join_as(&alice, request);
  join(&bob, "alice", "f", NULL);
  join(&carol, "alice", "f", NULL);
  say(&alice, "1");
  say(&alice, "2");
  say(&alice, "3");
  CHECK_STR(bob.got, "13");
  CHECK_STR(carol.got, "2");
  p2p_topics_leave(bob.subscription);
  p2p_topics_leave(carol.subscription);
  say(&alice, "nobody");
  p2p_topics_leave(alice.subscription);
  p2p_topics_free(topics);
}

TEST(pub_waits_for_a_reader_and_sub_ends_with_the_last_writer) {
  begin();
  struct p2p_subscribe_request request = pipe_wish("alice", "f");
  request.reads = false;
  request.wait_for_reader = true;
  join_as(&alice, request);
  say(&alice, "early ");
  say(&alice, "bird");
  p2p_topics_end_input(alice.subscription);
  CHECK(alice.finished == 0 && !p2p_subscription_was_read(alice.subscription));
  request = pipe_wish("alice", "f");
  request.writes = false;
  join_as(&bob, request);
  CHECK_STR(bob.got, "early bird");
  CHECK(alice.finished == 1 && p2p_subscription_was_read(alice.subscription));
  request.keep_alive = true;
  join_as(&carol, request);
  say(&carol, "who only reads cannot write");
  CHECK_STR(bob.got, "early bird");
  CHECK_STR(list("alice"), "Channel Information\r\n- alice/f:\r\n  Pubs:\r\n  - alice\r\n  "
                           "Subs:\r\n  - alice\r\n  - alice\r\n");
  p2p_topics_leave(alice.subscription);
  CHECK(bob.finished == 1 && carol.finished == 0);
  p2p_topics_leave(bob.subscription);
  p2p_topics_leave(carol.subscription);
  p2p_topics_free(topics);
}

TEST(what_waits_for_a_reader_is_bounded) {
  static uint8_t block[65536];
  begin();
  struct p2p_subscribe_request request = pipe_wish("alice", "f");
  request.wait_for_reader = true;
  join_as(&alice, request);
  for (size_t i = 0; i < P2P_TOPICS_HELD_MAX / sizeof block; i++)
    CHECK(p2p_topics_write(alice.subscription, block, sizeof block) == P2P_OK);
  CHECK(p2p_topics_write(alice.subscription, block, 1) == P2P_ERR_TOO_LARGE);
  p2p_topics_leave(alice.subscription);
  p2p_topics_free(topics);
}

TEST(what_waits_for_readers_is_bounded_in_all) {
  static uint8_t block[P2P_TOPICS_HELD_MAX];
  enum { N = P2P_TOPICS_HELD_IN_ALL_MAX / P2P_TOPICS_HELD_MAX };
  static struct member writers[N + 1];
  begin();
  struct p2p_subscribe_request request = pipe_wish("alice", "f");
  request.reads = false;
  request.wait_for_reader = true;
  for (size_t i = 0; i <= N; i++) {
    join_as(&writers[i], request);
    CHECK(p2p_topics_write(writers[i].subscription, block, sizeof block) ==
          (i < N ? P2P_OK : P2P_ERR_TOO_LARGE));
  }
  p2p_topics_leave(writers[0].subscription); /* what it held makes room */
  CHECK(p2p_topics_write(writers[N].subscription, block, sizeof block) == P2P_OK);
  CHECK(p2p_topics_write(writers[N].subscription, block, 1) == P2P_ERR_TOO_LARGE);
  for (size_t i = 1; i <= N; i++) p2p_topics_leave(writers[i].subscription);
  p2p_topics_free(topics);
}

TEST(a_user_has_so_many_topics_and_no_more) {
  static struct member members[TOPICS_MAX];
  char topic[16];
  begin();
  for (size_t i = 0; i < TOPICS_MAX; i++) {
    snprintf(topic, sizeof topic, "t%zu", i);
    join(&members[i], "alice", topic, NULL);
  }
  struct p2p_subscribe_request request = pipe_wish("alice", "one-more");
  bob.subscription = NULL;
  CHECK(p2p_topics_join(topics, &request, &bob, &bob.subscription) == P2P_ERR_TOO_LARGE &&
        bob.subscription == NULL);
  request.open_to_all = true; /* wherever it lies */
  CHECK(p2p_topics_join(topics, &request, &bob, &bob.subscription) == P2P_ERR_TOO_LARGE);
  join(&bob, "alice", "t0", NULL); /* one that is there */
  join(&carol, "bob", "t0", NULL); /* somebody else's */
  p2p_topics_leave(bob.subscription);
  p2p_topics_leave(carol.subscription);
  for (size_t i = 0; i < TOPICS_MAX; i++) p2p_topics_leave(members[i].subscription);
  p2p_topics_free(topics);
}

TEST(keys_without_account_have_so_many_topics_each) {
  static struct member members[TOPICS_MAX];
  char topic[16];
  begin();
  for (size_t i = 0; i < TOPICS_MAX; i++) {
    snprintf(topic, sizeof topic, "t%zu", i);
    join(&members[i], "public", topic, NULL);
  }
  struct p2p_subscribe_request request = pipe_wish("public", "one-more");
  CHECK(p2p_topics_join(topics, &request, &bob, &bob.subscription) == P2P_ERR_TOO_LARGE);
  request.fingerprint = "SHA256:another";
  join_as(&bob, request);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "public/one-more");
  p2p_topics_leave(bob.subscription);
  for (size_t i = 0; i < TOPICS_MAX; i++) p2p_topics_leave(members[i].subscription);
  p2p_topics_free(topics);
}

TEST(a_list_that_does_not_fit_is_an_error) {
  struct p2p_buf out;
  begin();
  join(&alice, "alice", "f", NULL);
  p2p_buf_init(&out, 10);
  CHECK(p2p_topics_list(topics, "alice", &out) == P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
  CHECK(p2p_topics_exists(topics, "alice/f") && !p2p_topics_exists(topics, "alice"));
  p2p_topics_leave(alice.subscription);
  CHECK(!p2p_topics_exists(topics, "alice/f"));
  p2p_topics_free(topics);
}

UNIT_MAIN("topics", UNIT(a_topic_belongs_to_its_user),
          UNIT(the_list_lets_in_users_and_fingerprints_and_nobody_else),
          UNIT(who_comes_before_the_host_stays_on_his_private_topic),
          UNIT(the_list_goes_with_the_member_that_made_it),
          UNIT(the_list_is_that_of_the_first_connection),
          UNIT(messages_go_to_all_others_and_back_with_replay), UNIT(a_public_topic_is_everybodys),
          UNIT(round_robin_gives_each_message_to_one),
          UNIT(pub_waits_for_a_reader_and_sub_ends_with_the_last_writer),
          UNIT(what_waits_for_a_reader_is_bounded), UNIT(what_waits_for_readers_is_bounded_in_all),
          UNIT(a_user_has_so_many_topics_and_no_more),
          UNIT(keys_without_account_have_so_many_topics_each),
          UNIT(a_list_that_does_not_fit_is_an_error))
