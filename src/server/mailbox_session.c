/* The server end of one mailbox connection. As with the public servers, a connection binds once,
 * and allocates, claims, releases and opens at most once each, which also bounds what one
 * connection can take. */
#include "server/mailbox_session.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/client_address.h"
#include "server/limits.h"

#define JSON_MAX (2 * P2P_STORE_BODY_MAX) /* bytes of one message of the client */

struct p2p_mailbox_session {
  struct p2p_mailbox_store *store;
  void (*send)(void *arg, const char *json, size_t length);
  void *arg;
  char appid[P2P_STORE_NAME_MAX + 1], side[P2P_STORE_NAME_MAX + 1]; /* "": not bound */
  char client_address[P2P_CLIENT_ADDRESS_MAX];
  struct p2p_mailbox_caller caller;  /* the three above, and the time of the last message */
  char nameplate[P2P_NAMEPLATE_MAX]; /* "": none was claimed */
  bool has_allocated, has_claimed, has_released, has_opened;
  struct p2p_stored_mailbox *mailbox; /* NULL: not open */
  struct p2p_mailbox_subscriber subscriber;
};

/* --- messages to the client --- */

/* Takes over `message`; NULL: there was no memory for it. */
static void send_message(struct p2p_mailbox_session *session, json_t *message) {
  struct timespec now;
  char *text = NULL;
  clock_gettime(CLOCK_REALTIME, &now);
  if (json_object_set_new(message, "server_tx",
                          json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9)) == 0)
    text = json_dumps(message, JSON_COMPACT);
  session->send(session->arg, text, text == NULL ? 0 : strlen(text));
  free(text);
  json_decref(message);
}

static void send_error(struct p2p_mailbox_session *session, json_t *orig, const char *error) {
  send_message(session,
               json_pack("{s:s, s:s, s:O*}", "type", "error", "error", error, "orig", orig));
}

static void on_message(void *arg, const struct p2p_stored_message *message) {
  send_message(arg,
               json_pack("{s:s, s:s, s:s, s:s, s:s*}", "type", "message", "side", message->side,
                         "phase", message->phase, "body", message->body, "id", message->id));
}

/* --- commands: each returns P2P_OK, or an error whose message is sent to the client --- */

static const char *text_of(const json_t *message, const char *key) {
  return json_string_value(json_object_get(message, key));
}

static int mistake(struct p2p_err *err, const char *what) {
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "%s", what);
}

static bool copy_name(char to[static P2P_STORE_NAME_MAX + 1], const char *name) {
  if (name == NULL || name[0] == '\0' || strlen(name) > P2P_STORE_NAME_MAX) return false;
  memcpy(to, name, strlen(name) + 1);
  return true;
}

static int do_bind(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  char appid[P2P_STORE_NAME_MAX + 1], side[P2P_STORE_NAME_MAX + 1];
  if (session->side[0] != '\0') return mistake(err, "already bound");
  if (!copy_name(appid, text_of(message, "appid"))) return mistake(err, "bind requires 'appid'");
  if (!copy_name(side, text_of(message, "side"))) return mistake(err, "bind requires 'side'");
  memcpy(session->appid, appid, sizeof appid);
  memcpy(session->side, side, sizeof side);
  return P2P_OK;
}

/* Programs only complete what their user types with it. A third side that knew the nameplates in
 * use could claim them, and keep those out whose they are. */
static int do_list(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  (void)message;
  (void)err;
  send_message(session, json_pack("{s:s, s:[]}", "type", "nameplates", "nameplates"));
  return P2P_OK;
}

static int do_allocate(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  char nameplate[P2P_NAMEPLATE_MAX];
  const char *mailbox;
  (void)message;
  if (session->has_allocated) return mistake(err, "you already allocated one, don't be greedy");
  int code = p2p_mailbox_store_allocate(session->store, session->appid, nameplate, err);
  if (code == P2P_OK) /* held at once, so that nobody else gets it before the claim arrives */
    code = p2p_mailbox_store_claim(session->store, &session->caller, nameplate, &mailbox, err);
  if (code != P2P_OK) return code;
  session->has_allocated = true;
  send_message(session, json_pack("{s:s, s:s}", "type", "allocated", "nameplate", nameplate));
  return P2P_OK;
}

static int do_claim(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  const char *nameplate = text_of(message, "nameplate"), *mailbox;
  if (nameplate == NULL) return mistake(err, "claim requires 'nameplate'");
  if (session->has_claimed) return mistake(err, "only one claim per connection");
  int code = p2p_mailbox_store_claim(session->store, &session->caller, nameplate, &mailbox, err);
  if (code != P2P_OK) return code;
  session->has_claimed = true;
  snprintf(session->nameplate, sizeof session->nameplate, "%s", nameplate);
  send_message(session, json_pack("{s:s, s:s}", "type", "claimed", "mailbox", mailbox));
  return P2P_OK;
}

static int do_release(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  const char *nameplate = text_of(message, "nameplate");
  if (session->has_released) return mistake(err, "only one release per connection");
  if (nameplate == NULL && !session->has_claimed)
    return mistake(err, "release without nameplate must follow claim");
  if (nameplate != NULL && session->has_claimed && strcmp(nameplate, session->nameplate) != 0)
    return mistake(err, "release and claim must use same nameplate");
  session->has_released = true;
  p2p_mailbox_store_release(session->store, &session->caller,
                            nameplate == NULL ? session->nameplate : nameplate);
  send_message(session, json_pack("{s:s}", "type", "released"));
  return P2P_OK;
}

static int do_open(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  const char *mailbox = text_of(message, "mailbox");
  if (mailbox == NULL) return mistake(err, "open requires 'mailbox'");
  if (session->has_opened) return mistake(err, "only one open per connection");
  int code = p2p_mailbox_store_open(session->store, &session->caller, mailbox, &session->subscriber,
                                    &session->mailbox, err);
  if (code == P2P_OK) session->has_opened = true;
  return code;
}

static int do_add(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  struct p2p_stored_message added = {.side = session->side,
                                     .phase = text_of(message, "phase"),
                                     .body = text_of(message, "body"),
                                     .id = text_of(message, "id")};
  if (session->mailbox == NULL) return mistake(err, "must open mailbox before adding");
  if (added.phase == NULL) return mistake(err, "missing 'phase'");
  if (added.body == NULL) return mistake(err, "missing 'body'");
  return p2p_mailbox_store_add(session->mailbox, &added, session->caller.now_ms, err);
}

/* A client that has lost its connection closes the mailbox on a new one, by its name and without
 * opening it first. */
static int do_close(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  if (session->mailbox == NULL && text_of(message, "mailbox") != NULL) {
    int code = do_open(session, message, err);
    if (code != P2P_OK) return code;
  }
  if (session->mailbox == NULL) return mistake(err, "close without mailbox must follow open");
  p2p_mailbox_store_close(session->mailbox, &session->subscriber, session->side);
  session->mailbox = NULL;
  send_message(session, json_pack("{s:s}", "type", "closed"));
  return P2P_OK;
}

static int do_ping(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err) {
  json_t *ping = json_object_get(message, "ping");
  if (!json_is_integer(ping)) return mistake(err, "ping requires 'ping'");
  send_message(session, json_pack("{s:s, s:O}", "type", "pong", "pong", ping));
  return P2P_OK;
}

static const struct command {
  const char *type;
  int (*run)(struct p2p_mailbox_session *session, json_t *message, struct p2p_err *err);
  bool needs_bind;
} commands[] = {
    {"ping", do_ping, false},        {"bind", do_bind, false},  {"list", do_list, true},
    {"allocate", do_allocate, true}, {"claim", do_claim, true}, {"release", do_release, true},
    {"open", do_open, true},         {"add", do_add, true},     {"close", do_close, true},
};

static int run(struct p2p_mailbox_session *session, json_t *message, const char *type,
               struct p2p_err *err) {
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(commands[i].type, type) != 0) continue;
    if (commands[i].needs_bind && session->side[0] == '\0') return mistake(err, "must bind first");
    return commands[i].run(session, message, err);
  }
  return mistake(err, "unknown type");
}

/* --- the session --- */

struct p2p_mailbox_session *p2p_mailbox_session_new(
    struct p2p_mailbox_store *store, const char *client_address,
    void (*send)(void *arg, const char *json, size_t length), void *arg) {
  struct p2p_mailbox_session *session = calloc(1, sizeof *session);
  if (session == NULL) return NULL;
  session->store = store;
  snprintf(session->client_address, sizeof session->client_address, "%s", client_address);
  session->caller = (struct p2p_mailbox_caller){
      .appid = session->appid, .side = session->side, .client_address = session->client_address};
  session->send = send;
  session->arg = arg;
  session->subscriber = (struct p2p_mailbox_subscriber){.on_message = on_message, .arg = session};
  send_message(session, json_pack("{s:s, s:{}}", "type", "welcome", "welcome"));
  return session;
}

void p2p_mailbox_session_free(struct p2p_mailbox_session *session, uint64_t now_ms) {
  if (session == NULL) return;
  if (session->mailbox != NULL)
    p2p_mailbox_store_leave(session->mailbox, &session->subscriber, now_ms);
  free(session);
}

void p2p_mailbox_session_receive(struct p2p_mailbox_session *session, const char *text,
                                 size_t length, uint64_t now_ms) {
  json_t *message = length > JSON_MAX ? NULL : json_loadb(text, length, 0, NULL);
  const char *type = text_of(message, "type");
  struct p2p_err err;
  session->caller.now_ms = now_ms;
  if (type == NULL) {
    send_error(session, NULL, length > JSON_MAX ? "too long" : "not a JSON object with a 'type'");
    json_decref(message);
    return;
  }
  send_message(session,
               json_pack("{s:s, s:O*}", "type", "ack", "id", json_object_get(message, "id")));
  if (run(session, message, type, &err) != P2P_OK) send_error(session, message, err.message);
  json_decref(message);
}
