/* A member on a board that is not ours: OpenSSH's sshd with a script in the board's place, which
 * has no `services`, breaks the connection, does not answer, or sends nonsense. */
#include "board/member.h"
#include "protocol/public_services.h"
#include "sshd_fixture.h"

static struct site site;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;

struct actor {
  struct p2p_member_config config;
  struct p2p_member *member;
  struct p2p_err err;
  int code, joined, away, failed, heard;
  uint32_t retry_ms;
  char notes[256];
};

static struct p2p_log_queue *log_queue; /* of members */

static void on_joined(void *arg) { site_count(&gate, &((struct actor *)arg)->joined); }
static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct actor *actor = arg;
  actor->err = *err;
  actor->retry_ms = retry_ms;
  site_count(&gate, &actor->away);
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct actor *actor = arg;
  const char *note = p2p_line_get(line, "note");
  if (note != NULL) strncat(actor->notes, note, sizeof actor->notes - strlen(actor->notes) - 1);
  site_count(&gate, &actor->heard);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct actor *actor = arg;
  actor->err = *err;
  site_count(&gate, &actor->failed);
}

static void join_on_loop(void *arg) {
  static const struct p2p_member_callbacks callbacks = {NULL,    on_joined, on_line,
                                                        on_away, on_failed, NULL};
  struct actor *actor = arg;
  actor->code = p2p_member_new(&actor->config, &callbacks, actor, &actor->member, &actor->err);
}

static void free_on_loop(void *arg) { p2p_member_free(((struct actor *)arg)->member); }

/* bob joins alice/friends on a board whose commands are these lines of a shell's `case`. */
static void start_member(struct actor *actor, const char *commands, uint32_t timeout_ms) {
  static char host[32], key[160], known_hosts[256];
  static const char *args[] = {"-i", key, "-o", "IdentitiesOnly=yes", "-o", known_hosts};
  site_write(&site, "board.sh",
             "case \"$SSH_ORIGINAL_COMMAND\" in\n%s\n*) echo 'Commands: help, ls, pub, sub, "
             "pipe';;\nesac\n",
             commands);
  snprintf(host, sizeof host, "127.0.0.1:%u", site.port);
  snprintf(key, sizeof key, "%s", site_path(&site, "bob"));
  snprintf(known_hosts, sizeof known_hosts, "UserKnownHostsFile=%s",
           site_path(&site, "known_hosts"));
  memset(actor, 0, sizeof *actor);
  actor->config = (struct p2p_member_config){.loop = loop,
                                             .board.host = host,
                                             .board.ssh_args = args,
                                             .board.n_ssh_args = 6,
                                             .board.cluster = "alice/friends",
                                             .role = P2P_ROLE_CLIENT,
                                             .timeout_ms = timeout_ms,
                                             .log = log_queue};
  CHECK(p2p_loop_call(loop, join_on_loop, actor) == P2P_OK && actor->code == P2P_OK);
}

static void expect_failed(const char *commands, uint32_t timeout_ms, int code,
                          const char *message) {
  struct actor actor;
  start_member(&actor, commands, timeout_ms);
  CHECK(site_wait(&gate, &actor.failed, 1));
  CHECK(actor.joined == 0 && actor.err.code == code);
  CHECK(strstr(actor.err.message, message) != NULL);
  if (strstr(actor.err.message, message) == NULL)
    fprintf(stderr, "%d %s\n", actor.err.code, actor.err.message);
  CHECK(p2p_loop_call(loop, free_on_loop, &actor) == P2P_OK);
}

#define USER "user) printf 'bob\\nid\\n2026\\n';;\n"
#define LS "ls) printf 'no pubsub channels found\\r\\n';;\n"
#define TOPIC "'pipe alice/friends/future.p2p -r')"

TEST(a_board_opens) {
  char text[1024];
  site_open(&site);
  site_key(&site, "host", "");
  site_key(&site, "bob", "");
  site_public_key(&site, "bob", text, sizeof text);
  site_write(&site, "authorized_keys", "restrict,command=\"/bin/sh %s\" %s\n",
             site_path(&site, "board.sh"), text);
  site_start_sshd(&site, "host");
  site_public_key(&site, "host", text, sizeof text);
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", site.port, text);
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  log_queue = p2p_log_queue_new(20);
}

TEST(without_services_the_public_ones_are_used_and_no_line_is_lost) {
  struct actor actor;
  /* A line before the echo, a malformed one, the echo, and a line right after it, before `ls` was
   * answered. */
  start_member(
      &actor,
      USER LS TOPIC
      " printf 'when=1,note=a\\ngarbage\\n'; head -n 1; printf 'when=1,note=b\\n'; cat;;\n",
      60000);
  CHECK(site_wait(&gate, &actor.heard, 2));
  CHECK(actor.joined == 1 && actor.failed == 0);
  CHECK_STR(actor.notes, "ab");
  CHECK(p2p_member_dropped(actor.member) == 1);
  CHECK_STR(p2p_member_mailbox(actor.member), P2P_PUBLIC_MAILBOX);
  CHECK_STR(p2p_member_relay(actor.member), P2P_PUBLIC_RELAY);
  struct p2p_log_line event = {0};
  CHECK(p2p_log_queue_next(log_queue, SITE_WAIT_MS, &event) && event.level == P2P_LOG_DEBUG);
  CHECK_STR(event.text, "dropped 1 malformed line from the board (1 so far)");
  CHECK(p2p_loop_call(loop, free_on_loop, &actor) == P2P_OK);
}

TEST(a_private_topic_is_no_access) {
  expect_failed(USER TOPIC " cat;;\nls) printf -- '- bob/alice/friends/future.p2p:\\r\\n';;\n",
                60000, P2P_ERR_ACCESS, "no access to cluster");
}

TEST(a_key_without_account_writes_nothing) {
  char commands[600];
  snprintf(
      commands, sizeof commands,
      "user) printf '%%s\\nid\\n2026\\n' \"$(cat %s)\";;\nls) touch %s;;\npipe*) touch %s; cat;;\n",
      site_path(&site, "who"), site_path(&site, "asked"), site_path(&site, "opened"));
  site_write(&site, "who", "public");
  expect_failed(commands, 60000, P2P_ERR_AUTH, "no account");
  CHECK(access(site_path(&site, "opened"), F_OK) != 0 &&
        access(site_path(&site, "asked"), F_OK) != 0);
  struct actor actor;
  site_write(&site, "who", "bob"); /* the same board accepts a key with an account */
  start_member(&actor, commands, 60000);
  CHECK(site_wait(&gate, &actor.joined, 1));
  CHECK(access(site_path(&site, "opened"), F_OK) == 0 &&
        access(site_path(&site, "asked"), F_OK) == 0);
  CHECK(p2p_loop_call(loop, free_on_loop, &actor) == P2P_OK);
}

/* The public board disconnects the last member when the second-last leaves. The file `heard` has
 * what the board reads. */
TEST(a_disconnected_member_reconnects_and_checks_everything_again) {
  struct actor actor;
  char commands[800], heard[4096];
  snprintf(commands, sizeof commands,
           USER
           "ls) echo ls >> %s; printf 'no pubsub channels found\\r\\n';;\n" TOPIC
           " head -n 1 | tee -a %s; if [ -p %s ]; then read x < %s; rm %s; else exec cat; fi;;\n",
           site_path(&site, "heard"), site_path(&site, "heard"), site_path(&site, "end"),
           site_path(&site, "end"), site_path(&site, "end"));
  CHECK(mkfifo(site_path(&site, "end"), 0600) == 0);
  start_member(&actor, commands, 60000);
  CHECK(site_wait(&gate, &actor.joined, 1));
  site_write(&site, "end", "now\n");
  CHECK(site_wait(&gate, &actor.away, 1));
  CHECK(actor.err.code == P2P_ERR_CLOSED && actor.retry_ms <= 500);
  CHECK(site_wait(&gate, &actor.joined, 2));
  CHECK(actor.failed == 0);
  site_read(&site, "heard", heard, sizeof heard);
  const char *first = strstr(heard, "type=client"),
             *second = first == NULL ? NULL : strstr(first + 1, "type=client");
  CHECK(second != NULL && strstr(second + 1, "type=client") == NULL);
  CHECK(second != NULL && strstr(second, "\nls\n") != NULL);
  CHECK(p2p_loop_call(loop, free_on_loop, &actor) == P2P_OK);
}

TEST(an_echo_that_never_comes_is_a_timeout) {
  expect_failed(USER LS TOPIC " cat > /dev/null;;\n", 12000, P2P_ERR_TIMEOUT,
                "the echo of the hello");
}

TEST(output_that_never_ends_is_a_timeout_and_too_much_output_is_an_error) {
  expect_failed("user) cat > /dev/null;;\n", 12000, P2P_ERR_TIMEOUT, "'user'");
  expect_failed("user) head -c 300000 /dev/zero;;\n", 60000, P2P_ERR_TOO_LARGE, "is longer than");
}

TEST(a_connection_that_breaks_while_joining_is_tried_again_until_the_timeout) {
  struct actor actor;
  char marker[400];
  snprintf(marker, sizeof marker, USER LS TOPIC " if [ -e %s ]; then cat; else touch %s; fi;;\n",
           site_path(&site, "tried"), site_path(&site, "tried"));
  start_member(&actor, marker, 60000);
  CHECK(site_wait(&gate, &actor.joined, 1));
  CHECK(actor.failed == 0);
  CHECK(p2p_loop_call(loop, free_on_loop, &actor) == P2P_OK);
  start_member(&actor, USER LS TOPIC " exit 0;;\n", 500);
  CHECK(site_wait(&gate, &actor.failed, 1));
  CHECK(actor.joined == 0);
  CHECK(actor.err.code == P2P_ERR_CLOSED || actor.err.code == P2P_ERR_TIMEOUT);
  CHECK(p2p_loop_call(loop, free_on_loop, &actor) == P2P_OK);
}

TEST(the_board_closes) {
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log_queue);
  site_close(&site);
}

UNIT_MAIN("foreign_board", UNIT(a_board_opens),
          UNIT(without_services_the_public_ones_are_used_and_no_line_is_lost),
          UNIT(a_private_topic_is_no_access), UNIT(a_key_without_account_writes_nothing),
          UNIT(a_disconnected_member_reconnects_and_checks_everything_again),
          UNIT(an_echo_that_never_comes_is_a_timeout),
          UNIT(output_that_never_ends_is_a_timeout_and_too_much_output_is_an_error),
          UNIT(a_connection_that_breaks_while_joining_is_tried_again_until_the_timeout),
          UNIT(the_board_closes))
