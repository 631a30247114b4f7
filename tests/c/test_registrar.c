/* Who gets the key of a cluster, with a board that answers as the test says. */
#include "board/registrar.h"

#include <time.h>

#include "board/enrol_queue.h"
#include "key_folder.h"
#include "keys/ownership.h"
#include "keys/personal.h"
#include "sshd_fixture.h"

#define CLUSTER "alice/friends"

/* ---- a connection in place of board/connection.c ---- */

struct p2p_connection {
  bool has_attested;
  const char *says; /* to `attested`; NULL: nothing */
  char asked[8][16];
  size_t n_asked;
};

static struct site_gate gate = SITE_GATE;
static int n_sent;
static char last[P2P_LINE_MAX + 1]; /* line that was sent */
static struct p2p_connection board;

int p2p_connection_send(struct p2p_connection *connection, const struct p2p_line *line) {
  CHECK(connection == &board);
  CHECK(p2p_line_format(line, last, sizeof last) > 0);
  site_count(&gate, &n_sent);
  return P2P_OK;
}

int p2p_connection_ask(struct p2p_connection *connection, const char *command,
                       void (*fn)(void *arg, const char *text, size_t length), void *arg,
                       struct p2p_command_output **out) {
  size_t verb = strcspn(command, " ");
  const char *says = connection->says;
  bool is_plain = says == NULL || strncmp(says, "users=", 6) != 0;
  if (!is_plain && strncmp(command, "attest ", 7) == 0) says = "attested\n";
  if (connection->n_asked < 8)
    snprintf(connection->asked[connection->n_asked++], 16, "%.*s", (int)verb, command);
  *out = NULL;
  if (says != NULL) fn(arg, says, strlen(says));
  return P2P_OK;
}

bool p2p_connection_has_attested(const struct p2p_connection *connection) {
  return connection->has_attested;
}

/* ---- the registrar of alice ---- */

static struct p2p_loop *loop;
static struct p2p_log_queue *log_queue;
static struct p2p_registrar_config config;
static struct p2p_registrar *registrar;
static struct p2p_key_files files;
static struct p2p_device alice;
static struct p2p_membership membership;
static struct p2p_err err;
static const struct p2p_identity host = {"0123456789abcdef0123456789abcdef", "alice@desk:1"};
static int n_shared;

static void on_shared(void *arg) {
  (void)arg;
  n_shared++;
}

static void new_registrar(void *arg) {
  (void)arg;
  CHECK(p2p_registrar_new(&config, &registrar, &err) == P2P_OK);
  struct p2p_sign_secret owner = alice.secret_key;
  if (config.is_personal) {
    struct p2p_cluster_key key;
    p2p_cluster_key_derive(files.cluster, 1, membership.grant.secret, &key);
    p2p_cluster_key_owner(&key, files.cluster, &owner);
  }
  p2p_registrar_set_owner(registrar, &owner);
  p2p_registrar_connect(registrar, &board);
}

static void begin(const struct p2p_registrar_config *how, const char *says) {
  const char *cluster = how->is_personal ? "alice/personal" : CLUSTER;
  const struct p2p_address address = {.host = "board"};
  bool is_alone;
  key_folder_make();
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  log_queue = p2p_log_queue_new(100);
  CHECK(p2p_device_load(key_folder, &alice, &err) == P2P_OK);
  memset(&files, 0, sizeof files);
  CHECK(p2p_key_files_set(&files, key_folder, &address, &err) == P2P_OK);
  snprintf(files.account, sizeof files.account, "alice");
  snprintf(files.cluster, sizeof files.cluster, "%s", cluster);
  const struct p2p_key_place place = p2p_key_files_place(&files);
  if (how->is_personal)
    CHECK(p2p_personal_make(&place, &alice, &membership, &is_alone, &err) == P2P_OK);
  else
    CHECK(p2p_ownership_open(&place, &alice, &membership, &err) == P2P_OK);
  config = *how;
  config.loop = loop;
  config.log = log_queue;
  config.files = &files;
  config.from = &host;
  config.users = how->is_personal ? "" : "bob,carol";
  config.on_shared = on_shared;
  board = (struct p2p_connection){.has_attested = says != NULL, .says = says};
  n_sent = n_shared = 0;
  CHECK(p2p_loop_call(loop, new_registrar, NULL) == P2P_OK);
}

static void free_registrar(void *arg) {
  (void)arg;
  p2p_registrar_free(registrar);
}

static void end(void) {
  CHECK(p2p_loop_call(loop, free_registrar, NULL) == P2P_OK);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log_queue);
  key_folder_remove();
}

static const struct p2p_registrar_config plain;

/* ---- who asks ---- */

struct asker {
  struct p2p_identity from;
  struct p2p_device device;
  struct p2p_line line;
};

static void write_request(struct asker *who, const char *cluster) {
  const struct p2p_enrol enrol = {.from = who->from, .device = who->device.public_key};
  CHECK(p2p_enrol_write(&who->line, &enrol, cluster, &who->device.secret_key, NULL, time(NULL)) ==
        P2P_OK);
}

/* A new device of a user. */
static void prepare(struct asker *who, const char *user, unsigned number) {
  snprintf(who->from.id, sizeof who->from.id, "%032x", number);
  snprintf(who->from.name, sizeof who->from.name, "%s@box:%u", user, number);
  p2p_sign_keypair(&who->device.public_key, &who->device.secret_key);
  write_request(who, files.cluster);
}

static void read_line(void *arg) {
  CHECK(p2p_registrar_read(registrar, &((struct asker *)arg)->line));
}

static void ask(struct asker *who) { CHECK(p2p_loop_call(loop, read_line, who) == P2P_OK); }

static void await_sent(int n) { CHECK(site_wait(&gate, &n_sent, n)); }

static const struct p2p_line *sent(void) {
  static struct p2p_line line;
  CHECK(p2p_line_parse(last, strlen(last) - 1, &line) == P2P_OK);
  return &line;
}

static bool is_granted(const struct asker *who) {
  struct p2p_grant grant;
  char user[P2P_USER_NAME_MAX];
  snprintf(user, sizeof user, "%.*s", (int)strcspn(who->from.name, "@"), who->from.name);
  return p2p_grant_read(sent(), files.cluster, &who->device.secret_key, &grant) == P2P_OK &&
         memcmp(grant.secret, membership.grant.secret, sizeof grant.secret) == 0 &&
         strcmp(grant.user, user) == 0;
}

static bool is_refused(const struct asker *who, enum p2p_refusal reason) {
  struct p2p_refused refused;
  return p2p_refused_read(sent(), files.cluster, who->from.id, &refused) == P2P_OK &&
         refused.reason == reason &&
         memcmp(&refused.owner, &alice.public_key, sizeof refused.owner) == 0;
}

static void expect_log(enum p2p_log_level level, const char *text) {
  struct p2p_log_line line = {0};
  CHECK(p2p_log_queue_next(log_queue, SITE_WAIT_MS, &line));
  CHECK(line.level == level && strstr(line.text, text) != NULL);
  if (strstr(line.text, text) == NULL) fprintf(stderr, "%d %s\n", line.level, line.text);
}

static void expect_no_log(void) {
  struct p2p_log_line line;
  CHECK(!p2p_log_queue_next(log_queue, 0, &line));
}

/* ---- the answers ---- */

TEST(a_device_that_the_board_vouches_for_gets_the_key_as_often_as_it_asks) {
  begin(&plain, "users=bob,dan\r\n");
  struct asker bob;
  prepare(&bob, "bob", 1);
  for (int i = 1; i <= 3; i++) {
    ask(&bob);
    await_sent(i);
    CHECK(is_granted(&bob));
  }
  CHECK_STR(board.asked[0], "attested");
  expect_log(P2P_LOG_NOTICE, "gave the key of cluster 'alice/friends' to 'bob', device SHA256:");
  expect_no_log();
  CHECK(n_shared == 1);
  end();
}

TEST(a_device_that_the_board_does_not_vouch_for_is_refused) {
  static const char *const answers[] = {"users=carol\n", "users=\n", "users=bobby\n",
                                        "Commands: help, ls, pipe\n", ""};
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    begin(&plain, answers[i]);
    struct asker bob;
    prepare(&bob, "bob", 1);
    for (int n = 1; n <= 2; n++) {
      ask(&bob);
      await_sent(n);
      CHECK(is_refused(&bob, P2P_REFUSAL_DEVICE));
    }
    expect_log(P2P_LOG_WARN, "the user already has another device");
    expect_no_log(); /* it was said */
    CHECK(n_shared == 0);
    end();
  }
}

TEST(other_refusals_have_their_reason) {
  static const struct {
    struct p2p_registrar_config config;
    const char *user;
    enum p2p_refusal reason;
    size_t n_asked;
    enum p2p_log_level level;
  } cases[] = {
      {{.loop = NULL}, "dan", P2P_REFUSAL_UNLISTED, 0, P2P_LOG_INFO},
      {{.loop = NULL}, "bo", P2P_REFUSAL_UNLISTED, 0, P2P_LOG_INFO},
      {{.is_keyless = true}, "bob", P2P_REFUSAL_KEYLESS, 0, P2P_LOG_DEBUG},
      {{.is_invite_only = true}, "bob", P2P_REFUSAL_INVITE, 1, P2P_LOG_WARN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    begin(&cases[i].config, "users=bob,dan,bo\n");
    struct asker who;
    prepare(&who, cases[i].user, 1);
    ask(&who);
    await_sent(1);
    CHECK(is_refused(&who, cases[i].reason));
    CHECK(board.n_asked == cases[i].n_asked);
    expect_log(cases[i].level, "did not give the key of cluster 'alice/friends'");
    end();
  }
}

TEST(the_owner_may_ask_without_being_on_the_list) {
  begin(&plain, "users=alice\n");
  struct asker second;
  prepare(&second, "alice", 1);
  ask(&second);
  await_sent(1);
  CHECK(is_granted(&second));
  end();
}

TEST(a_board_that_does_not_answer_delays_a_request_for_seconds_only) {
  begin(&plain, NULL);
  board.has_attested = true;
  CHECK(p2p_loop_call(loop, free_registrar, NULL) == P2P_OK);
  CHECK(p2p_loop_call(loop, new_registrar, NULL) == P2P_OK);
  struct asker bob, dan;
  prepare(&bob, "bob", 1);
  prepare(&dan, "dan", 2);
  ask(&bob);
  ask(&dan); /* waits for its turn */
  CHECK(n_sent == 0);
  await_sent(2);
  CHECK(is_refused(&dan, P2P_REFUSAL_UNLISTED));
  expect_log(P2P_LOG_WARN, "to 'bob'");
  end();
}

static void disconnect(void *arg) {
  (void)arg;
  p2p_registrar_disconnect(registrar);
}

static void reconnect(void *arg) {
  (void)arg;
  board.says = "users=bob\n";
  p2p_registrar_connect(registrar, &board);
}

TEST(what_the_board_was_asked_on_a_connection_that_has_ended_is_asked_again) {
  begin(&plain, "users=bob\n");
  board.says = NULL;
  struct asker bob;
  prepare(&bob, "bob", 1);
  ask(&bob);
  CHECK(p2p_loop_call(loop, disconnect, NULL) == P2P_OK);
  CHECK(p2p_loop_call(loop, reconnect, NULL) == P2P_OK);
  CHECK(n_sent == 0);
  ask(&bob);
  await_sent(1);
  CHECK(is_granted(&bob) && board.n_asked == 2);
  end();
}

TEST(forged_requests_and_our_own_are_dropped) {
  begin(&plain, "users=bob,alice\n");
  struct asker bob, ours, forged;
  prepare(&bob, "bob", 1);
  prepare(&ours, "alice", 2);
  ours.from = host;
  write_request(&ours, CLUSTER);
  prepare(&forged, "bob", 3);
  write_request(&forged, "alice/other");
  ask(&ours);
  ask(&forged);
  ask(&bob);
  await_sent(1);
  CHECK(is_granted(&bob) && board.n_asked == 1);
  end();
}

TEST(a_crowd_is_answered_at_a_bounded_rate) {
  enum { CROWD = P2P_ENROL_PER_SECOND + 4 };
  static struct asker crowd[CROWD];
  begin(&plain, "users=bob\n");
  for (unsigned i = 0; i < CROWD; i++) prepare(&crowd[i], "bob", i + 1);
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  for (unsigned i = 0; i < CROWD; i++) ask(&crowd[i]);
  await_sent(CROWD);
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK(is_granted(&crowd[CROWD - 1]));
  CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 900);
  end();
}

/* ---- personal clusters ---- */

TEST(in_a_personal_cluster_the_owners_key_is_attested_first) {
  begin(&(struct p2p_registrar_config){.is_personal = true}, "users=alice\n");
  struct asker second, stranger;
  prepare(&second, "alice", 1);
  prepare(&stranger, "bob", 2);
  ask(&stranger); /* who is not told */
  ask(&second);
  await_sent(1);
  CHECK(is_granted(&second));
  CHECK_STR(board.asked[0], "attest");
  CHECK_STR(board.asked[1], "attested");
  ask(&second);
  await_sent(2);
  CHECK(board.n_asked == 3); /* once per connection */
  CHECK(n_shared == 1);
  end();
}

TEST(in_a_personal_cluster_on_a_plain_board_its_access_list_vouches) {
  begin(&(struct p2p_registrar_config){.is_personal = true}, NULL);
  board.says = "Commands: help\n";
  struct asker second;
  prepare(&second, "alice", 1);
  ask(&second);
  await_sent(1);
  end();
}

UNIT_MAIN("registrar", UNIT(a_device_that_the_board_vouches_for_gets_the_key_as_often_as_it_asks),
          UNIT(a_device_that_the_board_does_not_vouch_for_is_refused),
          UNIT(other_refusals_have_their_reason), UNIT(the_owner_may_ask_without_being_on_the_list),
          UNIT(a_board_that_does_not_answer_delays_a_request_for_seconds_only),
          UNIT(what_the_board_was_asked_on_a_connection_that_has_ended_is_asked_again),
          UNIT(forged_requests_and_our_own_are_dropped),
          UNIT(a_crowd_is_answered_at_a_bounded_rate),
          UNIT(in_a_personal_cluster_the_owners_key_is_attested_first),
          UNIT(in_a_personal_cluster_on_a_plain_board_its_access_list_vouches))
