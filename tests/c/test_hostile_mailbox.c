/* Transfers whose peer stalls or lies during the key exchange, whose mailbox server refuses them,
 * or whose mailbox others join: the error, and the mood with which they leave. */
#include <unistd.h>

#include "crypto/random.h"
#include "crypto/spake2.h"
#include "mailbox_fixture.h"
#include "net/listener.h"
#include "net/ws.h"
#include "server/mailbox_session.h"
#include "transfer/transfer.h"
#include "wormhole/mailbox.h"
#include "wormhole/mailbox_connection.h"

#define PATIENCE_MS 10000
#define CODE "7-hostile"
#define VALID "valid"
#define ECHO "echo"
#define POINT_OF_ORDER_ONE "530100000000000000000000000000000000000000000000000000000000000000"

/* ---- a mailbox server that counts moods ---- */

struct session {
  struct session *next;
  struct mailbox_office *office;
  struct p2p_ws *ws;
  struct p2p_mailbox_session *session;
};

struct mailbox_office {
  struct lab *lab;
  const char *welcome; /* sent instead of serving; NULL: serve */
  struct p2p_listener *listener;
  struct p2p_mailbox_store *store;
  struct session *sessions;
  char url[64];
  int n_scary, n_lonely, n_errory, n_happy; /* moods of close requests */
  int n_offers; /* messages in phase 0, which a text's receiver has none of before it accepts */
};

static void on_server_text(void *arg, const char *json, size_t length) {
  struct session *session = arg;
  if (session->ws != NULL) (void)p2p_ws_send(session->ws, json, length);
}

static void on_session_open(void *arg) {
  struct session *session = arg;
  const char *welcome = session->office->welcome;
  if (welcome != NULL)
    CHECK(p2p_ws_send(session->ws, welcome, strlen(welcome)) == P2P_OK);
  else
    session->session =
        p2p_mailbox_session_new(session->office->store, "127.0.0.1", on_server_text, session);
}

static void on_session_text(void *arg, const char *text, size_t length) {
  struct session *session = arg;
  struct mailbox_office *office = session->office;
  char copy[1024];
  snprintf(copy, sizeof copy, "%.*s", (int)length, text);
  if (strstr(copy, "\"scary\"") != NULL) lab_tell(office->lab, &office->n_scary);
  if (strstr(copy, "\"lonely\"") != NULL) lab_tell(office->lab, &office->n_lonely);
  if (strstr(copy, "\"errory\"") != NULL) lab_tell(office->lab, &office->n_errory);
  if (strstr(copy, "\"happy\"") != NULL) lab_tell(office->lab, &office->n_happy);
  if (strstr(copy, "\"phase\":\"0\"") != NULL) lab_tell(office->lab, &office->n_offers);
  if (session->session != NULL) p2p_mailbox_session_receive(session->session, text, length, 0);
}

static void on_session_close(void *arg, const struct p2p_err *err) {
  struct session *session = arg;
  (void)err;
  p2p_ws_free(session->ws);
  session->ws = NULL;
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  static const struct p2p_ws_callbacks EVENTS = {on_session_open, on_session_text,
                                                 on_session_close};
  struct session *session = calloc(1, sizeof *session);
  session->office = arg;
  session->next = session->office->sessions;
  session->office->sessions = session;
  CHECK(p2p_ws_accept(session->office->lab->loop, tcp, &EVENTS, session, &session->ws, NULL) ==
        P2P_OK);
}

static void office_open(void *arg) {
  struct mailbox_office *office = arg;
  office->store = p2p_mailbox_store_new();
  CHECK(p2p_listener_new(
            &(struct p2p_listener_config){office->lab->loop, "127.0.0.1", 0, on_accept, office},
            &office->listener, NULL) == P2P_OK);
  snprintf(office->url, sizeof office->url, "ws://127.0.0.1:%u/v1",
           p2p_listener_port(office->listener));
}

static void office_close(void *arg) {
  struct mailbox_office *office = arg;
  p2p_listener_free(office->listener);
  while (office->sessions != NULL) {
    struct session *session = office->sessions;
    office->sessions = session->next;
    p2p_mailbox_session_free(session->session, 0);
    p2p_ws_free(session->ws);
    free(session);
  }
  p2p_mailbox_store_free(office->store);
}

/* ---- a peer that does not get beyond the mailbox ---- */

struct script {
  const char
      *pake; /* NULL: none; VALID, ECHO (transfer, reflected), JSON, or a point in hexadecimal */
  const char *version; /* NULL: none; else its bytes, which are not sealed */
  int code;
  const char *expected; /* part of the error message */
  enum p2p_mailbox_mood mood;
};

struct peer {
  struct mailbox_office *office;
  const struct script *script;
  const char *side;
  struct p2p_mailbox_connection *connection;
  struct p2p_mailbox *mailbox;
  struct p2p_spake2 *pake;
  int n_opened, n_refused, n_received;
};

static void add(struct peer *peer, const void *body, size_t length) {
  CHECK(p2p_mailbox_add(peer->mailbox, body, length) == P2P_OK);
}

static void add_pake(struct peer *peer) {
  uint8_t entropy[P2P_SPAKE2_ENTROPY_LEN], message[P2P_SPAKE2_MESSAGE_LEN];
  char hex[P2P_HEX_LEN(P2P_SPAKE2_MESSAGE_LEN) + 1], body[sizeof hex + 32];
  const char *pake = peer->script->pake;
  if (pake == NULL || strcmp(pake, ECHO) == 0) return;
  if (pake[0] == '{') {
    add(peer, pake, strlen(pake));
    return;
  }
  p2p_random_bytes(entropy, sizeof entropy);
  CHECK(p2p_spake2_start(P2P_SPAN(CODE, strlen(CODE)),
                         P2P_SPAN(P2P_OFFER_APPID, strlen(P2P_OFFER_APPID)), entropy, message,
                         &peer->pake, NULL) == P2P_OK);
  p2p_hex_encode(message, sizeof message, hex);
  snprintf(body, sizeof body, "{\"pake_v1\":\"%s\"}", strcmp(pake, VALID) == 0 ? hex : pake);
  add(peer, body, strlen(body));
}

static void on_text(void *arg, const char *text, size_t length) {
  struct peer *peer = arg;
  struct p2p_mailbox_event event;
  struct p2p_err err;
  if (p2p_mailbox_receive(peer->mailbox, text, length, &err) != P2P_OK)
    lab_tell(peer->office->lab, &peer->n_refused);
  while (p2p_mailbox_pop_event(peer->mailbox, &event)) {
    if (event.kind == P2P_MAILBOX_HAS_OPENED) {
      lab_tell(peer->office->lab, &peer->n_opened);
      add_pake(peer);
    }
    if (event.kind != P2P_MAILBOX_HAS_MESSAGE) continue;
    lab_tell(peer->office->lab, &peer->n_received);
    if (event.ordinal == 0 && peer->script->pake != NULL && strcmp(peer->script->pake, ECHO) == 0)
      add(peer, event.body, event.body_length);
    if (event.ordinal == 0 && peer->script->version != NULL)
      add(peer, peer->script->version, strlen(peer->script->version));
    free(event.body);
  }
  for (char *more; (more = p2p_mailbox_pop_text(peer->mailbox)) != NULL; free(more))
    p2p_mailbox_connection_send(peer->connection, more, strlen(more));
}

static void on_lost(void *arg) { (void)arg; }
static void on_fail(void *arg, const struct p2p_err *err) {
  (void)arg;
  (void)err;
}

static void peer_open(void *arg) {
  static const struct p2p_mailbox_connection_callbacks EVENTS = {on_text, on_lost, on_fail};
  struct peer *peer = arg;
  CHECK(p2p_mailbox_new(P2P_OFFER_APPID, peer->side, "7", &peer->mailbox) == P2P_OK);
  struct p2p_mailbox_connection_config config = {peer->office->lab->loop, peer->office->url,
                                                 PATIENCE_MS};
  CHECK(p2p_mailbox_connection_new(&config, &EVENTS, peer, &peer->connection, NULL) == P2P_OK);
}

static void peer_free(void *arg) {
  struct peer *peer = arg;
  p2p_mailbox_connection_free(peer->connection);
  p2p_mailbox_free(peer->mailbox);
  p2p_spake2_free(peer->pake);
}

/* ---- the transfer under test ---- */

/* Waits until the transfer is in this state or a later one. */
static void wait_for(struct p2p_transfer *transfer, enum p2p_transfer_state state,
                     struct p2p_transfer_status *status) {
  uint64_t seen = 0, now = 0;
  do {
    seen = now;
    p2p_transfer_status(transfer, status);
    if (status->state >= state) return;
    now = p2p_transfer_wait(transfer, seen, PATIENCE_MS);
  } while (now != seen);
}

static struct p2p_transfer *start_transfer(struct mailbox_office *office, bool sends,
                                           uint32_t timeout_ms) {
  struct p2p_transfer_config config = {.loop = office->lab->loop,
                                       .mailbox = office->url,
                                       .code = CODE,
                                       .text = sends ? "secret" : NULL,
                                       .path = "/tmp/p2p-hostile-mailbox-none",
                                       .timeout_ms = timeout_ms};
  struct p2p_transfer *transfer = NULL;
  CHECK(p2p_transfer_new(&config, &transfer, NULL) == P2P_OK);
  return transfer;
}

static void check_failure(struct p2p_transfer *transfer, int code, const char *expected) {
  struct p2p_transfer_status status;
  wait_for(transfer, P2P_TRANSFER_DONE, &status);
  bool is_expected = status.state == P2P_TRANSFER_FAILED && status.err.code == code &&
                     strstr(status.err.message, expected) != NULL;
  CHECK(is_expected);
  if (!is_expected) fprintf(stderr, "(%d: %s)\n", status.err.code, status.err.message);
  CHECK(access("/tmp/p2p-hostile-mailbox-none", F_OK) != 0);
}

static void play_as(const struct script *script, bool sends) {
  static struct lab lab;
  struct mailbox_office office = {.lab = &lab};
  struct peer peer = {.office = &office, .script = script, .side = "bb"};
  lab_open(&lab);
  CHECK(p2p_loop_call(lab.loop, office_open, &office) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, peer_open, &peer) == P2P_OK);
  struct p2p_transfer *transfer =
      start_transfer(&office, sends, script->code == P2P_ERR_TIMEOUT ? 1000 : PATIENCE_MS);
  check_failure(transfer, script->code, script->expected);
  int *moods[] = {&office.n_happy, &office.n_lonely, &office.n_scary, &office.n_errory};
  CHECK(lab_wait(&lab, moods[script->mood], 1, PATIENCE_MS));
  p2p_transfer_free(transfer);
  CHECK(p2p_loop_call(lab.loop, peer_free, &peer) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, office_close, &office) == P2P_OK);
  lab_close(&lab);
}

static void play(const struct script *script) {
  play_as(script, true);
  play_as(script, false);
}

TEST(peers_that_stall) {
  play(&(struct script){
      .expected = "did not join mailbox", .code = P2P_ERR_TIMEOUT, .mood = P2P_MOOD_LONELY});
  play(&(struct script){.pake = VALID,
                        .expected = "did not complete the key exchange",
                        .code = P2P_ERR_TIMEOUT,
                        .mood = P2P_MOOD_ERRORY});
}

TEST(wrong_keys) {
  play(&(struct script){.pake = VALID,
                        .version =
                            "This is long enough to be a sealed message, but it is none at all.",
                        .expected = "a different code",
                        .code = P2P_ERR_CRYPTO,
                        .mood = P2P_MOOD_SCARY});
  play(&(struct script){.pake = VALID,
                        .version = "short",
                        .expected = "a different code",
                        .code = P2P_ERR_CRYPTO,
                        .mood = P2P_MOOD_SCARY});
  play(&(struct script){
      .pake = ECHO, .expected = "sent back", .code = P2P_ERR_CRYPTO, .mood = P2P_MOOD_SCARY});
  play(&(struct script){.pake = POINT_OF_ORDER_ONE,
                        .expected = "not a valid point",
                        .code = P2P_ERR_CRYPTO,
                        .mood = P2P_MOOD_SCARY});
  play(&(struct script){
      .pake = "53", .expected = "malformed", .code = P2P_ERR_PROTOCOL, .mood = P2P_MOOD_ERRORY});
  play(&(struct script){
      .pake = "{}", .expected = "malformed", .code = P2P_ERR_PROTOCOL, .mood = P2P_MOOD_ERRORY});
}

TEST(a_transfer_can_be_freed_during_the_key_exchange) {
  static struct lab lab;
  struct mailbox_office office = {.lab = &lab};
  struct script script = {.pake = VALID};
  struct peer peer = {.office = &office, .script = &script, .side = "bb"};
  lab_open(&lab);
  CHECK(p2p_loop_call(lab.loop, office_open, &office) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, peer_open, &peer) == P2P_OK);
  struct p2p_transfer *transfer = start_transfer(&office, true, PATIENCE_MS);
  CHECK(lab_wait(&lab, &peer.n_received, 2, PATIENCE_MS)); /* our pake and our version */
  p2p_transfer_free(transfer);
  CHECK(lab_wait(&lab, &office.n_errory, 1, PATIENCE_MS));
  CHECK(p2p_loop_call(lab.loop, peer_free, &peer) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, office_close, &office) == P2P_OK);
  lab_close(&lab);
}

TEST(a_server_that_refuses_is_quoted) {
  static struct lab lab;
  struct mailbox_office office = {
      .lab = &lab,
      .welcome = "{\"type\":\"welcome\",\"welcome\":{\"error\":\"closed for\\u001b repairs\"}}"};
  lab_open(&lab);
  CHECK(p2p_loop_call(lab.loop, office_open, &office) == P2P_OK);
  for (int sends = 0; sends < 2; sends++) {
    struct p2p_transfer *transfer = start_transfer(&office, sends, PATIENCE_MS);
    check_failure(transfer, P2P_ERR_NETWORK, "closed for? repairs");
    p2p_transfer_free(transfer);
  }
  CHECK(p2p_loop_call(lab.loop, office_close, &office) == P2P_OK);
  lab_close(&lab);
}

/* The other two are not disturbed. */
TEST(a_third_side_is_rejected) {
  static struct lab lab;
  struct mailbox_office office = {.lab = &lab};
  struct script silent = {.pake = NULL};
  struct peer one = {.office = &office, .script = &silent, .side = "aa"},
              two = {.office = &office, .script = &silent, .side = "bb"};
  lab_open(&lab);
  CHECK(p2p_loop_call(lab.loop, office_open, &office) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, peer_open, &one) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, peer_open, &two) == P2P_OK);
  CHECK(lab_wait(&lab, &one.n_opened, 1, PATIENCE_MS) &&
        lab_wait(&lab, &two.n_opened, 1, PATIENCE_MS));
  struct p2p_transfer *transfer = start_transfer(&office, false, PATIENCE_MS);
  check_failure(transfer, P2P_ERR_ACCESS, "more than two programs use nameplate 7");
  CHECK(one.n_refused == 0 && two.n_refused == 0);
  p2p_transfer_free(transfer);
  CHECK(p2p_loop_call(lab.loop, peer_free, &one) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, peer_free, &two) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, office_close, &office) == P2P_OK);
  lab_close(&lab);
}

/* A second receiver joins while the first one waits for its user. */
TEST(a_second_receiver_does_not_disturb_the_first) {
  static struct lab lab;
  struct mailbox_office office = {.lab = &lab};
  struct p2p_transfer_config config = {.text = "for one", .code = CODE, .timeout_ms = PATIENCE_MS};
  struct p2p_transfer *sender = NULL, *first = NULL;
  struct p2p_transfer_status status;
  struct script silent = {.pake = NULL};
  struct peer second = {.office = &office, .script = &silent, .side = "cc"};
  lab_open(&lab);
  CHECK(p2p_loop_call(lab.loop, office_open, &office) == P2P_OK);
  config.loop = lab.loop;
  config.mailbox = office.url;
  CHECK(p2p_transfer_new(&config, &sender, NULL) == P2P_OK);
  config.text = NULL;
  config.path = "/tmp/p2p-hostile-mailbox-none";
  config.must_confirm = true;
  CHECK(p2p_transfer_new(&config, &first, NULL) == P2P_OK);
  wait_for(first, P2P_TRANSFER_CONFIRMING, &status);
  /* The nameplate was released, so it gets a new mailbox. */
  CHECK(p2p_loop_call(lab.loop, peer_open, &second) == P2P_OK);
  CHECK(lab_wait(&lab, &second.n_opened, 1, PATIENCE_MS));
  p2p_transfer_confirm(first, true);
  wait_for(first, P2P_TRANSFER_DONE, &status);
  CHECK(status.state == P2P_TRANSFER_DONE && status.is_text);
  wait_for(sender, P2P_TRANSFER_DONE, &status);
  CHECK(status.state == P2P_TRANSFER_DONE);
  p2p_transfer_free(sender);
  p2p_transfer_free(first);
  CHECK(p2p_loop_call(lab.loop, peer_free, &second) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, office_close, &office) == P2P_OK);
  lab_close(&lab);
}

/* As when a server crashes and restarts with its state. */
static void cut_all(void *arg) {
  struct mailbox_office *office = arg;
  for (struct session *session = office->sessions; session != NULL; session = session->next) {
    p2p_mailbox_session_free(session->session, 0);
    session->session = NULL;
    p2p_ws_free(session->ws);
    session->ws = NULL;
  }
}

static void stop_listening(void *arg) {
  struct mailbox_office *office = arg;
  p2p_listener_free(office->listener);
  office->listener = NULL;
}

static struct p2p_transfer *start_text(struct mailbox_office *office, const char *text,
                                       uint32_t timeout_ms) {
  struct p2p_transfer_config config = {.loop = office->lab->loop,
                                       .mailbox = office->url,
                                       .code = CODE,
                                       .text = text,
                                       .path = "/tmp/p2p-hostile-mailbox-none",
                                       .must_confirm = text == NULL,
                                       .timeout_ms = timeout_ms};
  struct p2p_transfer *transfer = NULL;
  CHECK(p2p_transfer_new(&config, &transfer, NULL) == P2P_OK);
  return transfer;
}

/* The receiver has the offer of a text, and accepts it while the mailbox server is down. */
static void lose_mailbox(bool for_good) {
  static struct lab lab;
  struct mailbox_office office = {.lab = &lab};
  struct p2p_transfer_status status;
  size_t length = 0;
  lab_open(&lab);
  CHECK(p2p_loop_call(lab.loop, office_open, &office) == P2P_OK);
  struct p2p_transfer *sender = start_text(&office, "hello", for_good ? 2000 : PATIENCE_MS);
  struct p2p_transfer *receiver = start_text(&office, NULL, for_good ? 2000 : PATIENCE_MS);
  wait_for(receiver, P2P_TRANSFER_CONFIRMING, &status);
  CHECK(lab_wait(&lab, &office.n_offers, 1, PATIENCE_MS));
  if (for_good) CHECK(p2p_loop_call(lab.loop, stop_listening, &office) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, cut_all, &office) == P2P_OK);
  p2p_transfer_confirm(receiver, true);
  wait_for(receiver, P2P_TRANSFER_DONE, &status);
  const char *text = p2p_transfer_text(receiver, &length);
  CHECK(status.state == P2P_TRANSFER_DONE && text != NULL && strcmp(text, "hello") == 0);
  p2p_transfer_free(receiver);
  wait_for(sender, P2P_TRANSFER_DONE, &status);
  CHECK(status.state == (for_good ? P2P_TRANSFER_FAILED : P2P_TRANSFER_DONE));
  p2p_transfer_free(sender);
  CHECK(p2p_loop_call(lab.loop, office_close, &office) == P2P_OK);
  lab_close(&lab);
}

TEST(a_text_is_confirmed_when_the_mailbox_is_back) { lose_mailbox(false); }
TEST(a_text_is_not_lost_with_the_mailbox) { lose_mailbox(true); }

UNIT_MAIN("hostile_mailbox", UNIT(peers_that_stall), UNIT(wrong_keys),
          UNIT(a_transfer_can_be_freed_during_the_key_exchange),
          UNIT(a_server_that_refuses_is_quoted), UNIT(a_third_side_is_rejected),
          UNIT(a_second_receiver_does_not_disturb_the_first),
          UNIT(a_text_is_confirmed_when_the_mailbox_is_back),
          UNIT(a_text_is_not_lost_with_the_mailbox))
