/* A file transfer on the io thread. The negotiation says which step is next; here it is taken. */
#include "transfer/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/timer.h"
#include "transfer/local_file.h"
#include "transfer/messages.h"
#include "transfer/negotiation.h"
#include "transfer/stream.h"
#include "wormhole/wormhole.h"

#define PROGRESS_MS 50        /* between two reports of progress */
#define CONFIRM_TEXT_MS 30000 /* to deliver the confirmation of a text */

struct p2p_transfer_session {
  struct p2p_transfer_session_callbacks callbacks;
  void *arg;
  struct p2p_transfer_status status;
  bool must_confirm;
  struct p2p_transit_config transit; /* without its key */
  struct p2p_hint relay;
  uint32_t timeout_ms, stall_ms;
  struct p2p_timer *timer; /* until data is transferred, then to detect a stall */
  struct p2p_wormhole *wormhole;
  struct p2p_stream *stream; /* of a file */
  struct p2p_local_file file;
  struct p2p_negotiation negotiation;
  uint64_t reported_ms;    /* when progress was last reported */
  bool is_creating;        /* the output file; the negotiation waits */
  bool is_confirming_text; /* done as soon as the mailbox server has our last message */
  bool is_over, is_closing;
};

/* ---- the end ---- */

static void report(struct p2p_transfer_session *session) {
  session->callbacks.on_status(session->arg, &session->status);
}

static void on_file_closed(void *arg) {
  struct p2p_transfer_session *session = arg;
  struct p2p_negotiation *negotiation = &session->negotiation;
  bool is_received = session->status.state == P2P_TRANSFER_DONE && !negotiation->is_sender;
  char *text = is_received ? negotiation->text : NULL;

  if (text != NULL) negotiation->text = NULL;
  report(session);
  session->callbacks.on_over(session->arg, text, negotiation->text_length);
}

/* Closes the file once the stream no longer uses it. */
static void close_file(struct p2p_transfer_session *session) {
  if (!session->is_over || session->stream != NULL || session->is_closing) return;
  session->is_closing = true;
  p2p_local_file_close(&session->file, on_file_closed, session);
}

static void on_stream_gone(void *arg) {
  struct p2p_transfer_session *session = arg;

  session->stream = NULL;
  close_file(session);
}

static void close_all(struct p2p_transfer_session *session, bool happy) {
  p2p_timer_stop(session->timer);
  p2p_wormhole_free(session->wormhole, happy);
  session->wormhole = NULL;
  p2p_stream_free(session->stream);
  close_file(session);
}

/* After this and succeed(), callers return at once: the owner may free the session. */
static void fail(struct p2p_transfer_session *session, const struct p2p_err *err) {
  if (session->is_over) return;
  session->is_over = true;
  session->status.err = *err;
  session->status.state = P2P_TRANSFER_FAILED;
  p2p_messages_send_error(session->wormhole, err->code);
  close_all(session, false);
}

static void succeed(struct p2p_transfer_session *session) {
  if (session->is_over) return;
  session->is_over = true;
  session->status.state = P2P_TRANSFER_DONE;
  session->status.moved_bytes = session->status.size_bytes;
  close_all(session, true);
}

/* The receiver of a text waits until its confirmation is delivered, since the sender could not tell
 * otherwise that all is well. The receiver has the text in any case. */
static void finish_text(struct p2p_transfer_session *session) {
  if (session->negotiation.is_sender || p2p_wormhole_is_delivered(session->wormhole)) {
    succeed(session);
    return;
  }
  session->is_confirming_text = true;
  p2p_timer_start(session->timer,
                  session->timeout_ms < CONFIRM_TEXT_MS ? session->timeout_ms : CONFIRM_TEXT_MS, 0);
}

/* ---- timeouts ---- */

/* Fills `err` with the step that did not happen before any data was transferred. */
static void set_timeout_error(const struct p2p_transfer_session *session, const char *peer,
                              struct p2p_err *err) {
  const char *overdue = p2p_negotiation_overdue(&session->negotiation);
  double seconds = session->timeout_ms / 1000.0;

  if (p2p_wormhole_is_disconnected(session->wormhole))
    p2p_wormhole_time_out(session->wormhole, peer, seconds, err);
  else if (session->stream != NULL && p2p_stream_time_out(session->stream, peer, seconds, err))
    return;
  else if (session->status.state == P2P_TRANSFER_CONFIRMING)
    p2p_err_set(err, P2P_ERR_TIMEOUT, "the verifier was not confirmed within %g s", seconds);
  else if (overdue != NULL)
    p2p_err_set(err, P2P_ERR_TIMEOUT, "%s within %g s", overdue, seconds);
  else
    p2p_wormhole_time_out(session->wormhole, peer, seconds, err);
}

static void on_timeout(void *arg) {
  struct p2p_transfer_session *session = arg;
  const char *peer = session->negotiation.is_sender ? "receiver" : "sender";
  struct p2p_err err;

  if (session->is_confirming_text) {
    succeed(session);
    return;
  }
  if (session->status.state != P2P_TRANSFER_MOVING)
    set_timeout_error(session, peer, &err);
  else if (p2p_stream_has_stalled(session->stream))
    p2p_err_set(&err, P2P_ERR_TIMEOUT, "the %s stalled: almost nothing was transferred for %g s",
                peer, session->stall_ms / 1000.0);
  else
    return;
  if (err.reason == NULL)
    err.reason = p2p_wormhole_overdue_reason(session->wormhole, session->negotiation.is_sender);
  fail(session, &err);
}

/* ---- the stream ---- */

static void on_start(void *arg, const char *route) {
  struct p2p_transfer_session *session = arg;

  snprintf(session->status.route, sizeof session->status.route, "%s", route);
  session->status.state = P2P_TRANSFER_MOVING;
  p2p_timer_start(session->timer, session->stall_ms, session->stall_ms);
  report(session);
}

/* Reports at intervals: waking the owner for every batch would slow the transfer down. */
static void on_progress(void *arg, uint64_t moved_bytes) {
  struct p2p_transfer_session *session = arg;

  session->status.moved_bytes = moved_bytes;
  if (p2p_clock_ms() - session->reported_ms < PROGRESS_MS) return;
  session->reported_ms = p2p_clock_ms();
  report(session);
}

static void on_stream_end(void *arg, const struct p2p_err *err) {
  struct p2p_transfer_session *session = arg;

  if (err == NULL) {
    snprintf(session->status.path, sizeof session->status.path, "%s", session->file.output.final);
    succeed(session);
    return;
  }
  struct p2p_err copy = *err;
  if (copy.code == P2P_ERR_NETWORK && session->status.state == P2P_TRANSFER_MOVING)
    copy.code = P2P_ERR_LOST;
  fail(session, &copy);
}

static int start_stream(struct p2p_transfer_session *session, struct p2p_err *err) {
  static const struct p2p_stream_callbacks EVENTS = {on_start, on_progress, on_stream_end,
                                                     on_stream_gone};
  struct p2p_transit_key key;
  struct p2p_transit_config config = session->transit;

  config.key = &key;
  p2p_wormhole_transit_key(session->wormhole, &key);
  int code = p2p_stream_new(&config, &EVENTS, session, &session->stream, err);
  p2p_wipe(&key, sizeof key);
  return code;
}

/* ---- the negotiation ---- */

/* What is transferred, for the status. */
static void set_status(struct p2p_transfer_session *session) {
  session->status.is_text = session->negotiation.is_text;
  session->status.size_bytes = session->negotiation.size_bytes;
  memcpy(session->status.name, session->negotiation.name, sizeof session->status.name);
}

/* Once the output file of a receiver exists. */
static int send_file_messages(struct p2p_transfer_session *session, struct p2p_err *err) {
  struct p2p_negotiation *negotiation = &session->negotiation;
  struct p2p_hints hints;
  int code = start_stream(session, err);

  if (code != P2P_OK) return code;
  if (!negotiation->is_sender)
    p2p_stream_receive(session->stream, &session->file.output, negotiation->size_bytes);
  p2p_stream_hints(session->stream, &hints);
  return p2p_messages_send_offer(session->wormhole, negotiation, &hints, err);
}

static void advance(struct p2p_transfer_session *session);

static void on_file_created(void *arg, const struct p2p_err *err) {
  struct p2p_transfer_session *session = arg;
  struct p2p_err reason;

  session->is_creating = false;
  if (err == NULL && send_file_messages(session, &reason) != P2P_OK) err = &reason;
  if (err != NULL)
    fail(session, err);
  else
    advance(session);
}

static int start_messages(struct p2p_transfer_session *session, struct p2p_err *err) {
  set_status(session);
  if (session->negotiation.is_text)
    return p2p_messages_send_offer(session->wormhole, &session->negotiation, NULL, err);
  if (session->negotiation.is_sender) return send_file_messages(session, err);
  session->is_creating = true;
  return p2p_local_file_create(&session->file, session->status.name, on_file_created, session, err);
}

static int take_step(struct p2p_transfer_session *session, enum p2p_negotiation_step step,
                     struct p2p_err *err) {
  switch (step) {
  case P2P_NEGOTIATION_WAIT: break;
  case P2P_NEGOTIATION_SEND_MESSAGE: return start_messages(session, err);
  case P2P_NEGOTIATION_CONNECT:
    return p2p_stream_connect(session->stream, &session->negotiation.peer_hints, err);
  case P2P_NEGOTIATION_SEND_FILE: p2p_stream_send(session->stream, &session->file.input); break;
  case P2P_NEGOTIATION_FINISH: finish_text(session); break;
  }
  return P2P_OK;
}

/* Takes all steps that are due. One of them may end the session. */
static void advance(struct p2p_transfer_session *session) {
  struct p2p_err err;
  int code = P2P_OK;

  while (code == P2P_OK && !session->is_over && !session->is_creating) {
    enum p2p_negotiation_step step = p2p_negotiation_next(&session->negotiation);
    if (step == P2P_NEGOTIATION_WAIT) return;
    code = take_step(session, step, &err);
  }
  if (code != P2P_OK) fail(session, &err);
}

/* ---- the wormhole ---- */

static void on_code(void *arg, const char *code) {
  struct p2p_transfer_session *session = arg;

  snprintf(session->status.code, sizeof session->status.code, "%s", code);
  session->status.state = P2P_TRANSFER_WAITING;
  report(session);
}

static void start_negotiation(struct p2p_transfer_session *session) {
  session->negotiation.is_confirmed = true;
  session->status.state = P2P_TRANSFER_CONNECTING;
  report(session);
  advance(session);
}

static void on_peer(void *arg) {
  struct p2p_transfer_session *session = arg;
  uint8_t verifier[P2P_KEY_LEN];

  p2p_wormhole_verifier(session->wormhole, verifier);
  p2p_hex_encode(verifier, sizeof verifier, session->status.verifier);
  if (!session->must_confirm) {
    start_negotiation(session);
    return;
  }
  session->status.state = P2P_TRANSFER_CONFIRMING;
  report(session);
}

static void on_message(void *arg, const uint8_t *text, size_t length) {
  struct p2p_transfer_session *session = arg;
  struct p2p_err err;

  if (session->is_over) return;
  if (p2p_negotiation_receive(&session->negotiation, (const char *)text, length, &err) == P2P_OK)
    advance(session);
  else
    fail(session, &err);
}

static void on_delivered(void *arg) {
  struct p2p_transfer_session *session = arg;
  if (session->is_confirming_text) succeed(session);
}

/* While data is transferred, the mailbox is not needed, except for errors of the peer. */
static void on_wormhole_fail(void *arg, const struct p2p_err *err) {
  struct p2p_transfer_session *session = arg;

  if (session->is_confirming_text)
    succeed(session);
  else if (session->status.state != P2P_TRANSFER_MOVING)
    fail(session, err);
}

/* ---- calls of the owner ---- */

static int start(struct p2p_transfer_session *session, const struct p2p_transfer_config *config,
                 struct p2p_err *err) {
  static const struct p2p_wormhole_callbacks EVENTS = {on_code, on_peer, on_message, on_delivered,
                                                       on_wormhole_fail};
  struct p2p_wormhole_config wormhole = p2p_transfer_config_wormhole(config);
  const char *name = config->name ? config->name : config->file ? config->file : "";
  struct p2p_negotiation *negotiation = &session->negotiation;

  if (config->text != NULL && p2p_negotiation_offer_text(negotiation, config->text) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (config->text == NULL && p2p_transfer_config_is_sender(config))
    p2p_negotiation_offer_file(negotiation, name, session->file.input.size_bytes);
  set_status(session);
  if (config->code != NULL)
    snprintf(session->status.code, sizeof session->status.code, "%s", config->code);
  session->transit = p2p_transfer_config_transit(config, &session->relay);
  session->timer = p2p_timer_new(config->loop, on_timeout, session);
  if (session->timer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  p2p_timer_start(session->timer, session->timeout_ms, 0);
  return p2p_wormhole_open(&wormhole, &EVENTS, session, &session->wormhole, err);
}

int p2p_transfer_session_new(const struct p2p_transfer_config *config,
                             const struct p2p_input_file *input,
                             const struct p2p_transfer_session_callbacks *callbacks, void *arg,
                             struct p2p_transfer_session **out, struct p2p_err *err) {
  struct p2p_transfer_session *session = calloc(1, sizeof *session);

  if (session == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  session->callbacks = *callbacks;
  session->arg = arg;
  session->must_confirm = config->must_confirm;
  session->timeout_ms = config->timeout_ms;
  session->stall_ms = config->stall_ms ? config->stall_ms : P2P_TRANSFER_STALL_MS;
  p2p_local_file_init(&session->file, config->loop, input, config->path, config->path_is_directory);
  int code = start(session, config, err);
  if (code != P2P_OK) {
    p2p_transfer_session_free(session);
    return code;
  }
  report(session);
  *out = session;
  return P2P_OK;
}

static void cancel(struct p2p_transfer_session *session, const char *message) {
  struct p2p_err err;

  p2p_err_set(&err, P2P_ERR_CANCELED, "%s", message);
  fail(session, &err);
}

void p2p_transfer_session_confirm(struct p2p_transfer_session *session, bool is_same) {
  if (session->status.state != P2P_TRANSFER_CONFIRMING) return;
  if (is_same)
    start_negotiation(session);
  else
    cancel(session, "the verifiers differ; nothing was sent");
}

void p2p_transfer_session_cancel(struct p2p_transfer_session *session) {
  cancel(session, "the transfer was canceled");
}

void p2p_transfer_session_free(struct p2p_transfer_session *session) {
  if (session == NULL) return;
  p2p_timer_free(session->timer);
  p2p_negotiation_clear(&session->negotiation);
  p2p_wipe(session, sizeof *session);
  free(session);
}
