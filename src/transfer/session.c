/* A file transfer on the io thread. The bargain says what is due; here it is done. */
#include "transfer/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "transfer/messages.h"
#include "transfer/negotiation.h"
#include "transfer/stream.h"

#define SHOW_MS 50
#define LAST_WORD_MS 30000

struct p2p_transfer_session {
  struct p2p_transfer_session_callbacks callbacks;
  void *arg;
  struct p2p_transfer_status status;
  char path[P2P_OUTPUT_FILE_PATH_MAX];
  bool must_confirm;
  struct p2p_transit_config transit; /* but for its key */
  struct p2p_hint relay;
  uint32_t timeout_ms, stall_ms;
  struct p2p_timer *timer; /* until bytes move, then to see that they do */
  struct p2p_wormhole *wormhole;
  struct p2p_stream *stream; /* of a file, once we have spoken */
  struct p2p_input_file input;
  struct p2p_output_file output;
  struct p2p_negotiation negotiation;
  uint64_t shown_ms; /* when progress was last told */
  bool is_leaving;   /* all is well, as soon as the mailbox has our last word */
  bool is_over, is_told;
};

/* ---- the end ---- */

static void publish(struct p2p_transfer_session *session) {
  session->callbacks.on_status(session->arg, &session->status);
}

/* When nothing of the haul is left, the owner hears it, once. */
static void tell_over(struct p2p_transfer_session *session) {
  struct p2p_negotiation *negotiation = &session->negotiation;
  char *text = negotiation->is_sender || session->status.state != P2P_TRANSFER_DONE
                   ? NULL
                   : negotiation->text;

  if (!session->is_over || session->stream != NULL || session->is_told) return;
  session->is_told = true;
  p2p_input_file_close(&session->input);
  p2p_output_file_drop(&session->output);
  if (text != NULL) negotiation->text = NULL;
  publish(session);
  session->callbacks.on_over(session->arg, text, negotiation->text_length);
}

static void on_gone(void *arg) {
  struct p2p_transfer_session *session = arg;
  session->stream = NULL;
  tell_over(session);
}

static void close_all(struct p2p_transfer_session *session, bool happy) {
  p2p_timer_stop(session->timer);
  p2p_wormhole_free(session->wormhole, happy);
  session->wormhole = NULL;
  p2p_stream_free(session->stream);
  tell_over(session);
}

/* The last thing that happens in whoever calls it, as with done(). */
static void fail(struct p2p_transfer_session *session, const struct p2p_err *err) {
  if (session->is_over) return;
  session->is_over = true;
  session->status.err = *err;
  session->status.state = P2P_TRANSFER_FAILED;
  if (session->wormhole != NULL) p2p_transfer_message_give_up(session->wormhole, err->code);
  close_all(session, false);
}

static void done(struct p2p_transfer_session *session) {
  if (session->is_over) return;
  session->is_over = true;
  session->status.state = P2P_TRANSFER_DONE;
  session->status.moved_bytes = session->status.size_bytes;
  close_all(session, true);
}

/* The last word of whoever receives a text is its answer: without it, the sender would not know
 * that all is well. But the text is ours, whatever becomes of the answer. */
static void leave(struct p2p_transfer_session *session) {
  if (session->negotiation.is_sender || p2p_wormhole_is_delivered(session->wormhole)) {
    done(session);
    return;
  }
  session->is_leaving = true;
  p2p_timer_start(session->timer,
                  session->timeout_ms < LAST_WORD_MS ? session->timeout_ms : LAST_WORD_MS, 0);
}

/* Before bytes move: what is it that has not happened? */
static void explain_delay(const struct p2p_transfer_session *session, const char *peer,
                          struct p2p_err *err) {
  const struct p2p_negotiation *negotiation = &session->negotiation;
  double seconds = session->timeout_ms / 1000.0;

  if (p2p_wormhole_is_disconnected(session->wormhole))
    p2p_wormhole_time_out(session->wormhole, peer, seconds, err);
  else if (session->stream != NULL && p2p_stream_time_out(session->stream, peer, seconds, err))
    return;
  else if (session->status.state == P2P_TRANSFER_CONFIRMING)
    p2p_err_set(err, P2P_ERR_TIMEOUT,
                "Nobody confirmed within %g s that both sides show the same verifier", seconds);
  else if (negotiation->has_spoken && negotiation->is_sender)
    p2p_err_set(err, P2P_ERR_TIMEOUT, "The receiver did not answer the offer within %g s", seconds);
  else if (negotiation->is_agreed && !negotiation->is_sender && !negotiation->has_offer)
    p2p_err_set(err, P2P_ERR_TIMEOUT, "The sender came, but offered nothing within %g s", seconds);
  else
    p2p_wormhole_time_out(session->wormhole, peer, seconds, err);
}

static void on_timeout(void *arg) {
  struct p2p_transfer_session *session = arg;
  const char *peer = session->negotiation.is_sender ? "receiver" : "sender";
  struct p2p_err err;

  if (session->is_leaving) {
    done(session);
    return;
  }
  if (session->status.state != P2P_TRANSFER_MOVING)
    explain_delay(session, peer, &err);
  else if (p2p_stream_has_stalled(session->stream))
    p2p_err_set(&err, P2P_ERR_TIMEOUT, "The %s is silent: next to nothing moved for %g s", peer,
                session->stall_ms / 1000.0);
  else
    return;
  fail(session, &err);
}

/* ---- the haul ---- */

static void on_moving(void *arg, const char *way) {
  struct p2p_transfer_session *session = arg;
  snprintf(session->status.way, sizeof session->status.way, "%s", way);
  session->status.state = P2P_TRANSFER_MOVING;
  p2p_timer_start(session->timer, session->stall_ms, session->stall_ms);
  publish(session);
}

static void on_progress(void *arg, uint64_t moved_bytes) {
  struct p2p_transfer_session *session = arg;
  session->status.moved_bytes = moved_bytes;
  if (p2p_clock_ms() - session->shown_ms < SHOW_MS)
    return; /* who looks would be woken for nothing, and slow us down */
  session->shown_ms = p2p_clock_ms();
  publish(session);
}

static void on_haul_end(void *arg, const struct p2p_err *err) {
  struct p2p_transfer_session *session = arg;
  if (err == NULL) {
    done(session);
    return;
  }
  struct p2p_err why = *err;
  if (why.code == P2P_ERR_NETWORK && session->status.state == P2P_TRANSFER_MOVING)
    why.code = P2P_ERR_LOST;
  fail(session, &why);
}

static int start_haul(struct p2p_transfer_session *session, struct p2p_err *err) {
  static const struct p2p_stream_callbacks EVENTS = {on_moving, on_progress, on_haul_end, on_gone};
  struct p2p_transit_key key;
  struct p2p_transit_config config = session->transit;

  config.key = &key;
  p2p_wormhole_transit_key(session->wormhole, &key);
  int code = p2p_stream_new(&config, &EVENTS, session, &session->stream, err);
  p2p_wipe(&key, sizeof key);
  return code;
}

/* ---- the bargain ---- */

/* What is moved, for the status. */
static void show_terms(struct p2p_transfer_session *session) {
  session->status.is_text = session->negotiation.is_text;
  session->status.size_bytes = session->negotiation.size_bytes;
  memcpy(session->status.name, session->negotiation.name, sizeof session->status.name);
}

static int speak_of_file(struct p2p_transfer_session *session, struct p2p_err *err) {
  const struct p2p_negotiation *negotiation = &session->negotiation;
  struct p2p_hints ours;
  int code =
      negotiation->is_sender ? P2P_OK : p2p_output_file_open(&session->output, session->path, err);

  if (code == P2P_OK) code = start_haul(session, err);
  if (code != P2P_OK) return code;
  if (!negotiation->is_sender)
    p2p_stream_receive(session->stream, &session->output, negotiation->size_bytes);
  p2p_stream_hints(session->stream, &ours);
  return p2p_transfer_message_send(session->wormhole, negotiation, &ours, err);
}

static int speak(struct p2p_transfer_session *session, struct p2p_err *err) {
  show_terms(session);
  return session->negotiation.is_text
             ? p2p_transfer_message_send(session->wormhole, &session->negotiation, NULL, err)
             : speak_of_file(session, err);
}

/* Whatever is due. A step may be the end. */
static void advance(struct p2p_transfer_session *session) {
  enum p2p_negotiation_step step;
  struct p2p_err err;
  int code = P2P_OK;

  while (code == P2P_OK && !session->is_over &&
         (step = p2p_negotiation_next(&session->negotiation)) != P2P_NEGOTIATION_WAIT) {
    switch (step) {
    case P2P_NEGOTIATION_WAIT: break;
    case P2P_NEGOTIATION_SPEAK: code = speak(session, &err); break;
    case P2P_NEGOTIATION_RACE:
      code = p2p_stream_race(session->stream, &session->negotiation.theirs, &err);
      break;
    case P2P_NEGOTIATION_SEND: p2p_stream_send(session->stream, &session->input); break;
    case P2P_NEGOTIATION_CLOSE: leave(session); break;
    }
  }
  if (code != P2P_OK) fail(session, &err);
}

/* ---- the wormhole ---- */

static void on_code(void *arg, const char *code) {
  struct p2p_transfer_session *session = arg;
  snprintf(session->status.code, sizeof session->status.code, "%s", code);
  session->status.state = P2P_TRANSFER_WAITING;
  publish(session);
}

static void on_peer(void *arg) {
  struct p2p_transfer_session *session = arg;
  uint8_t verifier[P2P_KEY_LEN];

  p2p_wormhole_verifier(session->wormhole, verifier);
  p2p_hex_encode(verifier, sizeof verifier, session->status.verifier);
  session->negotiation.is_agreed = !session->must_confirm;
  session->status.state = session->must_confirm ? P2P_TRANSFER_CONFIRMING : P2P_TRANSFER_CONNECTING;
  publish(session);
  advance(session);
}

static void on_message(void *arg, const uint8_t *text, size_t length) {
  struct p2p_transfer_session *session = arg;
  struct p2p_err err;

  if (session->is_over) return;
  int code = p2p_negotiation_receive(&session->negotiation, (const char *)text, length, &err);
  if (code == P2P_OK)
    advance(session);
  else
    fail(session, &err);
}

static void on_delivered(void *arg) {
  struct p2p_transfer_session *session = arg;
  if (session->is_leaving) done(session);
}

/* While bytes move, the mailbox is only for bad news. */
static void on_wormhole_fail(void *arg, const struct p2p_err *err) {
  struct p2p_transfer_session *session = arg;
  if (session->is_leaving)
    done(session);
  else if (session->status.state != P2P_TRANSFER_MOVING)
    fail(session, err);
}

/* ---- life ---- */

static int set_what(struct p2p_transfer_session *session, const struct p2p_transfer_config *config,
                    struct p2p_err *err) {
  const char *name = config->name ? config->name : config->file ? config->file : "";
  struct p2p_negotiation *negotiation = &session->negotiation;
  struct p2p_input_file *input = &session->input;

  if (config->text != NULL && p2p_negotiation_offer_text(negotiation, config->text) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  if (config->text == NULL && config->file != NULL) {
    int code = p2p_input_file_open(input, config->file, err);
    if (code != P2P_OK) return code;
  } else if (config->text == NULL && config->bytes != NULL) {
    p2p_input_file_borrow(input, config->bytes, config->length);
  }
  if (config->text == NULL && (config->file != NULL || config->bytes != NULL))
    p2p_negotiation_offer_file(negotiation, name, input->size_bytes);
  show_terms(session);
  return P2P_OK;
}

static void set_transit(struct p2p_transfer_session *session,
                        const struct p2p_transfer_config *config) {
  session->transit = (struct p2p_transit_config){.loop = config->loop,
                                                 .is_sender = session->negotiation.is_sender,
                                                 .no_listen = config->no_listen,
                                                 .no_direct = config->no_direct,
                                                 .relay = config->relay ? &session->relay : NULL,
                                                 .timeout_ms = config->timeout_ms};
}

static int start(struct p2p_transfer_session *session, const struct p2p_transfer_config *config,
                 struct p2p_err *err) {
  static const struct p2p_wormhole_callbacks EVENTS = {on_code, on_peer, on_message, on_delivered,
                                                       on_wormhole_fail};
  struct p2p_wormhole_config wormhole = {.loop = config->loop,
                                         .mailbox = config->mailbox,
                                         .appid = P2P_OFFER_APPID,
                                         .code = config->code,
                                         .for_people = true,
                                         .timeout_ms = config->timeout_ms};
  int code = P2P_OK;

  if (config->relay != NULL) code = p2p_hint_parse_relay(config->relay, &session->relay, err);
  if (code == P2P_OK) code = set_what(session, config, err);
  if (code != P2P_OK) return code;
  set_transit(session, config);
  session->timer = p2p_timer_new(config->loop, on_timeout, session);
  if (session->timer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  snprintf(session->path, sizeof session->path, "%s", config->path ? config->path : "");
  snprintf(session->status.code, sizeof session->status.code, "%s",
           config->code ? config->code : "");
  p2p_timer_start(session->timer, session->timeout_ms, 0);
  return p2p_wormhole_open(&wormhole, &EVENTS, session, &session->wormhole, err);
}

int p2p_transfer_session_new(const struct p2p_transfer_config *config,
                             const struct p2p_transfer_session_callbacks *callbacks, void *arg,
                             struct p2p_transfer_session **out, struct p2p_err *err) {
  struct p2p_transfer_session *session = calloc(1, sizeof *session);

  if (session == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  session->callbacks = *callbacks;
  session->arg = arg;
  session->must_confirm = config->must_confirm;
  session->timeout_ms = config->timeout_ms;
  session->stall_ms = config->stall_ms ? config->stall_ms : P2P_TRANSFER_STALL_MS;
  session->input.fd = session->output.fd = -1;
  int code = start(session, config, err);
  if (code != P2P_OK) {
    p2p_transfer_session_free(session);
    return code;
  }
  publish(session);
  *out = session;
  return P2P_OK;
}

void p2p_transfer_session_confirm(struct p2p_transfer_session *session, bool is_same) {
  struct p2p_err err;

  if (session->status.state != P2P_TRANSFER_CONFIRMING) return;
  if (!is_same) {
    p2p_err_set(&err, P2P_ERR_CANCELED,
                "The verifiers were not confirmed to be the same; nothing was sent");
    fail(session, &err);
    return;
  }
  session->negotiation.is_agreed = true;
  session->status.state = P2P_TRANSFER_CONNECTING;
  publish(session);
  advance(session);
}

void p2p_transfer_session_cancel(struct p2p_transfer_session *session) {
  struct p2p_err err;

  p2p_err_set(&err, P2P_ERR_CANCELED, "The transfer was canceled");
  fail(session, &err);
}

void p2p_transfer_session_free(struct p2p_transfer_session *session) {
  if (session == NULL) return;
  p2p_timer_free(session->timer);
  p2p_input_file_close(&session->input);
  p2p_negotiation_clear(&session->negotiation);
  p2p_wipe(session, sizeof *session);
  free(session);
}
