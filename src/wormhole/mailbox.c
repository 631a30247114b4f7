/* The mailbox client: a state machine from the server's texts to requests and events. */
#include "wormhole/mailbox.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/sanitize.h"
#include "protocol/nameplate.h"
#include "wormhole/key.h"
#include "wormhole/mailbox_requests.h"
#include "wormhole/phase.h"
#include "wormhole/reorder_buffer.h"

#define MAILBOX_ID_MAX 129
#define GIVEN_ID_LENGTH 32 /* of an id that was not found by a nameplate */

/* A message that we added. It is kept because a server that was restarted may have lost it. */
struct added {
  char *hex;
  bool is_confirmed; /* the server has sent it back on this connection */
};

struct p2p_mailbox {
  enum p2p_mailbox_state state;
  char appid[P2P_APPID_MAX + 1], side[P2P_MAILBOX_SIDE_MAX], peer[P2P_MAILBOX_SIDE_MAX];
  char nameplate[P2P_NAMEPLATE_MAX], id[MAILBOX_ID_MAX];
  bool holds_nameplate; /* claimed, and the server has not confirmed its release */
  /* On this connection to the server: */
  bool is_bound; /* the server sent its welcome, and we our bind */
  bool is_releasing;
  bool is_caught_up; /* all messages that the mailbox held have arrived; ours may be added */
  bool has_nameplate_event, has_opened_event; /* not popped yet */
  unsigned n_added;
  struct added added[P2P_MAILBOX_ADDED_MAX];
  struct p2p_reorder_buffer reorder;
  struct p2p_mailbox_requests requests;
};

/* Copies a string of 1 to size - 1 bytes. False for anything else. */
static bool copy_text(const json_t *value, char *out, size_t size) {
  size_t length = json_string_length(value);

  if (!json_is_string(value) || length == 0 || length >= size) return false;
  memcpy(out, json_string_value(value), length + 1);
  return true;
}

/* ---- requests ---- */

static void claim(struct p2p_mailbox *mailbox) {
  mailbox->state = P2P_MAILBOX_CLAIM;
  mailbox->holds_nameplate = true;
  p2p_mailbox_requests_claim(&mailbox->requests, mailbox->nameplate);
}

static void release(struct p2p_mailbox *mailbox) {
  if (!mailbox->holds_nameplate || mailbox->is_releasing) return;
  mailbox->is_releasing = true;
  p2p_mailbox_requests_release(&mailbox->requests, mailbox->nameplate);
}

/* The server sends the messages that the mailbox holds before it answers the ping. So we learn
 * which of ours are missing, and add none twice: not every client tolerates that. */
static void open_mailbox(struct p2p_mailbox *mailbox) {
  p2p_mailbox_requests_open(&mailbox->requests, mailbox->id);
  mailbox->is_caught_up = mailbox->n_added == 0;
  if (!mailbox->is_caught_up) p2p_mailbox_requests_ping(&mailbox->requests);
}

static void add(struct p2p_mailbox *mailbox, unsigned ordinal) {
  char phase[P2P_PHASE_MAX];

  p2p_phase_name(ordinal, phase);
  p2p_mailbox_requests_add(&mailbox->requests, phase, mailbox->added[ordinal].hex);
}

char *p2p_mailbox_pop_text(struct p2p_mailbox *mailbox) {
  return p2p_mailbox_requests_pop(&mailbox->requests);
}

/* ---- messages of the server ---- */

/* The mailbox was not found by a nameplate. */
static bool has_id_only(const struct p2p_mailbox *mailbox) {
  return mailbox->nameplate[0] == '\0' && mailbox->id[0] != '\0';
}

/* Continues where the last connection ended. A nameplate that we no longer hold may be somebody
 * else's by now, so it is not claimed again. A mailbox that has only an id is always opened. */
static void resume(struct p2p_mailbox *mailbox) {
  p2p_mailbox_requests_bind(&mailbox->requests, mailbox->appid, mailbox->side);
  if (mailbox->state == P2P_MAILBOX_PAIRED || has_id_only(mailbox)) {
    if (mailbox->state == P2P_MAILBOX_WELCOME) {
      mailbox->state = P2P_MAILBOX_ALONE;
      mailbox->has_opened_event = true;
    }
    open_mailbox(mailbox);
    release(mailbox);
  } else if (mailbox->nameplate[0] != '\0') {
    claim(mailbox);
  } else {
    mailbox->state = P2P_MAILBOX_ALLOCATE;
    p2p_mailbox_requests_allocate(&mailbox->requests);
  }
}

/* A third side is in the mailbox. An id is not named: only its two sides should know it. */
static int crowded(const struct p2p_mailbox *mailbox, struct p2p_err *err) {
  if (has_id_only(mailbox))
    return p2p_err_set(err, P2P_ERR_ACCESS, "more than two programs use the mailbox");
  return p2p_err_because(err, "crowded",
                         p2p_err_set(err, P2P_ERR_ACCESS, "more than two programs use nameplate %s",
                                     mailbox->nameplate));
}

static int on_welcome(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  const json_t *welcome = json_object_get(message, "welcome");
  const json_t *error = json_object_get(welcome, "error"),
               *permission = json_object_get(welcome, "permission-required");
  char words[P2P_QUOTE_MAX];

  if (mailbox->is_bound || mailbox->state == P2P_MAILBOX_CLOSED) return P2P_OK;
  if (json_is_string(error)) {
    p2p_sanitize(json_string_value(error), json_string_length(error), words, sizeof words);
    return p2p_err_set(err, P2P_ERR_NETWORK, "the mailbox server refused the connection: %s",
                       words);
  }
  if (json_is_object(permission) && json_object_get(permission, "none") == NULL)
    return p2p_err_because(err, "mailbox_permission",
                           p2p_err_set(err, P2P_ERR_NETWORK,
                                       "the mailbox server requires a permission that is not "
                                       "supported"));
  mailbox->is_bound = true;
  resume(mailbox);
  return P2P_OK;
}

static int on_allocated(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  const json_t *nameplate = json_object_get(message, "nameplate");

  if (mailbox->state != P2P_MAILBOX_ALLOCATE) return P2P_OK;
  if (!json_is_string(nameplate) ||
      !p2p_nameplate_is_valid(json_string_value(nameplate), json_string_length(nameplate)))
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the mailbox server allocated a malformed nameplate");
  copy_text(nameplate, mailbox->nameplate, sizeof mailbox->nameplate);
  mailbox->has_nameplate_event = true;
  claim(mailbox);
  return P2P_OK;
}

static int on_claimed(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  bool is_first = mailbox->id[0] == '\0';

  if (mailbox->state != P2P_MAILBOX_CLAIM) return P2P_OK;
  if (!copy_text(json_object_get(message, "mailbox"), mailbox->id, sizeof mailbox->id))
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "the mailbox server did not name the mailbox of the nameplate");
  mailbox->state = P2P_MAILBOX_ALONE;
  mailbox->has_opened_event = is_first;
  open_mailbox(mailbox);
  return P2P_OK;
}

static int on_released(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  (void)message;
  (void)err;
  if (mailbox->is_releasing) mailbox->holds_nameplate = false;
  return P2P_OK;
}

/* The answer to the ping that followed open. */
static int on_pong(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  (void)message;
  (void)err;
  if (mailbox->is_caught_up ||
      (mailbox->state != P2P_MAILBOX_ALONE && mailbox->state != P2P_MAILBOX_PAIRED))
    return P2P_OK;
  mailbox->is_caught_up = true;
  for (unsigned i = 0; i < mailbox->n_added; i++)
    if (!mailbox->added[i].is_confirmed) add(mailbox, i);
  return P2P_OK;
}

static int on_message(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  char side[P2P_MAILBOX_SIDE_MAX], phase[P2P_PHASE_MAX];
  unsigned ordinal = P2P_PHASE_NONE;

  if (mailbox->state != P2P_MAILBOX_ALONE && mailbox->state != P2P_MAILBOX_PAIRED) return P2P_OK;
  if (!copy_text(json_object_get(message, "side"), side, sizeof side))
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "a message in the mailbox has no side");
  if (copy_text(json_object_get(message, "phase"), phase, sizeof phase))
    ordinal = p2p_phase_ordinal(phase);
  if (strcmp(side, mailbox->side) == 0) {
    if (ordinal < mailbox->n_added) mailbox->added[ordinal].is_confirmed = true;
    return P2P_OK;
  }
  if (mailbox->state == P2P_MAILBOX_ALONE) {
    mailbox->state = P2P_MAILBOX_PAIRED;
    memcpy(mailbox->peer, side, sizeof side);
    release(mailbox);
  } else if (strcmp(side, mailbox->peer) != 0) {
    return crowded(mailbox, err);
  }
  const json_t *body = json_object_get(message, "body");
  return ordinal == P2P_PHASE_NONE
             ? P2P_OK
             : p2p_reorder_buffer_put(&mailbox->reorder, ordinal, json_string_value(body),
                                      json_string_length(body), err);
}

static int on_error(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  const char *text = json_string_value(json_object_get(message, "error"));
  char words[P2P_QUOTE_MAX];

  if (mailbox->state == P2P_MAILBOX_CLOSED) return P2P_OK;
  if (text != NULL && strcmp(text, "crowded") == 0) return crowded(mailbox, err);
  if (text == NULL) text = "(no reason)";
  p2p_sanitize(text, strlen(text), words, sizeof words);
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "the mailbox server rejected a request: %s", words);
}

static const struct {
  const char *type;
  int (*fn)(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err);
} HANDLERS[] = {{"welcome", on_welcome},   {"allocated", on_allocated}, {"claimed", on_claimed},
                {"released", on_released}, {"message", on_message},     {"pong", on_pong},
                {"error", on_error}};

int p2p_mailbox_receive(struct p2p_mailbox *mailbox, const char *text, size_t length,
                        struct p2p_err *err) {
  json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
  const char *type = json_string_value(json_object_get(message, "type"));
  int code = P2P_OK;

  if (type == NULL)
    code = p2p_err_set(err, P2P_ERR_PROTOCOL, "the mailbox server sent a message without a type");
  for (size_t i = 0; type != NULL && i < sizeof HANDLERS / sizeof HANDLERS[0]; i++)
    if (strcmp(type, HANDLERS[i].type) == 0) code = HANDLERS[i].fn(mailbox, message, err);
  json_decref(message);
  if (code == P2P_OK && mailbox->requests.has_failed)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  return code;
}

/* ---- calls of the owner ---- */

int p2p_mailbox_add(struct p2p_mailbox *mailbox, const void *body, size_t length) {
  if (mailbox->state != P2P_MAILBOX_ALONE && mailbox->state != P2P_MAILBOX_PAIRED)
    return P2P_ERR_INVALID;
  if (length > P2P_REORDER_BUFFER_BODY_MAX || mailbox->n_added == P2P_MAILBOX_ADDED_MAX)
    return P2P_ERR_TOO_LARGE;
  char *hex = malloc(P2P_HEX_LEN(length) + 1);
  if (hex == NULL) return P2P_ERR_MEMORY;
  p2p_hex_encode(body, length, hex);
  mailbox->added[mailbox->n_added++] = (struct added){.hex = hex};
  if (mailbox->is_caught_up) add(mailbox, mailbox->n_added - 1);
  return mailbox->requests.has_failed ? P2P_ERR_MEMORY : P2P_OK;
}

void p2p_mailbox_reconnect(struct p2p_mailbox *mailbox) {
  p2p_mailbox_requests_clear(&mailbox->requests);
  mailbox->is_bound = mailbox->is_releasing = mailbox->is_caught_up = false;
  for (unsigned i = 0; i < mailbox->n_added; i++) mailbox->added[i].is_confirmed = false;
  if (mailbox->state == P2P_MAILBOX_ALLOCATE) mailbox->state = P2P_MAILBOX_WELCOME;
}

void p2p_mailbox_close(struct p2p_mailbox *mailbox, enum p2p_mailbox_mood mood) {
  static const char *const MOODS[] = {"happy", "lonely", "scary", "errory"};

  if (mailbox->state == P2P_MAILBOX_CLOSED) return;
  if (mailbox->is_bound) release(mailbox);
  if (mailbox->is_bound && mailbox->id[0] != '\0')
    p2p_mailbox_requests_close(&mailbox->requests, mailbox->id, MOODS[mood]);
  mailbox->state = P2P_MAILBOX_CLOSED;
}

bool p2p_mailbox_pop_event(struct p2p_mailbox *mailbox, struct p2p_mailbox_event *out) {
  if (mailbox->has_nameplate_event) {
    mailbox->has_nameplate_event = false;
    *out = (struct p2p_mailbox_event){.kind = P2P_MAILBOX_HAS_NAMEPLATE};
    return true;
  }
  if (mailbox->has_opened_event) {
    mailbox->has_opened_event = false;
    *out = (struct p2p_mailbox_event){.kind = P2P_MAILBOX_HAS_OPENED};
    return true;
  }
  struct p2p_reorder_buffer_message message;
  if (mailbox->state != P2P_MAILBOX_PAIRED || !p2p_reorder_buffer_pop(&mailbox->reorder, &message))
    return false;
  *out = (struct p2p_mailbox_event){P2P_MAILBOX_HAS_MESSAGE, message.ordinal, message.body,
                                    message.length};
  return true;
}

enum p2p_mailbox_state p2p_mailbox_state(const struct p2p_mailbox *mailbox) {
  return mailbox->state;
}

bool p2p_mailbox_is_delivered(const struct p2p_mailbox *mailbox) {
  for (unsigned i = 0; i < mailbox->n_added; i++)
    if (!mailbox->added[i].is_confirmed) return false;
  return true;
}

unsigned p2p_mailbox_next_ordinal(const struct p2p_mailbox *mailbox) { return mailbox->n_added; }
const char *p2p_mailbox_nameplate(const struct p2p_mailbox *mailbox) { return mailbox->nameplate; }
const char *p2p_mailbox_peer(const struct p2p_mailbox *mailbox) { return mailbox->peer; }

/* ---- new and free ---- */

int p2p_mailbox_new(const char *appid, const char *side, const char *nameplate,
                    struct p2p_mailbox **out) {
  struct p2p_mailbox *mailbox = calloc(1, sizeof *mailbox);

  if (mailbox == NULL) return P2P_ERR_MEMORY;
  snprintf(mailbox->appid, sizeof mailbox->appid, "%s", appid);
  snprintf(mailbox->side, sizeof mailbox->side, "%s", side);
  snprintf(mailbox->nameplate, sizeof mailbox->nameplate, "%s", nameplate ? nameplate : "");
  *out = mailbox;
  return P2P_OK;
}

int p2p_mailbox_new_with_id(const char *appid, const char *side, const char *id,
                            struct p2p_mailbox **out) {
  int code = p2p_mailbox_new(appid, side, NULL, out);
  if (code == P2P_OK) snprintf((*out)->id, sizeof(*out)->id, "%s", id);
  return code;
}

bool p2p_mailbox_id_is_valid(const char *id) { return p2p_hex_is_valid(id, GIVEN_ID_LENGTH); }

void p2p_mailbox_free(struct p2p_mailbox *mailbox) {
  if (mailbox == NULL) return;
  p2p_reorder_buffer_clear(&mailbox->reorder);
  for (unsigned i = 0; i < mailbox->n_added; i++) free(mailbox->added[i].hex);
  p2p_mailbox_requests_clear(&mailbox->requests);
  free(mailbox);
}
