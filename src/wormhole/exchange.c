/* A file transfer on the io thread. The bargain says what is due; here it is done. */
#include "wormhole/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "wormhole/bargain.h"
#include "wormhole/haul.h"
#include "wormhole/speech.h"

#define SHOW_MS 50
#define LAST_WORD_MS 30000

struct p2p_exchange {
  struct p2p_exchange_events events;
  void *arg;
  struct p2p_transfer_status status;
  char path[P2P_ARRIVAL_PATH_MAX];
  bool must_confirm;
  struct p2p_transit_config transit; /* but for its key */
  struct p2p_hint relay;
  uint32_t timeout_ms, stall_ms;
  struct p2p_timer *timer; /* until bytes move, then to see that they do */
  struct p2p_wormhole *wormhole;
  struct p2p_haul *haul;   /* of a file, once we have spoken */
  struct p2p_source source;
  struct p2p_arrival arrival;
  struct p2p_bargain bargain;
  uint64_t shown_ms; /* when progress was last told */
  bool is_leaving; /* all is well, as soon as the mailbox has our last word */
  bool is_over, is_told;
};

/* ---- the end ---- */

static void publish(struct p2p_exchange *exchange) {
  exchange->events.on_status(exchange->arg, &exchange->status);
}

/* When nothing of the haul is left, the owner hears it, once. */
static void tell_over(struct p2p_exchange *exchange) {
  struct p2p_bargain *bargain = &exchange->bargain;
  char *text = bargain->is_sender || exchange->status.state != P2P_TRANSFER_DONE ? NULL : bargain->text;

  if (!exchange->is_over || exchange->haul != NULL || exchange->is_told)
    return;
  exchange->is_told = true;
  p2p_source_close(&exchange->source);
  p2p_arrival_drop(&exchange->arrival);
  if (text != NULL)
    bargain->text = NULL;
  publish(exchange);
  exchange->events.on_over(exchange->arg, text, bargain->text_length);
}

static void on_gone(void *arg) {
  struct p2p_exchange *exchange = arg;
  exchange->haul = NULL;
  tell_over(exchange);
}

static void close_all(struct p2p_exchange *exchange, bool happy) {
  p2p_timer_stop(exchange->timer);
  p2p_wormhole_free(exchange->wormhole, happy);
  exchange->wormhole = NULL;
  p2p_haul_free(exchange->haul);
  tell_over(exchange);
}

/* The last thing that happens in whoever calls it, as with done(). */
static void fail(struct p2p_exchange *exchange, const struct p2p_err *err) {
  if (exchange->is_over)
    return;
  exchange->is_over = true;
  exchange->status.err = *err;
  exchange->status.state = P2P_TRANSFER_FAILED;
  if (exchange->wormhole != NULL)
    p2p_speech_give_up(exchange->wormhole, err->code);
  close_all(exchange, false);
}

static void done(struct p2p_exchange *exchange) {
  if (exchange->is_over)
    return;
  exchange->is_over = true;
  exchange->status.state = P2P_TRANSFER_DONE;
  exchange->status.moved_bytes = exchange->status.size_bytes;
  close_all(exchange, true);
}

/* The last word of whoever receives a text is its answer: without it, the sender would not know that all is well. But the text is ours,
 * whatever becomes of the answer. */
static void leave(struct p2p_exchange *exchange) {
  if (exchange->bargain.is_sender || p2p_wormhole_is_delivered(exchange->wormhole)) {
    done(exchange);
    return;
  }
  exchange->is_leaving = true;
  p2p_timer_start(exchange->timer, exchange->timeout_ms < LAST_WORD_MS ? exchange->timeout_ms : LAST_WORD_MS, 0);
}

/* Before bytes move: what is it that has not happened? */
static void explain_delay(const struct p2p_exchange *exchange, const char *peer, struct p2p_err *err) {
  const struct p2p_bargain *bargain = &exchange->bargain;
  double seconds = exchange->timeout_ms / 1000.0;

  if (p2p_wormhole_is_cut_off(exchange->wormhole))
    p2p_wormhole_time_out(exchange->wormhole, peer, seconds, err);
  else if (exchange->haul != NULL && p2p_haul_time_out(exchange->haul, peer, seconds, err))
    return;
  else if (exchange->status.state == P2P_TRANSFER_CONFIRMING)
    p2p_err_set(err, P2P_ERR_TIMEOUT, "Nobody confirmed within %g s that both sides show the same verifier", seconds);
  else if (bargain->has_spoken && bargain->is_sender)
    p2p_err_set(err, P2P_ERR_TIMEOUT, "The receiver did not answer the offer within %g s", seconds);
  else if (bargain->is_agreed && !bargain->is_sender && !bargain->has_offer)
    p2p_err_set(err, P2P_ERR_TIMEOUT, "The sender came, but offered nothing within %g s", seconds);
  else
    p2p_wormhole_time_out(exchange->wormhole, peer, seconds, err);
}

static void on_timeout(void *arg) {
  struct p2p_exchange *exchange = arg;
  const char *peer = exchange->bargain.is_sender ? "receiver" : "sender";
  struct p2p_err err;

  if (exchange->is_leaving) {
    done(exchange);
    return;
  }
  if (exchange->status.state != P2P_TRANSFER_MOVING)
    explain_delay(exchange, peer, &err);
  else if (p2p_haul_has_stalled(exchange->haul))
    p2p_err_set(&err, P2P_ERR_TIMEOUT, "The %s is silent: next to nothing moved for %g s", peer, exchange->stall_ms / 1000.0);
  else
    return;
  fail(exchange, &err);
}

/* ---- the haul ---- */

static void on_moving(void *arg, const char *way) {
  struct p2p_exchange *exchange = arg;
  snprintf(exchange->status.way, sizeof exchange->status.way, "%s", way);
  exchange->status.state = P2P_TRANSFER_MOVING;
  p2p_timer_start(exchange->timer, exchange->stall_ms, exchange->stall_ms);
  publish(exchange);
}

static void on_progress(void *arg, uint64_t moved_bytes) {
  struct p2p_exchange *exchange = arg;
  exchange->status.moved_bytes = moved_bytes;
  if (p2p_clock_ms() - exchange->shown_ms < SHOW_MS)
    return; /* who looks would be woken for nothing, and slow us down */
  exchange->shown_ms = p2p_clock_ms();
  publish(exchange);
}

static void on_haul_end(void *arg, const struct p2p_err *err) {
  struct p2p_exchange *exchange = arg;
  if (err == NULL) {
    done(exchange);
    return;
  }
  struct p2p_err why = *err;
  if (why.code == P2P_ERR_NETWORK && exchange->status.state == P2P_TRANSFER_MOVING)
    why.code = P2P_ERR_LOST;
  fail(exchange, &why);
}

static int start_haul(struct p2p_exchange *exchange, struct p2p_err *err) {
  static const struct p2p_haul_events EVENTS = { on_moving, on_progress, on_haul_end, on_gone };
  struct p2p_transit_key key;
  struct p2p_transit_config config = exchange->transit;

  config.key = &key;
  p2p_wormhole_transit_key(exchange->wormhole, &key);
  int code = p2p_haul_new(&config, &EVENTS, exchange, &exchange->haul, err);
  p2p_wipe(&key, sizeof key);
  return code;
}

/* ---- the bargain ---- */

/* What is moved, for the status. */
static void show_terms(struct p2p_exchange *exchange) {
  exchange->status.is_text = exchange->bargain.is_text;
  exchange->status.size_bytes = exchange->bargain.size_bytes;
  memcpy(exchange->status.name, exchange->bargain.name, sizeof exchange->status.name);
}

static int speak_of_file(struct p2p_exchange *exchange, struct p2p_err *err) {
  const struct p2p_bargain *bargain = &exchange->bargain;
  struct p2p_hints ours;
  int code = bargain->is_sender ? P2P_OK : p2p_arrival_open(&exchange->arrival, exchange->path, err);

  if (code == P2P_OK)
    code = start_haul(exchange, err);
  if (code != P2P_OK)
    return code;
  if (!bargain->is_sender)
    p2p_haul_receive(exchange->haul, &exchange->arrival, bargain->size_bytes);
  p2p_haul_hints(exchange->haul, &ours);
  return p2p_speech_say(exchange->wormhole, bargain, &ours, err);
}

static int speak(struct p2p_exchange *exchange, struct p2p_err *err) {
  show_terms(exchange);
  return exchange->bargain.is_text ? p2p_speech_say(exchange->wormhole, &exchange->bargain, NULL, err) : speak_of_file(exchange, err);
}

/* Whatever is due. A step may be the end. */
static void advance(struct p2p_exchange *exchange) {
  enum p2p_bargain_step step;
  struct p2p_err err;
  int code = P2P_OK;

  while (code == P2P_OK && !exchange->is_over && (step = p2p_bargain_next(&exchange->bargain)) != P2P_BARGAIN_WAIT) {
    switch (step) {
    case P2P_BARGAIN_WAIT: break;
    case P2P_BARGAIN_SPEAK: code = speak(exchange, &err); break;
    case P2P_BARGAIN_RACE: code = p2p_haul_race(exchange->haul, &exchange->bargain.theirs, &err); break;
    case P2P_BARGAIN_SEND: p2p_haul_send(exchange->haul, &exchange->source); break;
    case P2P_BARGAIN_CLOSE: leave(exchange); break;
    }
  }
  if (code != P2P_OK)
    fail(exchange, &err);
}

/* ---- the wormhole ---- */

static void on_code(void *arg, const char *code) {
  struct p2p_exchange *exchange = arg;
  snprintf(exchange->status.code, sizeof exchange->status.code, "%s", code);
  exchange->status.state = P2P_TRANSFER_WAITING;
  publish(exchange);
}

static void on_peer(void *arg) {
  struct p2p_exchange *exchange = arg;
  uint8_t verifier[P2P_KEY_LEN];

  p2p_wormhole_verifier(exchange->wormhole, verifier);
  p2p_hex_encode(verifier, sizeof verifier, exchange->status.verifier);
  exchange->bargain.is_agreed = !exchange->must_confirm;
  exchange->status.state = exchange->must_confirm ? P2P_TRANSFER_CONFIRMING : P2P_TRANSFER_CONNECTING;
  publish(exchange);
  advance(exchange);
}

static void on_message(void *arg, const uint8_t *text, size_t length) {
  struct p2p_exchange *exchange = arg;
  struct p2p_err err;

  if (exchange->is_over)
    return;
  int code = p2p_bargain_hear(&exchange->bargain, (const char *)text, length, &err);
  if (code == P2P_OK)
    advance(exchange);
  else
    fail(exchange, &err);
}

static void on_delivered(void *arg) {
  struct p2p_exchange *exchange = arg;
  if (exchange->is_leaving)
    done(exchange);
}

/* While bytes move, the mailbox is only for bad news. */
static void on_wormhole_fail(void *arg, const struct p2p_err *err) {
  struct p2p_exchange *exchange = arg;
  if (exchange->is_leaving)
    done(exchange);
  else if (exchange->status.state != P2P_TRANSFER_MOVING)
    fail(exchange, err);
}

/* ---- life ---- */

static int set_what(struct p2p_exchange *exchange, const struct p2p_transfer_config *config, struct p2p_err *err) {
  const char *name = config->name ? config->name : config->file ? config->file : "";
  struct p2p_bargain *bargain = &exchange->bargain;
  struct p2p_source *source = &exchange->source;

  if (config->text != NULL && p2p_bargain_give_text(bargain, config->text) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  if (config->text == NULL && config->file != NULL) {
    int code = p2p_source_open(source, config->file, err);
    if (code != P2P_OK)
      return code;
  } else if (config->text == NULL && config->bytes != NULL) {
    p2p_source_borrow(source, config->bytes, config->length);
  }
  if (config->text == NULL && (config->file != NULL || config->bytes != NULL))
    p2p_bargain_give_file(bargain, name, source->size_bytes);
  show_terms(exchange);
  return P2P_OK;
}

static void set_transit(struct p2p_exchange *exchange, const struct p2p_transfer_config *config) {
  exchange->transit = (struct p2p_transit_config){ .loop = config->loop,
                                                   .is_sender = exchange->bargain.is_sender,
                                                   .no_listen = config->no_listen,
                                                   .no_direct = config->no_direct,
                                                   .relay = config->relay ? &exchange->relay : NULL,
                                                   .timeout_ms = config->timeout_ms };
}

static int start(struct p2p_exchange *exchange, const struct p2p_transfer_config *config, struct p2p_err *err) {
  static const struct p2p_wormhole_events EVENTS = { on_code, on_peer, on_message, on_delivered, on_wormhole_fail };
  struct p2p_wormhole_config wormhole = { .loop = config->loop,
                                          .mailbox = config->mailbox,
                                          .appid = P2P_OFFER_APPID,
                                          .code = config->code,
                                          .for_people = true,
                                          .timeout_ms = config->timeout_ms };
  int code = P2P_OK;

  if (config->relay != NULL)
    code = p2p_hint_parse_relay(config->relay, &exchange->relay, err);
  if (code == P2P_OK)
    code = set_what(exchange, config, err);
  if (code != P2P_OK)
    return code;
  set_transit(exchange, config);
  exchange->timer = p2p_timer_new(config->loop, on_timeout, exchange);
  if (exchange->timer == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  snprintf(exchange->path, sizeof exchange->path, "%s", config->path ? config->path : "");
  snprintf(exchange->status.code, sizeof exchange->status.code, "%s", config->code ? config->code : "");
  p2p_timer_start(exchange->timer, exchange->timeout_ms, 0);
  return p2p_wormhole_open(&wormhole, &EVENTS, exchange, &exchange->wormhole, err);
}

int p2p_exchange_new(const struct p2p_transfer_config *config, const struct p2p_exchange_events *events, void *arg,
                     struct p2p_exchange **out, struct p2p_err *err) {
  struct p2p_exchange *exchange = calloc(1, sizeof *exchange);

  if (exchange == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  exchange->events = *events;
  exchange->arg = arg;
  exchange->must_confirm = config->must_confirm;
  exchange->timeout_ms = config->timeout_ms;
  exchange->stall_ms = config->stall_ms ? config->stall_ms : P2P_TRANSFER_STALL_MS;
  exchange->source.fd = exchange->arrival.fd = -1;
  int code = start(exchange, config, err);
  if (code != P2P_OK) {
    p2p_exchange_free(exchange);
    return code;
  }
  publish(exchange);
  *out = exchange;
  return P2P_OK;
}

void p2p_exchange_confirm(struct p2p_exchange *exchange, bool is_same) {
  struct p2p_err err;

  if (exchange->status.state != P2P_TRANSFER_CONFIRMING)
    return;
  if (!is_same) {
    p2p_err_set(&err, P2P_ERR_CANCELED, "The verifiers were not confirmed to be the same; nothing was sent");
    fail(exchange, &err);
    return;
  }
  exchange->bargain.is_agreed = true;
  exchange->status.state = P2P_TRANSFER_CONNECTING;
  publish(exchange);
  advance(exchange);
}

void p2p_exchange_cancel(struct p2p_exchange *exchange) {
  struct p2p_err err;

  p2p_err_set(&err, P2P_ERR_CANCELED, "The transfer was canceled");
  fail(exchange, &err);
}

void p2p_exchange_free(struct p2p_exchange *exchange) {
  if (exchange == NULL)
    return;
  p2p_timer_free(exchange->timer);
  p2p_source_close(&exchange->source);
  p2p_bargain_clear(&exchange->bargain);
  p2p_wipe(exchange, sizeof *exchange);
  free(exchange);
}
