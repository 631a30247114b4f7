/* One command on a board. `pipe`, `pub` and `sub` take a seat on a topic and stay; the others print
 * something and end. The queues are bounded: a member that does not take its bytes stalls nobody,
 * it is marked as overrun. */
#include "server/board_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitize.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/board_command.h"

#define ERR_OUT_MAX 4096

struct p2p_board_session {
  struct p2p_board_server *board;
  struct p2p_board_user user_info;
  struct p2p_subscription *subscription; /* NULL for commands that only print */
  struct p2p_timer *timer;               /* how long pub waits for a reader; NULL: for ever */
  struct p2p_buf out, err;
  bool has_ended, is_overrun;
  int exit_status;
  void (*on_change)(void *arg);
  void *arg;
};

/* --- the board and its visitors --- */

static void on_message(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_board_session *session = arg;
  if (session->is_overrun || session->has_ended) return;
  session->is_overrun = p2p_buf_put(&session->out, bytes, length) != P2P_OK;
  session->on_change(session->arg);
}

static void end_visit(struct p2p_board_session *session, int exit_status) {
  if (session->has_ended) return;
  session->has_ended = true;
  session->exit_status = exit_status;
  session->on_change(session->arg);
}

static void on_finish(void *arg) { end_visit(arg, 0); }

static void complete_limits(struct p2p_board_limits *limits) {
  if (limits->connections == 0) limits->connections = P2P_BOARD_CONNECTIONS_MAX;
  if (limits->connections_of_key == 0)
    limits->connections_of_key = P2P_BOARD_CONNECTIONS_OF_KEY_MAX;
  if (limits->topics_of_user == 0) limits->topics_of_user = P2P_BOARD_TOPICS_OF_USER_MAX;
  if (limits->auth_ms == 0) limits->auth_ms = P2P_BOARD_AUTH_MS;
  if (limits->bytes_per_s == 0) limits->bytes_per_s = P2P_BOARD_BYTES_PER_S;
  if (limits->ping_ms == 0) limits->ping_ms = P2P_BOARD_PING_MS;
  if (limits->silent_ms == 0) limits->silent_ms = P2P_BOARD_SILENT_MS;
}

int p2p_board_server_init(struct p2p_board_server *board) {
  static const struct p2p_topics_callbacks callbacks = {on_message, on_finish};
  complete_limits(&board->limits);
  board->topics = p2p_topics_new(&callbacks, board->limits.topics_of_user);
  return board->topics == NULL ? P2P_ERR_MEMORY : P2P_OK;
}

void p2p_board_server_clear(struct p2p_board_server *board) {
  p2p_topics_free(board->topics);
  board->topics = NULL;
}

void p2p_board_user_name(struct p2p_board_user *user_info, const char *user, const char *login) {
  snprintf(user_info->user, sizeof user_info->user, "%s", user == NULL ? "public" : user);
  p2p_sanitize_word(login == NULL ? "" : login, user_info->login, sizeof user_info->login);
}

static bool has_account(const struct p2p_board_user *user_info) {
  return strcmp(user_info->user, "public") != 0;
}

/* --- commands that print and end --- */

static void put_error(struct p2p_board_session *session, const char *sentence) {
  if (p2p_buf_put(&session->err, sentence, strlen(sentence)) == P2P_OK &&
      p2p_buf_put(&session->err, "\r\n", 2) == P2P_OK)
    return;
  session->is_overrun = true;
}

static void fail(struct p2p_board_session *session, const char *sentence) {
  put_error(session, sentence);
  end_visit(session, 1);
}

static void print(struct p2p_board_session *session, const char *text) {
  if (p2p_buf_put(&session->out, text, strlen(text)) == P2P_OK)
    end_visit(session, 0);
  else
    fail(session, "Out of memory.");
}

static void print_uuid(const uint8_t bytes[16], char out[37]) {
  char *at = out;
  for (int i = 0; i < 16; i++)
    at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

static void run_user(struct p2p_board_session *session) {
  uint8_t digest[P2P_SHA256_LEN];
  char id[37], when[32], text[192];
  struct tm tm;
  if (!has_account(&session->user_info)) {
    snprintf(text, sizeof text, "Your key %s has no account on this board.",
             session->user_info.fingerprint);
    p2p_log_write(session->board->log, P2P_LOG_INFO,
                  "a key without account (%s) was refused, from %s", session->user_info.fingerprint,
                  session->user_info.address);
    fail(session, text);
    return;
  }
  p2p_sha256(session->user_info.user, strlen(session->user_info.user), digest);
  print_uuid(digest, id);
  gmtime_r(&session->board->opened_at, &tm);
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
  snprintf(text, sizeof text, "%s\n%s\n%s\n", session->user_info.user, id, when);
  print(session, text);
}

/* '*' stands for the host name by which the client has reached this board. */
static void run_services(struct p2p_board_session *session) {
  char text[96];
  snprintf(text, sizeof text, "mailbox=ws://*:%u/v1\nrelay=tcp:*:%u\n",
           (unsigned)session->board->mailbox_port, (unsigned)session->board->relay_port);
  print(session, text);
}

static void run_ls(struct p2p_board_session *session) {
  if (p2p_topics_list(session->board->topics, session->user_info.user, &session->out) == P2P_OK)
    end_visit(session, 0);
  else
    fail(session, "There are too many channels to list.");
}

/* --- commands that stay --- */

static void on_timeout(void *arg) {
  struct p2p_board_session *session = arg;
  if (!p2p_subscription_was_read(session->subscription)) fail(session, "No reader came in time.");
}

static void tell_joined(struct p2p_board_session *session, const char *typed) {
  const struct p2p_board_user *who = &session->user_info;
  const char *topic = p2p_subscription_topic(session->subscription);
  bool is_private = strcmp(topic, typed) != 0 && p2p_topics_exists(session->board->topics, typed);
  if (is_private)
    p2p_log_write(session->board->log, P2P_LOG_INFO, "%s has no access to %s: joined %s from %s",
                  who->user, typed, topic, who->address);
  else if (has_account(who))
    p2p_log_write(session->board->log, P2P_LOG_INFO, "%s joined %s from %s", who->user, topic,
                  who->address);
  else
    p2p_log_write(session->board->log, P2P_LOG_INFO, "a key without account (%s) joined %s from %s",
                  who->fingerprint, topic, who->address);
}

static void refuse_seat(struct p2p_board_session *session, int code) {
  const struct p2p_board_user *who = &session->user_info;
  char text[128];
  switch (code) {
  case P2P_ERR_TOO_LARGE:
    snprintf(text, sizeof text,
             "You have %u topics open, and that is the most at a time: leave one first.",
             (unsigned)session->board->limits.topics_of_user);
    break;
  case P2P_ERR_INVALID: snprintf(text, sizeof text, "The name of the topic is too long."); break;
  default: snprintf(text, sizeof text, "The board is out of memory: try again later."); break;
  }
  p2p_log_write(session->board->log, P2P_LOG_WARN,
                "%s was refused a topic, from %s; it was told: %s",
                has_account(who) ? who->user : who->fingerprint, who->address, text);
  fail(session, text);
}

static void take_seat(struct p2p_board_session *session, const struct p2p_board_command *command) {
  uint8_t random[16];
  char uuid[37], label[160];
  p2p_random_bytes(random, sizeof random);
  print_uuid(random, uuid);
  snprintf(label, sizeof label, "%s (%s@%s)", uuid, session->user_info.login,
           session->user_info.address);
  struct p2p_subscribe_request request = {.user = session->user_info.user,
                                          .fingerprint = session->user_info.fingerprint,
                                          .label = label,
                                          .topic = command->topic,
                                          .access = command->access,
                                          .reads = command->verb != P2P_BOARD_PUB,
                                          .writes = command->verb != P2P_BOARD_SUB,
                                          .replay = command->replay,
                                          .open_to_all = command->open_to_all,
                                          .round_robin = command->round_robin,
                                          .wait_for_reader = command->wait_for_reader,
                                          .keep_alive = command->keep_alive};
  int code = p2p_topics_join(session->board->topics, &request, session, &session->subscription);
  if (code != P2P_OK) {
    refuse_seat(session, code);
    return;
  }
  tell_joined(session, command->topic);
  if (command->timeout_ms > 0 && !p2p_subscription_was_read(session->subscription)) {
    session->timer = p2p_timer_new(session->board->loop, on_timeout, session);
    if (session->timer != NULL)
      p2p_timer_start(session->timer, command->timeout_ms, 0);
    else
      fail(session, "Out of memory.");
  }
  if (command->is_empty) p2p_topics_end_input(session->subscription);
}

static void run(struct p2p_board_session *session, const struct p2p_board_command *command) {
  switch (command->verb) {
  case P2P_BOARD_HELP: print(session, p2p_board_help()); break;
  case P2P_BOARD_LS: run_ls(session); break;
  case P2P_BOARD_USER: run_user(session); break;
  case P2P_BOARD_SERVICES: run_services(session); break;
  case P2P_BOARD_PIPE:
  case P2P_BOARD_PUB:
  case P2P_BOARD_SUB: take_seat(session, command); break;
  }
}

struct p2p_board_session *p2p_board_session_new(struct p2p_board_server *board,
                                                const struct p2p_board_user *user_info,
                                                const char *command, void (*on_change)(void *arg),
                                                void *arg) {
  struct p2p_board_session *session = calloc(1, sizeof *session);
  struct p2p_board_command parsed;
  struct p2p_err err;
  if (session == NULL) return NULL;
  session->board = board;
  session->user_info = *user_info;
  session->on_change = on_change;
  session->arg = arg;
  p2p_buf_init(&session->out, P2P_BOARD_SESSION_OUT_MAX);
  p2p_buf_init(&session->err, ERR_OUT_MAX);
  if (p2p_board_command_parse(command, &parsed, &err) != P2P_OK) {
    fail(session, err.message);
    return session;
  }
  run(session, &parsed);
  p2p_board_command_clear(&parsed);
  return session;
}

void p2p_board_session_free(struct p2p_board_session *session) {
  if (session == NULL) return;
  if (session->subscription != NULL) {
    p2p_log_write(
        session->board->log, P2P_LOG_INFO, "%s left %s (from %s)%s", session->user_info.user,
        p2p_subscription_topic(session->subscription), session->user_info.address,
        session->is_overrun ? ": sent away, since it did not take what was sent to it" : "");
    p2p_topics_leave(session->subscription);
  }
  p2p_timer_free(session->timer);
  p2p_buf_clear(&session->out);
  p2p_buf_clear(&session->err);
  free(session);
}

/* --- the two directions --- */

void p2p_board_session_input(struct p2p_board_session *session, const uint8_t *bytes,
                             size_t length) {
  if (session->subscription == NULL || session->has_ended) return;
  if (p2p_topics_write(session->subscription, bytes, length) != P2P_OK)
    fail(session, "No reader came, and too much waits for one.");
}

void p2p_board_session_end_input(struct p2p_board_session *session) {
  if (session->subscription != NULL && !session->has_ended)
    p2p_topics_end_input(session->subscription);
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

bool p2p_board_session_is_overrun(const struct p2p_board_session *session) {
  return session->is_overrun;
}
