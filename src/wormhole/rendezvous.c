/* From a code to a connection. The transit key is confirmed before a hint is sent, and the mailbox is left as soon as
 * the connection stands. */
#include "wormhole/rendezvous.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wormhole/wormhole.h"

struct p2p_rendezvous {
  struct p2p_loop *loop;
  struct p2p_rendezvous_events events;
  void *arg;
  bool is_opener, no_listen, no_direct, has_relay;
  struct p2p_hint relay;
  uint32_t timeout_ms;
  struct p2p_timer *timer;         /* of the whole */
  struct p2p_wormhole *wormhole;
  struct p2p_transit *transit;     /* from the confirmed key on */
  struct p2p_transit_key key;
  bool is_racing;                  /* the peer's hints are there */
};

/* The last event: nothing is touched after it. */
static void fail(struct p2p_rendezvous *rendezvous, const struct p2p_err *err) {
  p2p_timer_stop(rendezvous->timer);
  rendezvous->events.on_fail(rendezvous->arg, err);
}

static void on_timeout(void *arg) {
  struct p2p_rendezvous *rendezvous = arg;
  const char *peer = rendezvous->is_opener ? "worker" : "client";
  double seconds = rendezvous->timeout_ms / 1000.0;
  struct p2p_err err;

  if (!rendezvous->is_racing || p2p_wormhole_is_cut_off(rendezvous->wormhole)) {
    p2p_wormhole_time_out(rendezvous->wormhole, peer, seconds, &err);
  } else {
    p2p_transit_time_out(rendezvous->transit, peer, seconds, &err);
  }
  fail(rendezvous, &err);
}

/* ---- transit ---- */

static void on_connected(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest, size_t rest_length) {
  struct p2p_rendezvous *rendezvous = arg;

  p2p_timer_stop(rendezvous->timer);
  p2p_wormhole_free(rendezvous->wormhole, true);
  rendezvous->wormhole = NULL;
  rendezvous->events.on_connected(rendezvous->arg, tcp, &rendezvous->key, path, rest, rest_length);
}

static void on_transit_fail(void *arg, const struct p2p_err *err) {
  fail(arg, err);
}

static int start_transit(struct p2p_rendezvous *rendezvous, struct p2p_err *err) {
  static const struct p2p_transit_events EVENTS = { on_connected, on_transit_fail };
  struct p2p_transit_config config = { .loop = rendezvous->loop,
                                       .key = &rendezvous->key,
                                       .is_sender = rendezvous->is_opener,
                                       .no_listen = rendezvous->no_listen,
                                       .no_direct = rendezvous->no_direct,
                                       .relay = rendezvous->has_relay ? &rendezvous->relay : NULL,
                                       .timeout_ms = rendezvous->timeout_ms };

  p2p_wormhole_transit_key(rendezvous->wormhole, &rendezvous->key);
  return p2p_transit_new(&config, &EVENTS, rendezvous, &rendezvous->transit, err);
}

static int send_hints(struct p2p_rendezvous *rendezvous, struct p2p_err *err) {
  struct p2p_hints hints;
  char *text = NULL;

  p2p_transit_hints(rendezvous->transit, &hints);
  int code = p2p_hints_format(&hints, &text);
  if (code == P2P_OK)
    code = p2p_wormhole_send(rendezvous->wormhole, text, strlen(text));
  free(text);
  return code == P2P_OK ? code : p2p_err_set(err, code, "Our transit message cannot be sent");
}

/* ---- wormhole ---- */

static void on_code(void *arg, const char *code) {
  struct p2p_rendezvous *rendezvous = arg;
  rendezvous->events.on_code(rendezvous->arg, code);
}

static void on_peer(void *arg) {
  struct p2p_rendezvous *rendezvous = arg;
  struct p2p_err err;

  if (start_transit(rendezvous, &err) != P2P_OK || send_hints(rendezvous, &err) != P2P_OK)
    fail(rendezvous, &err);
}

static void on_message(void *arg, const uint8_t *text, size_t length) {
  struct p2p_rendezvous *rendezvous = arg;
  struct p2p_hints theirs;
  struct p2p_err err;

  if (rendezvous->is_racing)
    return; /* a later version of the link may say more */
  int code = p2p_hints_parse((const char *)text, length, &theirs, &err);
  if (code == P2P_OK) {
    rendezvous->is_racing = true;
    code = p2p_transit_race(rendezvous->transit, &theirs, &err);
  }
  if (code != P2P_OK)
    fail(rendezvous, &err);
}

static void on_wormhole_fail(void *arg, const struct p2p_err *err) {
  struct p2p_rendezvous *rendezvous = arg;

  /* All that the mailbox was for is done. */
  if (!rendezvous->is_racing)
    fail(rendezvous, err);
}

/* ---- life ---- */

static int start(struct p2p_rendezvous *rendezvous, const struct p2p_link_config *config, struct p2p_err *err) {
  static const struct p2p_wormhole_events EVENTS = { on_code, on_peer, on_message, NULL, on_wormhole_fail };
  struct p2p_wormhole_config wormhole = { .loop = config->loop,
                                          .mailbox = config->mailbox,
                                          .appid = P2P_LINK_APPID,
                                          .code = config->code,
                                          .timeout_ms = rendezvous->timeout_ms };

  if (config->relay != NULL) {
    int code = p2p_hint_parse_relay(config->relay, &rendezvous->relay, err);
    if (code != P2P_OK)
      return code;
  }
  rendezvous->timer = p2p_timer_new(config->loop, on_timeout, rendezvous);
  if (rendezvous->timer == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  int code = p2p_wormhole_open(&wormhole, &EVENTS, rendezvous, &rendezvous->wormhole, err);
  if (code == P2P_OK)
    p2p_timer_start(rendezvous->timer, rendezvous->timeout_ms, 0);
  return code;
}

int p2p_rendezvous_new(const struct p2p_link_config *config, const struct p2p_rendezvous_events *events, void *arg,
                       struct p2p_rendezvous **out, struct p2p_err *err) {
  struct p2p_rendezvous *rendezvous = calloc(1, sizeof *rendezvous);

  if (rendezvous == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  rendezvous->loop = config->loop;
  rendezvous->events = *events;
  rendezvous->arg = arg;
  rendezvous->is_opener = config->code == NULL;
  rendezvous->no_listen = config->no_listen;
  rendezvous->no_direct = config->no_direct;
  rendezvous->has_relay = config->relay != NULL;
  rendezvous->timeout_ms = config->timeout_ms ? config->timeout_ms : P2P_LINK_TIMEOUT_MS;
  int code = start(rendezvous, config, err);
  if (code != P2P_OK)
    p2p_rendezvous_free(rendezvous);
  else
    *out = rendezvous;
  return code;
}

void p2p_rendezvous_free(struct p2p_rendezvous *rendezvous) {
  if (rendezvous == NULL)
    return;
  p2p_transit_free(rendezvous->transit);
  p2p_wormhole_free(rendezvous->wormhole, false);
  p2p_timer_free(rendezvous->timer);
  p2p_wipe(rendezvous, sizeof *rendezvous);
  free(rendezvous);
}
