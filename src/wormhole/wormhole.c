/* One wormhole: the mailbox client and its connection, the PAKE, and the sealing of messages. */
#include "wormhole/wormhole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/box.h"
#include "crypto/random.h"
#include "crypto/spake2.h"
#include "wormhole/mailbox.h"
#include "wormhole/mailbox_connection.h"
#include "wormhole/pake_message.h"
#include "wormhole/phase.h"
#include "wormhole/reorder_buffer.h"

#define SIDE_BYTES 8
#define URL_MAX 512
#define VERSION_TEXT "{\"app_versions\":{},\"abilities\":[]}"

struct p2p_wormhole {
  struct p2p_loop *loop;
  struct p2p_wormhole_callbacks callbacks;
  void *arg;
  char url[URL_MAX], appid[P2P_APPID_MAX + 1], side[P2P_HEX_LEN(SIDE_BYTES) + 1];
  char password[P2P_CODE_MAX]; /* of the PAKE: the whole code, if there is one */
  struct p2p_mailbox_connection *connection;
  struct p2p_mailbox *mailbox;
  struct p2p_spake2 *pake; /* between our first message and the peer's */
  struct p2p_wormhole_key key;
  bool for_people;
  bool is_confirmed; /* the peer's version message was decrypted with the key */
  bool is_scary;     /* the peer has a different key, or a message was altered */
  bool has_failed;
  bool is_freed;             /* p2p_wormhole_free was called */
  struct p2p_post free_post; /* frees the memory after the callbacks that are running */
};

static void destroy(void *arg) {
  struct p2p_wormhole *wormhole = arg;

  p2p_mailbox_connection_free(wormhole->connection);
  p2p_mailbox_free(wormhole->mailbox);
  p2p_spake2_free(wormhole->pake);
  p2p_wipe(wormhole, sizeof *wormhole);
  free(wormhole);
}

static void send_texts(struct p2p_wormhole *wormhole) {
  char *text;

  while ((text = p2p_mailbox_pop_text(wormhole->mailbox)) != NULL) {
    p2p_mailbox_connection_send(wormhole->connection, text, strlen(text));
    free(text);
  }
}

static void close_mailbox(struct p2p_wormhole *wormhole, bool happy) {
  enum p2p_mailbox_mood mood = P2P_MOOD_ERRORY;

  if (wormhole->is_scary)
    mood = P2P_MOOD_SCARY;
  else if (happy)
    mood = P2P_MOOD_HAPPY;
  else if (p2p_mailbox_state(wormhole->mailbox) == P2P_MAILBOX_ALONE)
    mood = P2P_MOOD_LONELY;
  p2p_mailbox_close(wormhole->mailbox, mood);
  send_texts(wormhole);
}

static void fail(struct p2p_wormhole *wormhole, const struct p2p_err *err) {
  if (wormhole->has_failed || wormhole->is_freed) return;
  wormhole->has_failed = true;
  close_mailbox(wormhole, false);
  wormhole->callbacks.on_fail(wormhole->arg, err);
}

/* ---- messages ---- */

static int add_sealed(struct p2p_wormhole *wormhole, const void *text, size_t length) {
  char phase[P2P_PHASE_MAX];
  uint8_t key[P2P_KEY_LEN];

  if (length > P2P_REORDER_BUFFER_BODY_MAX - P2P_BOX_OVERHEAD) return P2P_ERR_TOO_LARGE;
  uint8_t *sealed = malloc(length + P2P_BOX_OVERHEAD);
  if (sealed == NULL) return P2P_ERR_MEMORY;
  p2p_phase_name(p2p_mailbox_next_ordinal(wormhole->mailbox), phase);
  p2p_key_phase(&wormhole->key, wormhole->side, phase, key);
  p2p_box_seal(key, text, length, sealed);
  int code = p2p_mailbox_add(wormhole->mailbox, sealed, length + P2P_BOX_OVERHEAD);
  p2p_wipe(key, sizeof key);
  free(sealed);
  return code;
}

/* Adds our first message, once the mailbox is open. */
static int start_pake(struct p2p_wormhole *wormhole, struct p2p_err *err) {
  uint8_t entropy[P2P_SPAKE2_ENTROPY_LEN], element[P2P_SPAKE2_MESSAGE_LEN];
  char text[P2P_PAKE_MESSAGE_MAX];

  p2p_random_bytes(entropy, sizeof entropy);
  int code = p2p_spake2_start(P2P_SPAN(wormhole->password, strlen(wormhole->password)),
                              P2P_SPAN(wormhole->appid, strlen(wormhole->appid)), entropy, element,
                              &wormhole->pake, err);
  p2p_wipe(entropy, sizeof entropy);
  if (code != P2P_OK) return code;
  p2p_pake_message_format(element, text);
  code = p2p_mailbox_add(wormhole->mailbox, text, strlen(text));
  return code == P2P_OK ? code : p2p_err_set(err, code, "out of memory");
}

/* The peer's first message yields the key. Our next message proves that we have it. */
static int finish_pake(struct p2p_wormhole *wormhole, const uint8_t *body, size_t length,
                       struct p2p_err *err) {
  uint8_t element[P2P_SPAKE2_MESSAGE_LEN];
  int code = p2p_pake_message_parse((const char *)body, length, element, err);

  if (code != P2P_OK) return code;
  if (wormhole->pake == NULL)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the other side sent its first message too early");
  code = p2p_spake2_finish(wormhole->pake, element, sizeof element, wormhole->key.bytes, err);
  wormhole->pake = NULL;
  if (code == P2P_ERR_CRYPTO) wormhole->is_scary = true;
  if (code != P2P_OK) return code;
  code = add_sealed(wormhole, VERSION_TEXT, sizeof VERSION_TEXT - 1);
  return code == P2P_OK ? code : p2p_err_set(err, code, "out of memory");
}

/* Opens a message in place: its text starts P2P_BOX_OVERHEAD bytes into the body. */
static int open_sealed(struct p2p_wormhole *wormhole, const struct p2p_mailbox_event *event,
                       struct p2p_err *err) {
  char phase[P2P_PHASE_MAX];
  uint8_t key[P2P_KEY_LEN];

  p2p_phase_name(event->ordinal, phase);
  p2p_key_phase(&wormhole->key, p2p_mailbox_peer(wormhole->mailbox), phase, key);
  int code =
      event->body_length < P2P_BOX_OVERHEAD
          ? P2P_ERR_CRYPTO
          : p2p_box_open(key, event->body, event->body_length, event->body + P2P_BOX_OVERHEAD);
  p2p_wipe(key, sizeof key);
  if (code == P2P_OK) return P2P_OK;
  wormhole->is_scary = true;
  if (!wormhole->is_confirmed)
    return p2p_err_because(
        err, "wrong_code",
        p2p_err_set(err, P2P_ERR_CRYPTO, "the other side used a different code; nothing was sent"));
  return p2p_err_set(err, P2P_ERR_CRYPTO,
                     "a message from the other side cannot be decrypted: it was altered in "
                     "transit");
}

static int on_phase(struct p2p_wormhole *wormhole, const struct p2p_mailbox_event *event,
                    struct p2p_err *err) {
  if (event->ordinal == P2P_PHASE_PAKE)
    return finish_pake(wormhole, event->body, event->body_length, err);
  int code = open_sealed(wormhole, event, err);
  if (code != P2P_OK) return code;
  if (event->ordinal == P2P_PHASE_VERSION) {
    wormhole->is_confirmed = true;
    wormhole->callbacks.on_peer(wormhole->arg);
  } else {
    wormhole->callbacks.on_message(wormhole->arg, event->body + P2P_BOX_OVERHEAD,
                                   event->body_length - P2P_BOX_OVERHEAD);
  }
  return P2P_OK;
}

/* ---- the mailbox ---- */

static void make_code(struct p2p_wormhole *wormhole) {
  p2p_code_make(p2p_mailbox_nameplate(wormhole->mailbox), wormhole->for_people, wormhole->password);
  wormhole->callbacks.on_code(wormhole->arg, wormhole->password);
}

static int on_mailbox_event(struct p2p_wormhole *wormhole, const struct p2p_mailbox_event *event,
                            struct p2p_err *err) {
  switch (event->kind) {
  case P2P_MAILBOX_HAS_NAMEPLATE: make_code(wormhole); return P2P_OK;
  case P2P_MAILBOX_HAS_OPENED: return start_pake(wormhole, err);
  case P2P_MAILBOX_HAS_MESSAGE: return on_phase(wormhole, event, err);
  }
  return P2P_OK;
}

static int on_server_text(struct p2p_wormhole *wormhole, const char *text, size_t length,
                          struct p2p_err *err) {
  struct p2p_mailbox_event event;
  bool was_delivered = p2p_mailbox_is_delivered(wormhole->mailbox);
  int code = p2p_mailbox_receive(wormhole->mailbox, text, length, err);

  if (code != P2P_OK) return p2p_err_prefix(err, "mailbox %s", wormhole->url);
  while (code == P2P_OK && !wormhole->is_freed &&
         p2p_mailbox_pop_event(wormhole->mailbox, &event)) {
    send_texts(wormhole); /* first: callbacks of the owner must not delay them */
    code = on_mailbox_event(wormhole, &event, err);
    free(event.body);
  }
  if (code == P2P_OK && !wormhole->is_freed && !was_delivered &&
      p2p_mailbox_is_delivered(wormhole->mailbox) && wormhole->callbacks.on_delivered != NULL)
    wormhole->callbacks.on_delivered(wormhole->arg);
  return code;
}

static void on_text(void *arg, const char *text, size_t length) {
  struct p2p_wormhole *wormhole = arg;
  struct p2p_err err;

  if (wormhole->has_failed) return;
  if (on_server_text(wormhole, text, length, &err) != P2P_OK)
    fail(wormhole, &err);
  else if (!wormhole->is_freed)
    send_texts(wormhole);
}

static void on_lost(void *arg) {
  struct p2p_wormhole *wormhole = arg;
  p2p_mailbox_reconnect(wormhole->mailbox);
}

static void on_unreachable(void *arg, const struct p2p_err *err) { fail(arg, err); }

/* ---- calls of the owner ---- */

int p2p_wormhole_send(struct p2p_wormhole *wormhole, const void *text, size_t length) {
  if (wormhole->has_failed) return P2P_ERR_CLOSED;
  if (!wormhole->is_confirmed) return P2P_ERR_INVALID;
  int code = add_sealed(wormhole, text, length);
  send_texts(wormhole);
  return code;
}

void p2p_wormhole_verifier(const struct p2p_wormhole *wormhole, uint8_t out[P2P_KEY_LEN]) {
  p2p_key_verifier(&wormhole->key, out);
}

void p2p_wormhole_transit_key(const struct p2p_wormhole *wormhole, struct p2p_transit_key *out) {
  p2p_key_transit(&wormhole->key, wormhole->appid, out);
}

bool p2p_wormhole_is_delivered(const struct p2p_wormhole *wormhole) {
  return p2p_mailbox_is_delivered(wormhole->mailbox);
}

bool p2p_wormhole_is_disconnected(const struct p2p_wormhole *wormhole) {
  return p2p_mailbox_connection_trouble(wormhole->connection) != NULL;
}

/* The step that a connected wormhole waits for: "mailbox ws://... did not respond". */
static void describe_wait(const struct p2p_wormhole *wormhole, const char *peer,
                          char out[P2P_ERR_MESSAGE_MAX]) {
  const char *url = wormhole->url;

  switch (p2p_mailbox_state(wormhole->mailbox)) {
  case P2P_MAILBOX_WELCOME:
    snprintf(out, P2P_ERR_MESSAGE_MAX, "mailbox %s did not respond", url);
    break;
  case P2P_MAILBOX_ALLOCATE:
    snprintf(out, P2P_ERR_MESSAGE_MAX, "mailbox %s did not allocate a nameplate", url);
    break;
  case P2P_MAILBOX_CLAIM: snprintf(out, P2P_ERR_MESSAGE_MAX, "mailbox %s did not open", url); break;
  case P2P_MAILBOX_ALONE:
    snprintf(out, P2P_ERR_MESSAGE_MAX, "the %s did not join mailbox %s", peer, url);
    break;
  default:
    snprintf(out, P2P_ERR_MESSAGE_MAX, "the %s joined mailbox %s but did not %s", peer, url,
             wormhole->is_confirmed ? "send its addresses" : "complete the key exchange");
    break;
  }
}

void p2p_wormhole_time_out(const struct p2p_wormhole *wormhole, const char *peer, double seconds,
                           struct p2p_err *err) {
  const char *trouble = p2p_mailbox_connection_trouble(wormhole->connection);
  char step[P2P_ERR_MESSAGE_MAX];

  if (trouble != NULL) {
    p2p_err_because(err, "mailbox_lost",
                    p2p_err_set(err, P2P_ERR_TIMEOUT,
                                "the connection to mailbox %s was lost and not restored within "
                                "%g s (%.300s)",
                                wormhole->url, seconds, trouble));
    return;
  }
  describe_wait(wormhole, peer, step);
  p2p_err_set(err, P2P_ERR_TIMEOUT, "%s within %g s", step, seconds);
}

const char *p2p_wormhole_overdue_reason(const struct p2p_wormhole *wormhole, bool is_sender) {
  enum p2p_mailbox_state state = p2p_mailbox_state(wormhole->mailbox);

  if (p2p_wormhole_is_disconnected(wormhole) || state < P2P_MAILBOX_ALONE) return "mailbox_lost";
  if (state == P2P_MAILBOX_ALONE) return is_sender ? "no_receiver" : "no_sender";
  return "transfer_overdue";
}

/* ---- open and free ---- */

/* `text` is NULL to make a code. */
static int use_code(struct p2p_wormhole *wormhole, const char *text, struct p2p_err *err) {
  char nameplate[P2P_NAMEPLATE_MAX];
  int code = text != NULL ? p2p_code_check(text, nameplate, err) : P2P_OK;

  if (code != P2P_OK) return code;
  if (text != NULL) snprintf(wormhole->password, sizeof wormhole->password, "%s", text);
  code = p2p_mailbox_new(wormhole->appid, wormhole->side, text != NULL ? nameplate : NULL,
                         &wormhole->mailbox);
  return code == P2P_OK ? code : p2p_err_set(err, code, "out of memory");
}

static int use_password(struct p2p_wormhole *wormhole, const struct p2p_wormhole_config *config,
                        struct p2p_err *err) {
  if (config->code != NULL || config->mailbox_id == NULL || config->password == NULL ||
      !p2p_mailbox_id_is_valid(config->mailbox_id) ||
      !p2p_code_password_is_valid(config->password) || strlen(config->password) >= P2P_CODE_MAX)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "expected the id of a mailbox, 32 hexadecimal digits, and a password");
  snprintf(wormhole->password, sizeof wormhole->password, "%s", config->password);
  int code = p2p_mailbox_new_with_id(wormhole->appid, wormhole->side, config->mailbox_id,
                                     &wormhole->mailbox);
  return code == P2P_OK ? code : p2p_err_set(err, code, "out of memory");
}

static int start(struct p2p_wormhole *wormhole, const struct p2p_wormhole_config *config,
                 struct p2p_err *err) {
  static const struct p2p_mailbox_connection_callbacks EVENTS = {on_text, on_lost, on_unreachable};
  uint8_t side[SIDE_BYTES];
  int code = p2p_crypto_init();

  if (code != P2P_OK) return p2p_err_set(err, code, "libsodium cannot be initialized");
  if (strlen(config->mailbox) >= URL_MAX)
    return p2p_err_set(err, P2P_ERR_INVALID, "the address of the mailbox is too long");
  p2p_random_bytes(side, sizeof side);
  p2p_hex_encode(side, sizeof side, wormhole->side);
  code = config->mailbox_id == NULL && config->password == NULL
             ? use_code(wormhole, config->code, err)
             : use_password(wormhole, config, err);
  if (code != P2P_OK) return code;
  struct p2p_mailbox_connection_config connection = {config->loop, wormhole->url,
                                                     config->timeout_ms};
  return p2p_mailbox_connection_new(&connection, &EVENTS, wormhole, &wormhole->connection, err);
}

int p2p_wormhole_open(const struct p2p_wormhole_config *config,
                      const struct p2p_wormhole_callbacks *callbacks, void *arg,
                      struct p2p_wormhole **out, struct p2p_err *err) {
  struct p2p_wormhole *wormhole = calloc(1, sizeof *wormhole);

  if (wormhole == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  wormhole->loop = config->loop;
  wormhole->callbacks = *callbacks;
  wormhole->arg = arg;
  wormhole->for_people = config->for_people;
  snprintf(wormhole->url, sizeof wormhole->url, "%s", config->mailbox);
  snprintf(wormhole->appid, sizeof wormhole->appid, "%s", config->appid);
  int code = start(wormhole, config, err);
  if (code != P2P_OK)
    destroy(wormhole);
  else
    *out = wormhole;
  return code;
}

void p2p_wormhole_free(struct p2p_wormhole *wormhole, bool happy) {
  if (wormhole == NULL) return;
  close_mailbox(wormhole, happy);
  wormhole->is_freed = true;
  p2p_mailbox_connection_free(wormhole->connection);
  wormhole->connection = NULL;
  wormhole->free_post = (struct p2p_post){.fn = destroy, .arg = wormhole};
  p2p_loop_defer(wormhole->loop, &wormhole->free_post);
}
