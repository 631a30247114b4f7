/* One command on a board. `pipe`, `pub` and `sub` take a seat on a topic and stay; the others print something and end. The
 * queues are bounded: a member that does not take its bytes stalls nobody, it is marked as overrun. */
#include "server/board_visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/board_command.h"

#define ERR_OUT_MAX 4096

struct p2p_visit {
  struct p2p_board *board;
  struct p2p_visitor visitor;
  struct p2p_seat *seat;    /* NULL for commands that only print */
  struct p2p_timer *timer;  /* how long pub waits for a reader; NULL: for ever */
  struct p2p_buf out, err;
  bool has_ended, is_overrun;
  int exit_status;
  void (*on_change)(void *arg);
  void *arg;
};

/* --- the board and its visitors --- */

static void on_message(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_visit *visit = arg;
  if (visit->is_overrun || visit->has_ended) return;
  visit->is_overrun = p2p_buf_put(&visit->out, bytes, length) != P2P_OK;
  visit->on_change(visit->arg);
}

static void end_visit(struct p2p_visit *visit, int exit_status) {
  if (visit->has_ended) return;
  visit->has_ended = true;
  visit->exit_status = exit_status;
  visit->on_change(visit->arg);
}

static void on_finish(void *arg) { end_visit(arg, 0); }

static void complete_limits(struct p2p_board_limits *limits) {
  if (limits->connections == 0) limits->connections = P2P_BOARD_CONNECTIONS_MAX;
  if (limits->connections_of_key == 0) limits->connections_of_key = P2P_BOARD_CONNECTIONS_OF_KEY_MAX;
  if (limits->topics_of_user == 0) limits->topics_of_user = P2P_BOARD_TOPICS_OF_USER_MAX;
  if (limits->auth_ms == 0) limits->auth_ms = P2P_BOARD_AUTH_MS;
  if (limits->bytes_per_s == 0) limits->bytes_per_s = P2P_BOARD_BYTES_PER_S;
  if (limits->ping_ms == 0) limits->ping_ms = P2P_BOARD_PING_MS;
  if (limits->silent_ms == 0) limits->silent_ms = P2P_BOARD_SILENT_MS;
}

int p2p_board_init(struct p2p_board *board) {
  static const struct p2p_topics_events events = {on_message, on_finish};
  complete_limits(&board->limits);
  board->topics = p2p_topics_new(&events, board->limits.topics_of_user);
  return board->topics == NULL ? P2P_ERR_MEMORY : P2P_OK;
}

void p2p_board_clear(struct p2p_board *board) {
  p2p_topics_free(board->topics);
  board->topics = NULL;
}

static bool is_harmless(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

void p2p_visitor_name(struct p2p_visitor *visitor, const char *user, const char *login) {
  size_t n = 0;
  snprintf(visitor->user, sizeof visitor->user, "%s", user == NULL ? "public" : user);
  for (; login != NULL && *login != '\0' && n + 1 < sizeof visitor->login; login++)
    visitor->login[n++] = is_harmless(*login) ? *login : '_';
  visitor->login[n] = '\0';
}

static bool has_account(const struct p2p_visitor *visitor) { return strcmp(visitor->user, "public") != 0; }

/* --- commands that print and end --- */

static void put_error(struct p2p_visit *visit, const char *sentence) {
  if (p2p_buf_put(&visit->err, sentence, strlen(sentence)) == P2P_OK && p2p_buf_put(&visit->err, "\r\n", 2) == P2P_OK) return;
  visit->is_overrun = true;
}

static void fail(struct p2p_visit *visit, const char *sentence) {
  put_error(visit, sentence);
  end_visit(visit, 1);
}

static void print(struct p2p_visit *visit, const char *text) {
  if (p2p_buf_put(&visit->out, text, strlen(text)) == P2P_OK) end_visit(visit, 0);
  else fail(visit, "Out of memory.");
}

static void print_uuid(const uint8_t bytes[16], char out[37]) {
  char *at = out;
  for (int i = 0; i < 16; i++) at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

static void run_user(struct p2p_visit *visit) {
  uint8_t digest[P2P_SHA256_LEN];
  char id[37], when[32], text[192];
  struct tm tm;
  if (!has_account(&visit->visitor)) {
    snprintf(text, sizeof text, "Your key %s has no account on this board.", visit->visitor.fingerprint);
    p2p_events_say(visit->board->events, P2P_LEVEL_INFO, "a key without account (%s) was refused, from %s", visit->visitor.fingerprint,
                   visit->visitor.address);
    fail(visit, text);
    return;
  }
  p2p_sha256(visit->visitor.user, strlen(visit->visitor.user), digest);
  print_uuid(digest, id);
  gmtime_r(&visit->board->opened_at, &tm);
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
  snprintf(text, sizeof text, "%s\n%s\n%s\n", visit->visitor.user, id, when);
  print(visit, text);
}

/* '*' stands for the host name by which the client has reached this board. */
static void run_services(struct p2p_visit *visit) {
  char text[96];
  snprintf(text, sizeof text, "mailbox=ws://*:%u/v1\nrelay=tcp:*:%u\n", (unsigned)visit->board->mailbox_port,
           (unsigned)visit->board->relay_port);
  print(visit, text);
}

static void run_ls(struct p2p_visit *visit) {
  if (p2p_topics_list(visit->board->topics, visit->visitor.user, &visit->out) == P2P_OK) end_visit(visit, 0);
  else fail(visit, "There are too many channels to list.");
}

/* --- commands that stay --- */

static void on_timeout(void *arg) {
  struct p2p_visit *visit = arg;
  if (!p2p_seat_was_read(visit->seat)) fail(visit, "No reader came in time.");
}

static void tell_joined(struct p2p_visit *visit, const char *typed) {
  const struct p2p_visitor *who = &visit->visitor;
  const char *topic = p2p_seat_topic(visit->seat);
  bool is_private = strcmp(topic, typed) != 0 && p2p_topics_exists(visit->board->topics, typed);
  if (is_private)
    p2p_events_say(visit->board->events, P2P_LEVEL_INFO, "%s has no access to %s: joined %s from %s", who->user, typed, topic,
                   who->address);
  else if (has_account(who))
    p2p_events_say(visit->board->events, P2P_LEVEL_INFO, "%s joined %s from %s", who->user, topic, who->address);
  else
    p2p_events_say(visit->board->events, P2P_LEVEL_INFO, "a key without account (%s) joined %s from %s", who->fingerprint,
                   topic, who->address);
}

static void refuse_seat(struct p2p_visit *visit, int code) {
  const struct p2p_visitor *who = &visit->visitor;
  char text[128];
  switch (code) {
  case P2P_ERR_TOO_LARGE:
    snprintf(text, sizeof text, "You have %u topics open, and that is the most at a time: leave one first.",
             (unsigned)visit->board->limits.topics_of_user);
    break;
  case P2P_ERR_INVALID: snprintf(text, sizeof text, "The name of the topic is too long."); break;
  default: snprintf(text, sizeof text, "The board is out of memory: try again later."); break;
  }
  p2p_events_say(visit->board->events, P2P_LEVEL_WARN, "%s was refused a topic, from %s; it was told: %s",
                 has_account(who) ? who->user : who->fingerprint, who->address, text);
  fail(visit, text);
}

static void take_seat(struct p2p_visit *visit, const struct p2p_board_command *command) {
  uint8_t random[16];
  char uuid[37], label[160];
  p2p_random_bytes(random, sizeof random);
  print_uuid(random, uuid);
  snprintf(label, sizeof label, "%s (%s@%s)", uuid, visit->visitor.login, visit->visitor.address);
  struct p2p_seat_wish wish = {
      .user = visit->visitor.user, .fingerprint = visit->visitor.fingerprint, .label = label, .topic = command->topic,
      .access = command->access, .reads = command->verb != P2P_BOARD_PUB, .writes = command->verb != P2P_BOARD_SUB,
      .replay = command->replay, .open_to_all = command->open_to_all, .round_robin = command->round_robin,
      .wait_for_reader = command->wait_for_reader, .keep_alive = command->keep_alive};
  int code = p2p_topics_join(visit->board->topics, &wish, visit, &visit->seat);
  if (code != P2P_OK) {
    refuse_seat(visit, code);
    return;
  }
  tell_joined(visit, command->topic);
  if (command->timeout_ms > 0 && !p2p_seat_was_read(visit->seat)) {
    visit->timer = p2p_timer_new(visit->board->loop, on_timeout, visit);
    if (visit->timer != NULL) p2p_timer_start(visit->timer, command->timeout_ms, 0);
    else fail(visit, "Out of memory.");
  }
  if (command->is_empty) p2p_topics_end_input(visit->seat);
}

static void run(struct p2p_visit *visit, const struct p2p_board_command *command) {
  switch (command->verb) {
  case P2P_BOARD_HELP: print(visit, p2p_board_help()); break;
  case P2P_BOARD_LS: run_ls(visit); break;
  case P2P_BOARD_USER: run_user(visit); break;
  case P2P_BOARD_SERVICES: run_services(visit); break;
  case P2P_BOARD_PIPE:
  case P2P_BOARD_PUB:
  case P2P_BOARD_SUB: take_seat(visit, command); break;
  }
}

struct p2p_visit *p2p_visit_new(struct p2p_board *board, const struct p2p_visitor *visitor, const char *command,
                                void (*on_change)(void *arg), void *arg) {
  struct p2p_visit *visit = calloc(1, sizeof *visit);
  struct p2p_board_command parsed;
  struct p2p_err err;
  if (visit == NULL) return NULL;
  visit->board = board;
  visit->visitor = *visitor;
  visit->on_change = on_change;
  visit->arg = arg;
  p2p_buf_init(&visit->out, P2P_VISIT_OUT_MAX);
  p2p_buf_init(&visit->err, ERR_OUT_MAX);
  if (p2p_board_command_parse(command, &parsed, &err) != P2P_OK) {
    fail(visit, err.message);
    return visit;
  }
  run(visit, &parsed);
  p2p_board_command_clear(&parsed);
  return visit;
}

void p2p_visit_free(struct p2p_visit *visit) {
  if (visit == NULL) return;
  if (visit->seat != NULL) {
    p2p_events_say(visit->board->events, P2P_LEVEL_INFO, "%s left %s (from %s)%s", visit->visitor.user,
                   p2p_seat_topic(visit->seat), visit->visitor.address,
                   visit->is_overrun ? ": sent away, since it did not take what was sent to it" : "");
    p2p_topics_leave(visit->seat);
  }
  p2p_timer_free(visit->timer);
  p2p_buf_clear(&visit->out);
  p2p_buf_clear(&visit->err);
  free(visit);
}

/* --- the two directions --- */

void p2p_visit_input(struct p2p_visit *visit, const uint8_t *bytes, size_t length) {
  if (visit->seat == NULL || visit->has_ended) return;
  if (p2p_topics_write(visit->seat, bytes, length) != P2P_OK) fail(visit, "No reader came, and too much waits for one.");
}

void p2p_visit_end_input(struct p2p_visit *visit) {
  if (visit->seat != NULL && !visit->has_ended) p2p_topics_end_input(visit->seat);
}

struct p2p_buf *p2p_visit_out(struct p2p_visit *visit) { return &visit->out; }
struct p2p_buf *p2p_visit_err(struct p2p_visit *visit) { return &visit->err; }

bool p2p_visit_has_ended(const struct p2p_visit *visit, int *exit_status) {
  *exit_status = visit->exit_status;
  return visit->has_ended;
}

bool p2p_visit_is_overrun(const struct p2p_visit *visit) { return visit->is_overrun; }
