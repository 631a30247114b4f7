/* Topics, access lists and the delivery of messages. */
#include "server/topics.h"

#include "protocol/line.h"
#include "server/limits.h"
#include "unit.h"

/* A member that keeps the messages it receives, without newlines. */
struct member {
  struct p2p_subscription *subscription;
  char received[256];
  size_t n_received; /* bytes */
  bool cuts_lines;   /* a message did not end with a newline */
  int n_finished;
};

#define TOPICS_MAX 100

static struct p2p_topics *topics;

static void on_message(void *arg, const uint8_t *bytes, size_t length) {
  struct member *member = arg;
  size_t used = strlen(member->received);
  member->n_received += length;
  member->cuts_lines = member->cuts_lines || bytes[length - 1] != '\n';
  for (size_t i = 0; i < length; i++)
    if (bytes[i] != '\n' && used + 1 < sizeof member->received)
      member->received[used++] = (char)bytes[i];
}
static void on_finish(void *arg) { ((struct member *)arg)->n_finished++; }

static const struct p2p_subscriber_callbacks callbacks = {on_message, on_finish};

static void begin(void) { topics = p2p_topics_new(TOPICS_MAX); }

static struct p2p_subscribe_request pipe_request(const char *user, const char *topic) {
  return (struct p2p_subscribe_request){.user = user,
                                        .fingerprint = "SHA256:none",
                                        .label = user,
                                        .topic = topic,
                                        .reads = true,
                                        .writes = true};
}

static void subscribe_with(struct member *member, struct p2p_subscribe_request request) {
  memset(member, 0, sizeof *member);
  CHECK(p2p_topics_subscribe(topics, &request, &callbacks, member, &member->subscription) ==
        P2P_OK);
}

static void subscribe(struct member *member, const char *user, const char *topic,
                      const char *access) {
  struct p2p_subscribe_request request = pipe_request(user, topic);
  request.access = access;
  subscribe_with(member, request);
}

static void publish_part(struct member *member, const char *text) {
  CHECK(p2p_subscription_write(member->subscription, (const uint8_t *)text, strlen(text)) ==
        P2P_OK);
}

static void publish(struct member *member, const char *text) {
  publish_part(member, text);
  publish_part(member, "\n");
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
  subscribe(&alice, "alice", "friends/future.p2p", NULL);
  CHECK_STR(p2p_subscription_topic(alice.subscription), "alice/friends/future.p2p");
  subscribe(&bob, "alice", "alice/friends/future.p2p", NULL); /* the owner, by the full name */
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/friends/future.p2p");
  subscribe(&carol, "carol", "friends/future.p2p", NULL);
  CHECK_STR(p2p_subscription_topic(carol.subscription), "carol/friends/future.p2p");
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(carol.subscription);
  p2p_topics_free(topics);
}

TEST(an_access_list_names_users_and_fingerprints) {
  begin();
  subscribe(&alice, "alice", "f", "alice,bob,SHA256:carols");
  subscribe(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/f");
  struct p2p_subscribe_request request = pipe_request("public", "alice/f");
  request.fingerprint = "SHA256:carols";
  subscribe_with(&carol, request);
  CHECK_STR(p2p_subscription_topic(carol.subscription), "alice/f");
  subscribe(&dave, "bo", "alice/f", NULL); /* a part of a name is not the name */
  CHECK_STR(p2p_subscription_topic(dave.subscription), "bo/alice/f");
  publish(&dave, "psst");
  CHECK_STR(alice.received, "");
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(carol.subscription);
  p2p_topics_unsubscribe(dave.subscription);
  p2p_topics_free(topics);
}

TEST(a_member_that_joins_before_the_host_stays_on_its_private_topic) {
  begin();
  subscribe(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "bob/alice/f");
  subscribe(&alice, "alice", "f", "bob");
  CHECK_STR(p2p_subscription_topic(bob.subscription), "bob/alice/f");
  p2p_topics_unsubscribe(bob.subscription);
  subscribe(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/f");
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_free(topics);
}

TEST(an_access_list_ends_with_the_member_that_created_it) {
  begin();
  subscribe(&alice, "alice", "f", "bob,carol");
  subscribe(&bob, "bob", "alice/f", NULL);
  p2p_topics_unsubscribe(alice.subscription);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "alice/f"); /* members stay */
  CHECK(bob.n_finished == 0);
  subscribe(&carol, "carol", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(carol.subscription), "carol/alice/f");
  subscribe(&alice, "alice", "f", "carol"); /* a new host, a new list */
  CHECK_STR(list("alice"), "Channel Information\r\n- alice/f: (Access List: carol)\r\n  Pipes:\r\n "
                           " - bob\r\n  - alice\r\n");
  p2p_topics_unsubscribe(carol.subscription);
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_free(topics);
}

TEST(only_the_first_member_sets_the_access_list) {
  begin();
  subscribe(&alice, "alice", "f", NULL); /* the owner's worker */
  subscribe(&carol, "alice", "f", "bob");
  subscribe(&bob, "bob", "alice/f", NULL);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "bob/alice/f");
  p2p_topics_unsubscribe(carol.subscription); /* it has set no list */
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_free(topics);
}

TEST(messages_go_to_all_others_and_with_replay_to_the_sender) {
  begin();
  subscribe(&alice, "alice", "f", "bob,carol");
  struct p2p_subscribe_request request = pipe_request("bob", "alice/f");
  request.replay = true;
  subscribe_with(&bob, request);
  subscribe(&carol, "carol", "alice/f", NULL);
  publish(&alice, "1");
  publish(&bob, "2");
  publish(&carol, "3");
  CHECK_STR(alice.received, "23");
  CHECK_STR(bob.received, "123");
  CHECK_STR(carol.received, "12");
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_unsubscribe(carol.subscription);
  CHECK(bob.n_finished == 0); /* the last one stays */
  publish(&bob, "4");
  CHECK_STR(bob.received, "1234");
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_free(topics);
}

TEST(nobody_can_cut_the_line_of_another) {
  begin();
  subscribe(&alice, "alice", "f", "bob,eve");
  subscribe(&bob, "bob", "alice/f", NULL);
  subscribe(&carol, "eve", "alice/f", NULL);
  struct p2p_subscribe_request request = pipe_request("eve", "alice/f");
  request.reads = false; /* pub */
  subscribe_with(&dave, request);
  publish_part(&carol, "when=");
  publish_part(&dave, "when=");
  publish_part(&bob, "when=x,");
  publish_part(&carol, "\n\n");
  publish_part(&bob, "type=y\nwhen=z\nwh");
  CHECK_STR(alice.received, "when=when=x,type=ywhen=z");
  publish_part(&bob, "en\n");
  CHECK_STR(alice.received, "when=when=x,type=ywhen=zwhen");
  CHECK(!alice.cuts_lines);
  p2p_topics_unsubscribe(dave.subscription);
  p2p_topics_unsubscribe(carol.subscription);
  p2p_topics_unsubscribe(bob.subscription);
  CHECK_STR(alice.received, "when=when=x,type=ywhen=zwhen"); /* the start of a line is dropped */
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_free(topics);
}

TEST(a_line_that_is_too_long_is_dropped) {
  static char line[P2P_LINE_MAX + 2]; /* and a NUL */
  static const size_t parts[] = {1, 7, 4096, P2P_LINE_MAX, sizeof line};
  begin();
  subscribe(&alice, "alice", "f", "bob");
  subscribe(&bob, "bob", "alice/f", NULL);
  for (size_t longer = 0; longer <= 1; longer++) {
    size_t length = P2P_LINE_MAX + longer;
    memset(line, 'x', length - 1);
    line[length - 1] = '\n';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
      alice.n_received = 0;
      for (size_t at = 0; at < length; at += parts[i])
        CHECK(p2p_subscription_write(bob.subscription, (const uint8_t *)line + at,
                                     length - at < parts[i] ? length - at : parts[i]) == P2P_OK);
      publish(&bob, "next");
      CHECK(alice.n_received == (longer ? 5 : P2P_LINE_MAX + 5) && !alice.cuts_lines);
    }
  }
  for (int i = 0; i < 100; i++) publish_part(&bob, line + 1); /* without an end */
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_free(topics);
}

TEST(everybody_can_join_a_public_topic) {
  begin();
  struct p2p_subscribe_request request = pipe_request("alice", "f");
  request.is_public = true;
  subscribe_with(&alice, request);
  request.user = "bob";
  subscribe_with(&bob, request);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "public/f");
  publish(&bob, "hi");
  CHECK_STR(alice.received, "hi");
  CHECK_STR(list("alice"), "no pubsub channels found\r\n");
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_free(topics);
}

TEST(round_robin_delivers_each_message_to_one_reader) {
  begin();
  struct p2p_subscribe_request request = pipe_request("alice", "f");
  request.round_robin = true;
  subscribe_with(&alice, request);
  subscribe(&bob, "alice", "f", NULL);
  subscribe(&carol, "alice", "f", NULL);
  publish(&alice, "1");
  publish(&alice, "2");
  publish(&alice, "3");
  CHECK_STR(bob.received, "13");
  CHECK_STR(carol.received, "2");
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(carol.subscription);
  publish(&alice, "nobody");
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_free(topics);
}

TEST(pub_waits_for_a_reader_and_sub_ends_with_the_last_writer) {
  begin();
  struct p2p_subscribe_request request = pipe_request("alice", "f");
  request.reads = false;
  request.wait_for_reader = true;
  subscribe_with(&alice, request);
  publish_part(&alice, "early ");
  publish_part(&alice, "bird");
  p2p_subscription_end_input(alice.subscription);
  CHECK(alice.n_finished == 0 && p2p_subscription_is_pending(alice.subscription));
  request = pipe_request("alice", "f");
  request.writes = false;
  subscribe_with(&bob, request);
  CHECK_STR(bob.received, "early bird");
  CHECK(alice.n_finished == 1 && !p2p_subscription_is_pending(alice.subscription));
  request.keep_alive = true;
  subscribe_with(&carol, request);
  publish(&carol, "a reader cannot write");
  CHECK_STR(bob.received, "early bird");
  CHECK_STR(list("alice"), "Channel Information\r\n- alice/f:\r\n  Pubs:\r\n  - alice\r\n  "
                           "Subs:\r\n  - alice\r\n  - alice\r\n");
  p2p_topics_unsubscribe(alice.subscription);
  CHECK(bob.n_finished == 1 && carol.n_finished == 0);
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(carol.subscription);
  p2p_topics_free(topics);
}

TEST(bytes_that_wait_for_a_reader_are_bounded) {
  static uint8_t block[65536];
  begin();
  struct p2p_subscribe_request request = pipe_request("alice", "f");
  request.wait_for_reader = true;
  subscribe_with(&alice, request);
  for (size_t i = 0; i < P2P_TOPICS_PENDING_MAX / sizeof block; i++)
    CHECK(p2p_subscription_write(alice.subscription, block, sizeof block) == P2P_OK);
  CHECK(p2p_subscription_write(alice.subscription, block, 1) == P2P_ERR_TOO_LARGE);
  p2p_topics_unsubscribe(alice.subscription);
  p2p_topics_free(topics);
}

TEST(bytes_that_wait_for_readers_are_bounded_in_total) {
  static uint8_t block[P2P_TOPICS_PENDING_MAX];
  enum { N = P2P_TOPICS_PENDING_TOTAL_MAX / P2P_TOPICS_PENDING_MAX };
  static struct member writers[N + 1];
  begin();
  struct p2p_subscribe_request request = pipe_request("alice", "f");
  request.reads = false;
  request.wait_for_reader = true;
  for (size_t i = 0; i <= N; i++) {
    subscribe_with(&writers[i], request);
    CHECK(p2p_subscription_write(writers[i].subscription, block, sizeof block) ==
          (i < N ? P2P_OK : P2P_ERR_TOO_LARGE));
  }
  p2p_topics_unsubscribe(writers[0].subscription); /* frees its bytes */
  CHECK(p2p_subscription_write(writers[N].subscription, block, sizeof block) == P2P_OK);
  CHECK(p2p_subscription_write(writers[N].subscription, block, 1) == P2P_ERR_TOO_LARGE);
  for (size_t i = 1; i <= N; i++) p2p_topics_unsubscribe(writers[i].subscription);
  p2p_topics_free(topics);
}

TEST(topics_of_a_user_are_bounded) {
  static struct member members[TOPICS_MAX];
  char topic[16];
  begin();
  for (size_t i = 0; i < TOPICS_MAX; i++) {
    snprintf(topic, sizeof topic, "t%zu", i);
    subscribe(&members[i], "alice", topic, NULL);
  }
  struct p2p_subscribe_request request = pipe_request("alice", "one-more");
  bob.subscription = NULL;
  CHECK(p2p_topics_subscribe(topics, &request, &callbacks, &bob, &bob.subscription) ==
            P2P_ERR_TOO_LARGE &&
        bob.subscription == NULL);
  request.is_public = true; /* in any namespace */
  CHECK(p2p_topics_subscribe(topics, &request, &callbacks, &bob, &bob.subscription) ==
        P2P_ERR_TOO_LARGE);
  subscribe(&bob, "alice", "t0", NULL); /* an open one */
  subscribe(&carol, "bob", "t0", NULL); /* another user's */
  p2p_topics_unsubscribe(bob.subscription);
  p2p_topics_unsubscribe(carol.subscription);
  for (size_t i = 0; i < TOPICS_MAX; i++) p2p_topics_unsubscribe(members[i].subscription);
  p2p_topics_free(topics);
}

TEST(topics_of_each_key_without_an_account_are_bounded) {
  static struct member members[TOPICS_MAX];
  char topic[16];
  begin();
  for (size_t i = 0; i < TOPICS_MAX; i++) {
    snprintf(topic, sizeof topic, "t%zu", i);
    subscribe(&members[i], "public", topic, NULL);
  }
  struct p2p_subscribe_request request = pipe_request("public", "one-more");
  CHECK(p2p_topics_subscribe(topics, &request, &callbacks, &bob, &bob.subscription) ==
        P2P_ERR_TOO_LARGE);
  request.fingerprint = "SHA256:another";
  subscribe_with(&bob, request);
  CHECK_STR(p2p_subscription_topic(bob.subscription), "public/one-more");
  p2p_topics_unsubscribe(bob.subscription);
  for (size_t i = 0; i < TOPICS_MAX; i++) p2p_topics_unsubscribe(members[i].subscription);
  p2p_topics_free(topics);
}

TEST(a_list_that_does_not_fit_is_an_error) {
  struct p2p_buf out;
  begin();
  subscribe(&alice, "alice", "f", NULL);
  p2p_buf_init(&out, 10);
  CHECK(p2p_topics_list(topics, "alice", &out) == P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
  CHECK(p2p_topics_exists(topics, "alice/f") && !p2p_topics_exists(topics, "alice"));
  p2p_topics_unsubscribe(alice.subscription);
  CHECK(!p2p_topics_exists(topics, "alice/f"));
  p2p_topics_free(topics);
}

UNIT_MAIN("topics", UNIT(a_topic_belongs_to_its_user),
          UNIT(an_access_list_names_users_and_fingerprints),
          UNIT(a_member_that_joins_before_the_host_stays_on_its_private_topic),
          UNIT(an_access_list_ends_with_the_member_that_created_it),
          UNIT(only_the_first_member_sets_the_access_list),
          UNIT(messages_go_to_all_others_and_with_replay_to_the_sender),
          UNIT(nobody_can_cut_the_line_of_another), UNIT(a_line_that_is_too_long_is_dropped),
          UNIT(everybody_can_join_a_public_topic),
          UNIT(round_robin_delivers_each_message_to_one_reader),
          UNIT(pub_waits_for_a_reader_and_sub_ends_with_the_last_writer),
          UNIT(bytes_that_wait_for_a_reader_are_bounded),
          UNIT(bytes_that_wait_for_readers_are_bounded_in_total),
          UNIT(topics_of_a_user_are_bounded),
          UNIT(topics_of_each_key_without_an_account_are_bounded),
          UNIT(a_list_that_does_not_fit_is_an_error))
