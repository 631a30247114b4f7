/* One wormhole: the mailbox client on its connection, the PAKE and the sealing of phases. */
#include "wormhole/wormhole.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/box.h"
#include "crypto/random.h"
#include "crypto/spake2.h"
#include "protocol/nameplate.h"
#include "wormhole/mailbox.h"
#include "wormhole/mailbox_connection.h"
#include "wormhole/phase.h"
#include "wormhole/wordlist.h"

#define SIDE_BYTES 8
#define PASSWORD_BYTES 16 /* 128 bits: nobody guesses this, on line or off */
#define VERSION_TEXT "{\"app_versions\":{},\"abilities\":[]}"

struct p2p_wormhole {
  struct p2p_wormhole_callbacks callbacks;
  void *arg;
  char url[512], appid[P2P_APPID_MAX + 1], side[P2P_HEX_LEN(SIDE_BYTES) + 1],
      code[P2P_WORMHOLE_CODE_MAX];
  struct p2p_mailbox_connection *line;
  struct p2p_mailbox *mailbox;
  struct p2p_spake2 *pake; /* between our message and the peer's */
  struct p2p_wormhole_key key;
  bool for_people;
  bool is_confirmed; /* the peer's version was opened with the key */
  bool is_scary;     /* it was not */
  bool has_failed;
  bool busy;  /* an event of ours is being told; memory stays until it returns */
  bool freed; /* the owner is done */
};

static void destroy(struct p2p_wormhole *wormhole) {
  p2p_mailbox_connection_free(wormhole->line);
  p2p_mailbox_free(wormhole->mailbox);
  p2p_spake2_free(wormhole->pake);
  p2p_wipe(wormhole, sizeof *wormhole);
  free(wormhole);
}

static void send_texts(struct p2p_wormhole *wormhole) {
  char *text;

  while ((text = p2p_mailbox_take_text(wormhole->mailbox)) != NULL) {
    p2p_mailbox_connection_send(wormhole->line, text, strlen(text));
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
  if (wormhole->has_failed || wormhole->freed) return;
  wormhole->has_failed = true;
  close_mailbox(wormhole, false);
  wormhole->callbacks.on_fail(wormhole->arg, err);
}

/* ---- phases ---- */

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

/* Our first message. The nameplate and the mailbox are known. */
static int begin_pake(struct p2p_wormhole *wormhole, struct p2p_err *err) {
  uint8_t entropy[P2P_SPAKE2_ENTROPY_LEN], message[P2P_SPAKE2_MESSAGE_LEN];
  char hex[P2P_HEX_LEN(P2P_SPAKE2_MESSAGE_LEN) + 1], body[sizeof hex + 32];

  p2p_random_bytes(entropy, sizeof entropy);
  int code = p2p_spake2_start(wormhole->code, strlen(wormhole->code), wormhole->appid,
                              strlen(wormhole->appid), entropy, message, &wormhole->pake, err);
  p2p_wipe(entropy, sizeof entropy);
  if (code != P2P_OK) return code;
  p2p_hex_encode(message, sizeof message, hex);
  int length = snprintf(body, sizeof body, "{\"pake_v1\":\"%s\"}", hex);
  code = p2p_mailbox_add(wormhole->mailbox, body, (size_t)length);
  return code == P2P_OK ? code : p2p_err_set(err, code, "Out of memory");
}

/* The peer's first message gives the key, and ours goes on to prove that we have it. */
static int end_pake(struct p2p_wormhole *wormhole, const uint8_t *body, size_t length,
                    struct p2p_err *err) {
  uint8_t peer[P2P_SPAKE2_MESSAGE_LEN];
  size_t peer_length = 0;
  json_t *root = json_loadb((const char *)body, length, JSON_REJECT_DUPLICATES, NULL);
  const json_t *hex = json_object_get(root, "pake_v1");
  int code = P2P_ERR_PARSE;

  if (json_is_string(hex))
    code = p2p_hex_decode(json_string_value(hex), json_string_length(hex), peer, sizeof peer,
                          &peer_length);
  json_decref(root);
  if (code != P2P_OK || wormhole->pake == NULL)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The first message of the other side is malformed");
  code = p2p_spake2_finish(wormhole->pake, peer, peer_length, wormhole->key.bytes, err);
  wormhole->pake = NULL;
  if (code == P2P_ERR_CRYPTO) wormhole->is_scary = true;
  if (code != P2P_OK) return code;
  code = add_sealed(wormhole, VERSION_TEXT, sizeof VERSION_TEXT - 1);
  return code == P2P_OK ? code : p2p_err_set(err, code, "Out of memory");
}

/* Opens in place: the text begins P2P_BOX_OVERHEAD bytes into the body. */
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
    return p2p_err_set(err, P2P_ERR_CRYPTO,
                       "The other side has another code (a wrong one, or somebody tried to guess "
                       "it); nothing was sent. "
                       "Try again with a new code");
  return p2p_err_set(err, P2P_ERR_CRYPTO,
                     "A message of the other side does not decrypt: it was altered on its way");
}

static int on_phase(struct p2p_wormhole *wormhole, const struct p2p_mailbox_event *event,
                    struct p2p_err *err) {
  if (event->ordinal == P2P_PHASE_PAKE)
    return end_pake(wormhole, event->body, event->body_length, err);
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
  uint8_t password[PASSWORD_BYTES];
  char text[P2P_HEX_LEN(PASSWORD_BYTES) + 1];

  if (wormhole->for_people) {
    snprintf(text, sizeof text, "%s-%s", p2p_wordlist_draw(), p2p_wordlist_draw());
  } else {
    p2p_random_bytes(password, sizeof password);
    p2p_hex_encode(password, sizeof password, text);
  }
  snprintf(wormhole->code, sizeof wormhole->code, "%s-%s", p2p_mailbox_nameplate(wormhole->mailbox),
           text);
  p2p_wipe(password, sizeof password);
  p2p_wipe(text, sizeof text);
  wormhole->callbacks.on_code(wormhole->arg, wormhole->code);
}

static int on_mailbox_event(struct p2p_wormhole *wormhole, const struct p2p_mailbox_event *event,
                            struct p2p_err *err) {
  switch (event->kind) {
  case P2P_MAILBOX_HAS_NAMEPLATE: make_code(wormhole); return P2P_OK;
  case P2P_MAILBOX_HAS_OPENED: return begin_pake(wormhole, err);
  case P2P_MAILBOX_HAS_MESSAGE: return on_phase(wormhole, event, err);
  }
  return P2P_OK;
}

static int on_server_text(struct p2p_wormhole *wormhole, const char *text, size_t length,
                          struct p2p_err *err) {
  struct p2p_mailbox_event event;
  bool was_delivered = p2p_mailbox_holds_ours(wormhole->mailbox);
  int code = p2p_mailbox_feed(wormhole->mailbox, text, length, err);

  if (code != P2P_OK) return p2p_err_prefix(err, "Mailbox %s", wormhole->url);
  while (code == P2P_OK && !wormhole->freed && p2p_mailbox_take_event(wormhole->mailbox, &event)) {
    send_texts(wormhole); /* first, so that no callback of the owner delays them */
    code = on_mailbox_event(wormhole, &event, err);
    free(event.body);
  }
  if (code == P2P_OK && !wormhole->freed && !was_delivered &&
      p2p_mailbox_holds_ours(wormhole->mailbox) && wormhole->callbacks.on_delivered != NULL)
    wormhole->callbacks.on_delivered(wormhole->arg);
  return code;
}

static void on_text(void *arg, const char *text, size_t length) {
  struct p2p_wormhole *wormhole = arg;
  struct p2p_err err;

  if (wormhole->has_failed) return;
  wormhole->busy = true;
  if (on_server_text(wormhole, text, length, &err) != P2P_OK)
    fail(wormhole, &err);
  else if (!wormhole->freed)
    send_texts(wormhole);
  wormhole->busy = false;
  if (wormhole->freed) destroy(wormhole);
}

static void on_lost(void *arg) {
  struct p2p_wormhole *wormhole = arg;
  p2p_mailbox_reconnect(wormhole->mailbox);
}

static void on_unreachable(void *arg, const struct p2p_err *err) { fail(arg, err); }

/* ---- what the owner does ---- */

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
  return p2p_mailbox_holds_ours(wormhole->mailbox);
}

bool p2p_wormhole_is_cut_off(const struct p2p_wormhole *wormhole) {
  return p2p_mailbox_connection_trouble(wormhole->line) != NULL;
}

void p2p_wormhole_time_out(const struct p2p_wormhole *wormhole, const char *peer, double seconds,
                           struct p2p_err *err) {
  const char *url = wormhole->url, *trouble = p2p_mailbox_connection_trouble(wormhole->line),
             *failing = "did not say where it can be reached";
  char who[P2P_ERR_MESSAGE_MAX];

  if (trouble != NULL) {
    p2p_err_set(err, P2P_ERR_TIMEOUT,
                "The mailbox %s was lost and did not come back within %g s (%.300s); ask who runs "
                "it, or use another one",
                url, seconds, trouble);
    return;
  }
  if (!wormhole->is_confirmed) failing = "did not end the key exchange";
  switch (p2p_mailbox_state(wormhole->mailbox)) {
  case P2P_MAILBOX_WELCOME: snprintf(who, sizeof who, "The mailbox %s did not answer", url); break;
  case P2P_MAILBOX_ALLOCATE:
    snprintf(who, sizeof who, "The mailbox %s did not give a nameplate", url);
    break;
  case P2P_MAILBOX_CLAIM: snprintf(who, sizeof who, "The mailbox %s did not open", url); break;
  case P2P_MAILBOX_ALONE:
    snprintf(who, sizeof who, "The %s did not come to the mailbox %s", peer, url);
    break;
  default:
    snprintf(who, sizeof who, "The %s came to the mailbox %s, but %s", peer, url, failing);
    break;
  }
  p2p_err_set(err, P2P_ERR_TIMEOUT, "%s within %g s", who, seconds);
}

/* ---- life ---- */

/* "7-guitar-wizard": a nameplate, a dash, and at least one visible character. */
static int check_code(const char *code, char nameplate[P2P_NAMEPLATE_MAX], struct p2p_err *err) {
  size_t digits = p2p_nameplate_length(code);
  bool good = digits > 0 && code[digits + 1] != '\0' && strlen(code) < P2P_WORMHOLE_CODE_MAX;

  for (const char *c = code; good && *c != '\0'; c++) good = (unsigned char)*c > ' ' && *c != 0x7f;
  if (!good) /* the code itself is a secret */
    return p2p_err_set(
        err, P2P_ERR_INVALID,
        "This is not a wormhole code: expected a number, a dash and words, as in 7-guitar-wizard");
  memcpy(nameplate, code, digits);
  nameplate[digits] = '\0';
  return P2P_OK;
}

static int start(struct p2p_wormhole *wormhole, const struct p2p_wormhole_config *config,
                 struct p2p_err *err) {
  static const struct p2p_mailbox_connection_callbacks EVENTS = {on_text, on_lost, on_unreachable};
  char nameplate[P2P_NAMEPLATE_MAX];
  uint8_t side[SIDE_BYTES];
  int code = p2p_crypto_init();

  if (code != P2P_OK)
    return p2p_err_set(err, code, "The cryptographic library cannot be used on this machine");
  if (config->code != NULL) code = check_code(config->code, nameplate, err);
  if (code != P2P_OK) return code;
  p2p_random_bytes(side, sizeof side);
  p2p_hex_encode(side, sizeof side, wormhole->side);
  snprintf(wormhole->code, sizeof wormhole->code, "%s", config->code ? config->code : "");
  code = p2p_mailbox_new(config->appid, wormhole->side, config->code ? nameplate : NULL,
                         &wormhole->mailbox);
  if (code != P2P_OK) return p2p_err_set(err, code, "Out of memory");
  return p2p_mailbox_connection_new(config->loop, config->mailbox, config->timeout_ms, &EVENTS,
                                    wormhole, &wormhole->line, err);
}

int p2p_wormhole_open(const struct p2p_wormhole_config *config,
                      const struct p2p_wormhole_callbacks *callbacks, void *arg,
                      struct p2p_wormhole **out, struct p2p_err *err) {
  struct p2p_wormhole *wormhole = calloc(1, sizeof *wormhole);

  if (wormhole == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
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
  wormhole->freed = true;
  if (!wormhole->busy) destroy(wormhole);
}
