/* The mailbox client: a state machine from JSON texts to JSON texts and events. */
#include "wormhole/mailbox.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/sanitize.h"
#include "crypto/random.h"
#include "protocol/nameplate.h"
#include "wormhole/key.h"
#include "wormhole/phase.h"
#include "wormhole/reorder_buffer.h"

#define MAILBOX_ID_MAX 129
#define TEXTS_MAX 16

/* A message that we added. A server that was started anew may have lost it. */
struct ours {
  char *hex;
  bool is_there; /* the mailbox told it on this connection */
};

struct p2p_mailbox {
  enum p2p_mailbox_state state;
  char appid[P2P_APPID_MAX + 1], side[P2P_MAILBOX_SIDE_MAX], peer[P2P_MAILBOX_SIDE_MAX];
  char nameplate[P2P_NAMEPLATE_MAX], id[MAILBOX_ID_MAX];
  bool holds_nameplate; /* claimed, and the server has not confirmed that it is free again */
  /* On this connection to the server: */
  bool is_greeted; /* the server said welcome, and we who we are */
  bool is_releasing;
  bool is_caught_up;                /* what the mailbox held was told; messages may be added */
  bool tell_nameplate, tell_opened; /* events not taken yet */
  unsigned next_ours;               /* ordinal */
  struct ours ours[P2P_MAILBOX_OURS_MAX];
  struct p2p_reorder_buffer reorder;
  char *texts[TEXTS_MAX]; /* to send, the oldest first */
  size_t n_texts;
  bool starved; /* memory ran out while a text was made */
};

/* ---- small checks ---- */

/* A text of 1 to size - 1 characters. */
static bool copy_text(const json_t *value, char *out, size_t size) {
  size_t length = json_string_length(value);

  if (!json_is_string(value) || length == 0 || length >= size) return false;
  memcpy(out, json_string_value(value), length + 1);
  return true;
}

/* ---- texts to send ---- */

/* Takes over `message` (may be NULL: out of memory) and gives it an id. */
static void say(struct p2p_mailbox *mailbox, json_t *message) {
  uint8_t random[4];
  char id[P2P_HEX_LEN(sizeof random) + 1], *text = NULL;

  p2p_random_bytes(random, sizeof random);
  p2p_hex_encode(random, sizeof random, id);
  if (message != NULL && json_object_set_new(message, "id", json_string(id)) == 0 &&
      mailbox->n_texts < TEXTS_MAX)
    text = json_dumps(message, JSON_COMPACT);
  json_decref(message);
  if (text == NULL)
    mailbox->starved = true;
  else
    mailbox->texts[mailbox->n_texts++] = text;
}

static void say_claim(struct p2p_mailbox *mailbox) {
  mailbox->state = P2P_MAILBOX_CLAIM;
  mailbox->holds_nameplate = true;
  say(mailbox, json_pack("{s:s, s:s}", "type", "claim", "nameplate", mailbox->nameplate));
}

static void say_release(struct p2p_mailbox *mailbox) {
  if (!mailbox->holds_nameplate || mailbox->is_releasing) return;
  mailbox->is_releasing = true;
  say(mailbox, json_pack("{s:s, s:s}", "type", "release", "nameplate", mailbox->nameplate));
}

/* Messages that the mailbox holds already come before the pong: so it is known which of ours it
 * lacks, and none is added twice, which not every client bears. */
static void say_open(struct p2p_mailbox *mailbox) {
  say(mailbox, json_pack("{s:s, s:s}", "type", "open", "mailbox", mailbox->id));
  mailbox->is_caught_up = mailbox->next_ours == 0;
  if (!mailbox->is_caught_up) say(mailbox, json_pack("{s:s, s:i}", "type", "ping", "ping", 1));
}

static void say_add(struct p2p_mailbox *mailbox, unsigned ordinal) {
  char phase[P2P_PHASE_MAX];

  p2p_phase_name(ordinal, phase);
  say(mailbox, json_pack("{s:s, s:s, s:s}", "type", "add", "phase", phase, "body",
                         mailbox->ours[ordinal].hex));
}

char *p2p_mailbox_take_text(struct p2p_mailbox *mailbox) {
  if (mailbox->n_texts == 0) return NULL;
  char *text = mailbox->texts[0];
  mailbox->n_texts--;
  memmove(mailbox->texts, mailbox->texts + 1, mailbox->n_texts * sizeof mailbox->texts[0]);
  return text;
}

/* ---- what the server says ---- */

/* From where we were, if there was a connection before. A nameplate that is not held any more may
 * be somebody else's now. */
static void go_on(struct p2p_mailbox *mailbox) {
  say(mailbox,
      json_pack("{s:s, s:s, s:s}", "type", "bind", "appid", mailbox->appid, "side", mailbox->side));
  if (mailbox->state == P2P_MAILBOX_BOTH) {
    say_open(mailbox);
    say_release(mailbox);
  } else if (mailbox->nameplate[0] != '\0') {
    say_claim(mailbox);
  } else {
    mailbox->state = P2P_MAILBOX_ALLOCATE;
    say(mailbox, json_pack("{s:s}", "type", "allocate"));
  }
}

static int on_welcome(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  const json_t *welcome = json_object_get(message, "welcome");
  const json_t *error = json_object_get(welcome, "error"),
               *permission = json_object_get(welcome, "permission-required");
  char words[P2P_QUOTE_MAX];

  if (mailbox->is_greeted || mailbox->state == P2P_MAILBOX_CLOSED) return P2P_OK;
  if (json_is_string(error)) {
    p2p_sanitize(json_string_value(error), json_string_length(error), words, sizeof words);
    return p2p_err_set(err, P2P_ERR_NETWORK, "The mailbox server does not serve us, it says: %s",
                       words);
  }
  if (json_is_object(permission) && json_object_get(permission, "none") == NULL)
    return p2p_err_set(err, P2P_ERR_NETWORK,
                       "The mailbox server asks for a permission that this program cannot give; "
                       "use another server");
  mailbox->is_greeted = true;
  go_on(mailbox);
  return P2P_OK;
}

static int on_allocated(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  const json_t *nameplate = json_object_get(message, "nameplate");

  if (mailbox->state != P2P_MAILBOX_ALLOCATE) return P2P_OK;
  if (!json_is_string(nameplate) ||
      !p2p_nameplate_is_valid(json_string_value(nameplate), json_string_length(nameplate)))
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "The mailbox server gave a nameplate that is not a number");
  copy_text(nameplate, mailbox->nameplate, sizeof mailbox->nameplate);
  mailbox->tell_nameplate = true;
  say_claim(mailbox);
  return P2P_OK;
}

static int on_claimed(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  bool is_first = mailbox->id[0] == '\0';

  if (mailbox->state != P2P_MAILBOX_CLAIM) return P2P_OK;
  if (!copy_text(json_object_get(message, "mailbox"), mailbox->id, sizeof mailbox->id))
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "The mailbox server gave no mailbox for the nameplate");
  mailbox->state = P2P_MAILBOX_ALONE;
  mailbox->tell_opened = is_first;
  say_open(mailbox);
  return P2P_OK;
}

static int on_released(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  (void)message;
  (void)err;
  if (mailbox->is_releasing) mailbox->holds_nameplate = false;
  return P2P_OK;
}

/* To the ping after an open. */
static int on_pong(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  (void)message;
  (void)err;
  if (mailbox->is_caught_up ||
      (mailbox->state != P2P_MAILBOX_ALONE && mailbox->state != P2P_MAILBOX_BOTH))
    return P2P_OK;
  mailbox->is_caught_up = true;
  for (unsigned i = 0; i < mailbox->next_ours; i++)
    if (!mailbox->ours[i].is_there) say_add(mailbox, i);
  return P2P_OK;
}

static int on_message(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err) {
  char side[P2P_MAILBOX_SIDE_MAX], phase[P2P_PHASE_MAX];
  unsigned ordinal = P2P_PHASE_NONE;

  if (mailbox->state != P2P_MAILBOX_ALONE && mailbox->state != P2P_MAILBOX_BOTH) return P2P_OK;
  if (!copy_text(json_object_get(message, "side"), side, sizeof side))
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "A message in the mailbox does not say whose it is");
  if (copy_text(json_object_get(message, "phase"), phase, sizeof phase))
    ordinal = p2p_phase_ordinal(phase);
  if (strcmp(side, mailbox->side) == 0) {
    if (ordinal < mailbox->next_ours) mailbox->ours[ordinal].is_there = true;
    return P2P_OK;
  }
  if (mailbox->state == P2P_MAILBOX_ALONE) {
    mailbox->state = P2P_MAILBOX_BOTH;
    memcpy(mailbox->peer, side, sizeof side);
    say_release(mailbox);
  } else if (strcmp(side, mailbox->peer) != 0) {
    return p2p_err_set(err, P2P_ERR_ACCESS, "Somebody else came into the mailbox of nameplate %s",
                       mailbox->nameplate);
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
  if (text != NULL && strcmp(text, "crowded") == 0)
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "The mailbox of nameplate %s is taken: two others are in it already",
                       mailbox->nameplate);
  if (text == NULL) text = "(no reason)";
  p2p_sanitize(text, strlen(text), words, sizeof words);
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "The mailbox server refused what we asked for: %s",
                     words);
}

static const struct {
  const char *type;
  int (*fn)(struct p2p_mailbox *mailbox, const json_t *message, struct p2p_err *err);
} HANDLERS[] = {{"welcome", on_welcome},   {"allocated", on_allocated}, {"claimed", on_claimed},
                {"released", on_released}, {"message", on_message},     {"pong", on_pong},
                {"error", on_error}};

int p2p_mailbox_feed(struct p2p_mailbox *mailbox, const char *text, size_t length,
                     struct p2p_err *err) {
  json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
  const char *type = json_string_value(json_object_get(message, "type"));
  int code = P2P_OK;

  if (type == NULL)
    code = p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "The mailbox server speaks another protocol: a message without a type");
  for (size_t i = 0; type != NULL && i < sizeof HANDLERS / sizeof HANDLERS[0]; i++)
    if (strcmp(type, HANDLERS[i].type) == 0) code = HANDLERS[i].fn(mailbox, message, err);
  json_decref(message);
  if (code == P2P_OK && mailbox->starved) code = p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  return code;
}

/* ---- what we do ---- */

int p2p_mailbox_add(struct p2p_mailbox *mailbox, const void *body, size_t length) {
  if (mailbox->state != P2P_MAILBOX_ALONE && mailbox->state != P2P_MAILBOX_BOTH)
    return P2P_ERR_INVALID;
  if (length > P2P_REORDER_BUFFER_BODY_MAX || mailbox->next_ours == P2P_MAILBOX_OURS_MAX)
    return P2P_ERR_TOO_LARGE;
  char *hex = malloc(P2P_HEX_LEN(length) + 1);
  if (hex == NULL) return P2P_ERR_MEMORY;
  p2p_hex_encode(body, length, hex);
  mailbox->ours[mailbox->next_ours++] = (struct ours){.hex = hex};
  if (mailbox->is_caught_up) say_add(mailbox, mailbox->next_ours - 1);
  return mailbox->starved ? P2P_ERR_MEMORY : P2P_OK;
}

static void drop_texts(struct p2p_mailbox *mailbox) {
  while (mailbox->n_texts > 0) free(mailbox->texts[--mailbox->n_texts]);
}

void p2p_mailbox_reconnect(struct p2p_mailbox *mailbox) {
  drop_texts(mailbox);
  mailbox->is_greeted = mailbox->is_releasing = mailbox->is_caught_up = false;
  for (unsigned i = 0; i < mailbox->next_ours; i++) mailbox->ours[i].is_there = false;
  if (mailbox->state == P2P_MAILBOX_ALLOCATE) mailbox->state = P2P_MAILBOX_WELCOME;
}

void p2p_mailbox_close(struct p2p_mailbox *mailbox, enum p2p_mailbox_mood mood) {
  static const char *const MOODS[] = {"happy", "lonely", "scary", "errory"};

  if (mailbox->state == P2P_MAILBOX_CLOSED) return;
  if (mailbox->is_greeted) say_release(mailbox);
  if (mailbox->is_greeted && mailbox->id[0] != '\0')
    say(mailbox,
        json_pack("{s:s, s:s, s:s}", "type", "close", "mailbox", mailbox->id, "mood", MOODS[mood]));
  mailbox->state = P2P_MAILBOX_CLOSED;
}

bool p2p_mailbox_take_event(struct p2p_mailbox *mailbox, struct p2p_mailbox_event *out) {
  if (mailbox->tell_nameplate) {
    mailbox->tell_nameplate = false;
    *out = (struct p2p_mailbox_event){.kind = P2P_MAILBOX_HAS_NAMEPLATE};
    return true;
  }
  if (mailbox->tell_opened) {
    mailbox->tell_opened = false;
    *out = (struct p2p_mailbox_event){.kind = P2P_MAILBOX_HAS_OPENED};
    return true;
  }
  struct p2p_reorder_buffer_message message;
  if (mailbox->state != P2P_MAILBOX_BOTH || !p2p_reorder_buffer_take(&mailbox->reorder, &message))
    return false;
  *out = (struct p2p_mailbox_event){P2P_MAILBOX_HAS_MESSAGE, message.ordinal, message.body,
                                    message.length};
  return true;
}

enum p2p_mailbox_state p2p_mailbox_state(const struct p2p_mailbox *mailbox) {
  return mailbox->state;
}

bool p2p_mailbox_holds_ours(const struct p2p_mailbox *mailbox) {
  for (unsigned i = 0; i < mailbox->next_ours; i++)
    if (!mailbox->ours[i].is_there) return false;
  return true;
}

unsigned p2p_mailbox_next_ordinal(const struct p2p_mailbox *mailbox) { return mailbox->next_ours; }
const char *p2p_mailbox_nameplate(const struct p2p_mailbox *mailbox) { return mailbox->nameplate; }
const char *p2p_mailbox_peer(const struct p2p_mailbox *mailbox) { return mailbox->peer; }

/* ---- life ---- */

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

void p2p_mailbox_free(struct p2p_mailbox *mailbox) {
  if (mailbox == NULL) return;
  p2p_reorder_buffer_clear(&mailbox->reorder);
  for (unsigned i = 0; i < mailbox->next_ours; i++) free(mailbox->ours[i].hex);
  drop_texts(mailbox);
  free(mailbox);
}
