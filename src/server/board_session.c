/* One command of a client of the board. `pipe`, `pub` and `sub` subscribe to a topic and stay; the
 * others print something and end. The buffers are bounded, so a client that does not read slows
 * nobody down: its session overflows. */
#include "server/board_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hostport.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "net/timer.h"
#include "server/board_command.h"

#define UUID_MAX 37 /* with the NUL */

struct p2p_board_session {
  struct p2p_board_server *board;
  struct p2p_board_user user;
  struct p2p_subscription *subscription; /* NULL for commands that only print */
  struct p2p_timer *timer;               /* of `pub -t`; NULL: no limit */
  struct p2p_buf out, err;
  bool has_ended, has_overflowed;
  int exit_status;
  void (*on_change)(void *arg);
  void *arg;
};

static void end_command(struct p2p_board_session *session, int exit_status) {
  if (session->has_ended) return;
  session->has_ended = true;
  session->exit_status = exit_status;
  session->on_change(session->arg);
}

/* Ends the command with a sentence on standard error. */
static void fail(struct p2p_board_session *session, const char *sentence) {
  if (p2p_buf_put(&session->err, sentence, strlen(sentence)) != P2P_OK ||
      p2p_buf_put(&session->err, "\r\n", 2) != P2P_OK)
    session->has_overflowed = true;
  end_command(session, 1);
}

static void fail_without_memory(struct p2p_board_session *session) {
  fail(session, "The server is out of memory. Try again later.");
}

/* --- commands that print and end --- */

static void print(struct p2p_board_session *session, const char *text) {
  if (p2p_buf_put(&session->out, text, strlen(text)) == P2P_OK)
    end_command(session, 0);
  else
    fail_without_memory(session);
}

static void format_uuid(const uint8_t bytes[16], char out[static UUID_MAX]) {
  char *at = out;
  for (int i = 0; i < 16; i++)
    at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

/* False: the user has no account, and the command has failed. */
static bool require_account(struct p2p_board_session *session, const char *command) {
  char text[256];
  if (p2p_board_user_has_account(&session->user)) return true;
  snprintf(text, sizeof text,
           "Your key %s has no account on this board. Ask its administrator to add your public key "
           "to the users file.",
           session->user.fingerprint);
  p2p_log_write(session->board->log, P2P_LOG_INFO, "refused '%s' to %s from %s: no account",
                command, session->user.fingerprint, session->user.address);
  fail(session, text);
  return false;
}

static void run_user(struct p2p_board_session *session) {
  uint8_t digest[P2P_SHA256_LEN];
  char id[UUID_MAX], when[32], text[192];
  struct tm tm;
  if (!require_account(session, "user")) return;
  p2p_sha256(session->user.name, strlen(session->user.name), digest);
  format_uuid(digest, id);
  gmtime_r(&session->board->opened_at, &tm);
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
  snprintf(text, sizeof text, "%s\n%s\n%s\n", session->user.name, id, when);
  print(session, text);
}

/* '*' stands for the name by which the client has reached this board. The address of the client
 * helps those behind NAT, who cannot know it. */
static void run_services(struct p2p_board_session *session) {
  const struct p2p_board_server *board = session->board;
  const char *peer = session->user.address;
  struct p2p_hostport client;
  char text[96 + sizeof client.host];
  bool is_known = p2p_hostport_parse(peer, strlen(peer), &client) == P2P_OK;
  snprintf(text, sizeof text, "mailbox=ws://*:%u/v1\nrelay=tcp:*:%u\n%s%s%s",
           (unsigned)board->mailbox_port, (unsigned)board->relay_port,
           is_known ? "client_address=" : "", is_known ? client.host : "", is_known ? "\n" : "");
  print(session, text);
  if (board->host_key == NULL) return;
  print(session, "host_key=");
  print(session, board->host_key);
  print(session, "\n");
}

/* "unknown=diana,eve": the users without an account. Anybody with an account may ask. */
static void run_users(struct p2p_board_session *session, const char *names) {
  struct p2p_buf *out = &session->out;
  if (!require_account(session, "users")) return;
  const char *joint = "unknown=";
  int code = P2P_OK;
  for (const char *at = names; code == P2P_OK; at++) {
    size_t length = strcspn(at, ",");
    if (!p2p_accounts_has_user(session->board->accounts, at, length)) {
      code = p2p_buf_put(out, joint, strlen(joint));
      if (code == P2P_OK) code = p2p_buf_put(out, at, length);
      joint = ",";
    }
    at += length;
    if (*at == '\0') break;
  }
  if (code != P2P_OK)
    fail_without_memory(session);
  else
    print(session, joint[0] == ',' ? "\n" : "unknown=\n");
}

static void run_attest(struct p2p_board_session *session, const uint8_t *key) {
  if (!require_account(session, "attest")) return;
  if (p2p_attested_keys_add(session->user.attested, &session->board->attested, key) == P2P_OK)
    print(session, "attested\n");
  else
    fail(session, "This connection has attested too many keys. Connect again for others.");
}

/* "users=bob,carol". Anybody with an account may ask. */
static void run_attested(struct p2p_board_session *session, const uint8_t *key) {
  if (!require_account(session, "attested")) return;
  int code = p2p_buf_put(&session->out, "users=", 6);
  if (code == P2P_OK)
    code = p2p_attested_keys_list_users(session->board->attested, key, &session->out);
  if (code != P2P_OK)
    fail_without_memory(session);
  else
    print(session, "\n");
}

static void run_ls(struct p2p_board_session *session) {
  if (p2p_topics_list(session->board->topics, session->user.name, &session->out) == P2P_OK)
    end_command(session, 0);
  else
    fail(session, "You have too many topics to list. Leave some first.");
}

/* --- commands that subscribe to a topic --- */

static void on_message(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_board_session *session = arg;
  if (session->has_overflowed || session->has_ended) return;
  session->has_overflowed = p2p_buf_put(&session->out, bytes, length) != P2P_OK;
  session->on_change(session->arg);
}

static void on_finish(void *arg) { end_command(arg, 0); }

static void on_timeout(void *arg) {
  struct p2p_board_session *session = arg;
  if (p2p_subscription_is_pending(session->subscription))
    fail(session, "No reader joined in time. Give a longer time with -t, or start a reader first.");
}

static void log_subscribed(struct p2p_board_session *session, const char *typed) {
  const char *topic = p2p_subscription_topic(session->subscription);
  char who[P2P_BOARD_USER_LABEL_MAX];
  p2p_board_user_label(&session->user, who);
  if (strcmp(topic, typed) != 0 && p2p_topics_exists(session->board->topics, typed))
    p2p_log_write(session->board->log, P2P_LOG_INFO,
                  "%s has no access to '%s': joined '%s' from %s", who, typed, topic,
                  session->user.address);
  else
    p2p_log_write(session->board->log, P2P_LOG_INFO, "%s joined '%s' from %s", who, topic,
                  session->user.address);
}

static void refuse_topic(struct p2p_board_session *session, int code) {
  unsigned most = (unsigned)session->board->limits.topics_per_user;
  const char *why = "out of memory", *text = "The server is out of memory. Try again later.";
  char limit[96], who[P2P_BOARD_USER_LABEL_MAX];
  if (code == P2P_ERR_TOO_LARGE) {
    snprintf(limit, sizeof limit, "You have %u topic%s open, which is the limit. Leave one first.",
             most, most == 1 ? "" : "s");
    why = "too many topics";
    text = limit;
  } else if (code == P2P_ERR_INVALID) {
    why = "topic name too long";
    text = "The name of the topic is too long. Choose a shorter one.";
  }
  p2p_board_user_label(&session->user, who);
  p2p_log_write(session->board->log, P2P_LOG_WARN, "refused a topic to %s from %s: %s", who,
                session->user.address, why);
  fail(session, text);
}

static void start_timer(struct p2p_board_session *session, uint32_t timeout_ms) {
  session->timer = p2p_timer_new(session->board->loop, on_timeout, session);
  if (session->timer != NULL)
    p2p_timer_start(session->timer, timeout_ms, 0);
  else
    fail_without_memory(session);
}

static void subscribe(struct p2p_board_session *session, const struct p2p_board_command *command) {
  static const struct p2p_subscriber_callbacks callbacks = {on_message, on_finish};
  uint8_t random[16];
  char uuid[UUID_MAX], label[160];
  p2p_random_bytes(random, sizeof random);
  format_uuid(random, uuid);
  snprintf(label, sizeof label, "%s (%s@%s)", uuid, session->user.login, session->user.address);
  struct p2p_subscribe_request request = {.user = session->user.name,
                                          .fingerprint = session->user.fingerprint,
                                          .label = label,
                                          .topic = command->topic,
                                          .access = command->access,
                                          .reads = command->verb != P2P_BOARD_PUB,
                                          .writes = command->verb != P2P_BOARD_SUB,
                                          .replay = command->replay,
                                          .is_public = command->is_public,
                                          .round_robin = command->round_robin,
                                          .wait_for_reader = command->wait_for_reader,
                                          .keep_alive = command->keep_alive};
  int code = p2p_topics_subscribe(session->board->topics, &request, &callbacks, session,
                                  &session->subscription);
  if (code != P2P_OK) {
    refuse_topic(session, code);
    return;
  }
  log_subscribed(session, command->topic);
  if (command->timeout_ms > 0 && p2p_subscription_is_pending(session->subscription))
    start_timer(session, command->timeout_ms);
  if (command->is_empty) p2p_subscription_end_input(session->subscription);
}

/* --- its life --- */

static void run(struct p2p_board_session *session, const struct p2p_board_command *command) {
  switch (command->verb) {
  case P2P_BOARD_HELP: print(session, p2p_board_command_help()); break;
  case P2P_BOARD_LS: run_ls(session); break;
  case P2P_BOARD_USER: run_user(session); break;
  case P2P_BOARD_SERVICES: run_services(session); break;
  case P2P_BOARD_USERS: run_users(session, command->names); break;
  case P2P_BOARD_ATTEST: run_attest(session, command->key); break;
  case P2P_BOARD_ATTESTED: run_attested(session, command->key); break;
  case P2P_BOARD_PIPE:
  case P2P_BOARD_PUB:
  case P2P_BOARD_SUB: subscribe(session, command); break;
  }
}

static void refuse_command(struct p2p_board_session *session, const struct p2p_err *err) {
  char text[P2P_ERR_MESSAGE_MAX + 64];
  snprintf(text, sizeof text, "Error: %s. The command 'help' shows the syntax.", err->message);
  fail(session, text);
}

struct p2p_board_session *p2p_board_session_new(struct p2p_board_server *board,
                                                const struct p2p_board_user *user,
                                                const char *command, void (*on_change)(void *arg),
                                                void *arg) {
  struct p2p_board_session *session = calloc(1, sizeof *session);
  struct p2p_board_command parsed;
  struct p2p_err err;
  if (session == NULL) return NULL;
  session->board = board;
  session->user = *user;
  session->on_change = on_change;
  session->arg = arg;
  p2p_buf_init(&session->out, P2P_BOARD_OUTPUT_MAX);
  p2p_buf_init(&session->err, P2P_BOARD_ERROR_OUTPUT_MAX);
  if (p2p_board_command_parse(command, &parsed, &err) != P2P_OK) {
    refuse_command(session, &err);
    return session;
  }
  run(session, &parsed);
  p2p_board_command_clear(&parsed);
  return session;
}

void p2p_board_session_free(struct p2p_board_session *session) {
  if (session == NULL) return;
  if (session->subscription != NULL) {
    char who[P2P_BOARD_USER_LABEL_MAX];
    p2p_board_user_label(&session->user, who);
    p2p_log_write(session->board->log, P2P_LOG_INFO, "%s left '%s' from %s%s", who,
                  p2p_subscription_topic(session->subscription), session->user.address,
                  session->has_overflowed ? ": reads too slowly" : "");
    p2p_topics_unsubscribe(session->subscription);
  }
  p2p_timer_free(session->timer);
  p2p_buf_clear(&session->out);
  p2p_buf_clear(&session->err);
  free(session);
}

/* --- input and output --- */

void p2p_board_session_input(struct p2p_board_session *session, const uint8_t *bytes,
                             size_t length) {
  if (session->subscription == NULL || session->has_ended) return;
  if (p2p_subscription_write(session->subscription, bytes, length) != P2P_OK)
    fail(session, "Too many bytes wait for a first reader. Start a reader first.");
}

void p2p_board_session_end_input(struct p2p_board_session *session) {
  if (session->subscription != NULL && !session->has_ended)
    p2p_subscription_end_input(session->subscription);
}

struct p2p_buf *p2p_board_session_out(struct p2p_board_session *session) {
  return &session->out;
}
struct p2p_buf *p2p_board_session_err(struct p2p_board_session *session) {
  return &session->err;
}

bool p2p_board_session_has_ended(const struct p2p_board_session *session, int *exit_status) {
  *exit_status = session->exit_status;
  return session->has_ended;
}

bool p2p_board_session_has_overflowed(const struct p2p_board_session *session) {
  return session->has_overflowed;
}
