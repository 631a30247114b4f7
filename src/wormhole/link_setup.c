/* From a code, or a mailbox and a password, to a connection. Hints are sent only after the key was
 * confirmed; the mailbox is closed as soon as the connection is up. */
#include "wormhole/link_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/timer.h"
#include "net/url.h"
#include "wormhole/transit.h"
#include "wormhole/wormhole.h"

struct p2p_link_setup {
  struct p2p_loop *loop;
  struct p2p_link_setup_callbacks callbacks;
  void *arg;
  bool is_opener, no_listen, no_direct, has_relay, is_peer_local;
  struct p2p_hint relay;
  uint32_t timeout_ms;
  struct p2p_timer *timer; /* for the whole set-up */
  struct p2p_wormhole *wormhole;
  struct p2p_transit *transit; /* once the key is confirmed */
  struct p2p_transit_key key;
  uint8_t verifier[P2P_KEY_LEN];
  bool is_racing; /* the peer's hints have arrived */
};

/* Reports the last event. The owner may free the set-up. */
static void fail(struct p2p_link_setup *setup, const struct p2p_err *err) {
  p2p_timer_stop(setup->timer);
  setup->callbacks.on_fail(setup->arg, err);
}

static void on_timeout(void *arg) {
  struct p2p_link_setup *setup = arg;
  const char *peer = setup->is_opener ? "worker" : "client";
  double seconds = setup->timeout_ms / 1000.0;
  struct p2p_err err;

  if (!setup->is_racing || p2p_wormhole_is_disconnected(setup->wormhole))
    p2p_wormhole_time_out(setup->wormhole, peer, seconds, &err);
  else
    p2p_transit_time_out(setup->transit, peer, seconds, &err);
  fail(setup, &err);
}

/* ---- transit ---- */

static void on_connected(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest,
                         size_t rest_length) {
  struct p2p_link_setup *setup = arg;

  p2p_timer_stop(setup->timer);
  p2p_wormhole_free(setup->wormhole, true);
  setup->wormhole = NULL;
  setup->callbacks.on_connected(setup->arg, tcp, &setup->key, path, rest, rest_length);
}

static void on_transit_fail(void *arg, const struct p2p_err *err) { fail(arg, err); }

static int start_transit(struct p2p_link_setup *setup, struct p2p_err *err) {
  static const struct p2p_transit_callbacks EVENTS = {on_connected, on_transit_fail};
  struct p2p_transit_config config = {.loop = setup->loop,
                                      .key = &setup->key,
                                      .is_sender = setup->is_opener,
                                      .no_listen = setup->no_listen,
                                      .no_direct = setup->no_direct,
                                      .is_peer_local = setup->is_peer_local,
                                      .relay = setup->has_relay ? &setup->relay : NULL,
                                      .timeout_ms = setup->timeout_ms};

  p2p_wormhole_transit_key(setup->wormhole, &setup->key);
  p2p_wormhole_verifier(setup->wormhole, setup->verifier);
  return p2p_transit_new(&config, &EVENTS, setup, &setup->transit, err);
}

static int send_hints(struct p2p_link_setup *setup, struct p2p_err *err) {
  struct p2p_hints hints;
  char *text = NULL;

  p2p_transit_hints(setup->transit, &hints);
  int code = p2p_hints_format(&hints, &text);
  if (code == P2P_OK) code = p2p_wormhole_send(setup->wormhole, text, strlen(text));
  free(text);
  return code == P2P_OK ? code : p2p_err_set(err, code, "cannot send the transit message");
}

/* ---- wormhole ---- */

static void on_code(void *arg, const char *code) {
  struct p2p_link_setup *setup = arg;
  setup->callbacks.on_code(setup->arg, code);
}

static void on_peer(void *arg) {
  struct p2p_link_setup *setup = arg;
  struct p2p_err err;

  if (start_transit(setup, &err) != P2P_OK || send_hints(setup, &err) != P2P_OK) fail(setup, &err);
}

static void on_message(void *arg, const uint8_t *text, size_t length) {
  struct p2p_link_setup *setup = arg;
  struct p2p_hints theirs;
  struct p2p_err err;

  if (setup->is_racing) return; /* later versions may send more messages */
  int code = p2p_hints_parse((const char *)text, length, &theirs, &err);
  if (code == P2P_OK) {
    setup->is_racing = true;
    code = p2p_transit_race(setup->transit, &theirs, &err);
  }
  if (code != P2P_OK) fail(setup, &err);
}

static void on_wormhole_fail(void *arg, const struct p2p_err *err) {
  struct p2p_link_setup *setup = arg;

  /* Once the race has started, the mailbox is no longer needed. */
  if (!setup->is_racing) fail(setup, err);
}

/* ---- new and free ---- */

static int start(struct p2p_link_setup *setup, const struct p2p_link_setup_config *config,
                 struct p2p_err *err) {
  static const struct p2p_wormhole_callbacks EVENTS = {on_code, on_peer, on_message, NULL,
                                                       on_wormhole_fail};
  struct p2p_wormhole_config wormhole = {.loop = config->loop,
                                         .mailbox = config->mailbox,
                                         .appid = P2P_LINK_APPID,
                                         .code = config->code,
                                         .mailbox_id = config->mailbox_id,
                                         .password = config->password,
                                         .timeout_ms = setup->timeout_ms};

  if (config->relay != NULL) {
    int code = p2p_hint_parse_relay(config->relay, &setup->relay, err);
    if (code != P2P_OK) return code;
  }
  setup->timer = p2p_timer_new(config->loop, on_timeout, setup);
  if (setup->timer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  int code = p2p_wormhole_open(&wormhole, &EVENTS, setup, &setup->wormhole, err);
  if (code == P2P_OK) p2p_timer_start(setup->timer, setup->timeout_ms, 0);
  return code;
}

int p2p_link_setup_new(const struct p2p_link_setup_config *config,
                       const struct p2p_link_setup_callbacks *callbacks, void *arg,
                       struct p2p_link_setup **out, struct p2p_err *err) {
  struct p2p_link_setup *setup = calloc(1, sizeof *setup);

  if (setup == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  setup->loop = config->loop;
  setup->callbacks = *callbacks;
  setup->arg = arg;
  setup->is_opener = config->is_opener;
  setup->no_listen = config->no_listen;
  setup->no_direct = config->no_direct;
  setup->is_peer_local = p2p_url_is_loopback(config->mailbox);
  setup->has_relay = config->relay != NULL;
  setup->timeout_ms = config->timeout_ms;
  int code = start(setup, config, err);
  if (code != P2P_OK)
    p2p_link_setup_free(setup);
  else
    *out = setup;
  return code;
}

bool p2p_link_setup_is_confirmed(const struct p2p_link_setup *setup) {
  return setup->transit != NULL;
}

void p2p_link_setup_verifier(const struct p2p_link_setup *setup, uint8_t out[P2P_KEY_LEN]) {
  memcpy(out, setup->verifier, P2P_KEY_LEN);
}

void p2p_link_setup_free(struct p2p_link_setup *setup) {
  if (setup == NULL) return;
  p2p_transit_free(setup->transit);
  p2p_wormhole_free(setup->wormhole, false);
  p2p_timer_free(setup->timer);
  p2p_wipe(setup, sizeof *setup);
  free(setup);
}
