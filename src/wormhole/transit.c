/* The race for a transit connection. */
#include "wormhole/transit.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/tcp.h"
#include "net/timer.h"

#define UNPROVEN_MAX 8 /* accepted connections that have not completed the handshake */
#define CANDIDATES_MAX 64
#define PRIVILEGED_PORTS 1024 /* below */
#define LOOPBACK_HEAD_START_MS 50

/* What we connect to. Each stage has a head start over the next, so that nothing leaves the machine
 * when both sides run on it. */
enum stage {
  STAGE_LOOPBACK, /* this machine's own addresses */
  STAGE_DIRECT,   /* the peer's other addresses */
  STAGE_RELAY     /* relays */
};

struct p2p_transit {
  struct p2p_loop *loop;
  struct p2p_transit_callbacks callbacks;
  void *arg;
  struct p2p_transit_key key;
  bool is_sender, no_direct, is_peer_local;
  uint32_t timeout_ms;
  struct p2p_listener *listener; /* NULL: outbound connections only */
  enum stage stage;              /* the last one that was started */
  struct p2p_timer *head_start;  /* until the next stage; NULL once relays were tried */
  bool has_relay;
  struct p2p_hint relay; /* ours */
  struct p2p_hints peer_hints;
  struct p2p_candidate *candidates[CANDIDATES_MAX]; /* the oldest first */
  size_t n_candidates;
  char failure[P2P_ERR_MESSAGE_MAX]; /* of the last attempt; "" if none has failed */
};

static struct p2p_candidate_config candidate_config(const struct p2p_transit *transit) {
  return (struct p2p_candidate_config){.loop = transit->loop,
                                       .key = &transit->key,
                                       .is_sender = transit->is_sender,
                                       .is_peer_local = transit->is_peer_local,
                                       .timeout_ms = transit->timeout_ms};
}

static void remove_candidate(struct p2p_transit *transit, const struct p2p_candidate *candidate) {
  struct p2p_candidate **all = transit->candidates;
  size_t at = 0;

  while (all[at] != candidate) at++;
  transit->n_candidates--;
  memmove(all + at, all + at + 1, (transit->n_candidates - at) * sizeof all[0]);
}

static bool is_exhausted(const struct p2p_transit *transit) {
  return transit->n_candidates == 0 && transit->head_start == NULL && transit->listener == NULL;
}

static void set_failure(struct p2p_transit *transit, const char *message) {
  snprintf(transit->failure, sizeof transit->failure, "%s", message);
}

static int exhausted_error(const struct p2p_transit *transit, struct p2p_err *err) {
  return p2p_err_set(err, P2P_ERR_NETWORK, "cannot connect to the other side%s%s",
                     transit->failure[0] != '\0' ? ": " : ", neither directly nor by relay",
                     transit->failure);
}

/* Reports the failure if nothing is left to try. The owner may then free the transit. */
static void check_exhausted(struct p2p_transit *transit) {
  struct p2p_err err;

  if (!is_exhausted(transit)) return;
  exhausted_error(transit, &err);
  transit->callbacks.on_fail(transit->arg, &err);
}

/* ---- candidates ---- */

static void start_stage(struct p2p_transit *transit, enum stage stage);

/* The last event of the transit. */
static void on_ready(void *arg, struct p2p_candidate *candidate, const uint8_t *rest,
                     size_t rest_length) {
  struct p2p_transit *transit = arg;
  char path[P2P_CANDIDATE_PATH_MAX];

  snprintf(path, sizeof path, "%s", p2p_candidate_path(candidate));
  remove_candidate(transit, candidate);
  struct p2p_tcp *tcp = p2p_candidate_release(candidate);
  while (transit->n_candidates > 0)
    p2p_candidate_reject(transit->candidates[--transit->n_candidates]);
  transit->callbacks.on_connected(transit->arg, tcp, path, rest, rest_length);
}

/* When the last candidate of a stage fails, the rest of its head start is pointless, unless the
 * peer may still connect to us. */
static void on_candidate_fail(void *arg, struct p2p_candidate *candidate, const char *reason) {
  struct p2p_transit *transit = arg;

  if (!p2p_candidate_is_accepted(candidate)) set_failure(transit, reason);
  remove_candidate(transit, candidate);
  p2p_candidate_free(candidate);
  bool is_listening = transit->listener != NULL && transit->stage == STAGE_DIRECT;
  if (transit->n_candidates == 0 && transit->head_start != NULL && !is_listening)
    start_stage(transit, transit->stage + 1);
  check_exhausted(transit);
}

static const struct p2p_candidate_callbacks CANDIDATE_CALLBACKS = {on_ready, on_candidate_fail};

/* What a peer may make us connect to: no service of a system, and no name but that of a relay. */
static bool is_allowed(const struct p2p_hint *hint, bool is_relay) {
  struct addrinfo *address = p2p_address_numeric(hint->host, hint->port);
  bool is_numeric = address != NULL;
  if (is_numeric) freeaddrinfo(address);
  return hint->port >= PRIVILEGED_PORTS && (is_numeric || is_relay);
}

static void connect_to(struct p2p_transit *transit, const struct p2p_hint *hint, bool is_relay) {
  struct p2p_candidate_config config = candidate_config(transit);
  struct p2p_candidate *candidate;
  struct p2p_err err;

  config.hint = hint;
  config.is_relay = is_relay;
  config.is_ours = is_relay && transit->has_relay && p2p_hint_equal(hint, &transit->relay);
  if (!config.is_ours && !is_allowed(hint, is_relay)) {
    set_failure(transit, "the other side named an address that is not allowed");
    return;
  }
  if (transit->n_candidates == CANDIDATES_MAX) return;
  if (p2p_candidate_connect(&config, &CANDIDATE_CALLBACKS, transit, &candidate, &err) == P2P_OK)
    transit->candidates[transit->n_candidates++] = candidate;
  else
    set_failure(transit, err.message);
}

/* Anybody may connect. Connections that never complete the handshake must not keep the peer out, so
 * the oldest of them is closed. */
static void make_room(struct p2p_transit *transit) {
  struct p2p_candidate *oldest = NULL;
  size_t count = 0;

  for (size_t i = transit->n_candidates; i-- > 0;) {
    struct p2p_candidate *candidate = transit->candidates[i];
    if (!p2p_candidate_is_accepted(candidate) || p2p_candidate_is_authentic(candidate)) continue;
    oldest = candidate;
    count++;
  }
  if (count < UNPROVEN_MAX) return;
  remove_candidate(transit, oldest);
  p2p_candidate_free(oldest);
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct p2p_transit *transit = arg;
  struct p2p_candidate_config config = candidate_config(transit);
  struct p2p_candidate *candidate;

  make_room(transit);
  if (transit->n_candidates == CANDIDATES_MAX)
    p2p_tcp_free(tcp);
  else if (p2p_candidate_accept(&config, tcp, &CANDIDATE_CALLBACKS, transit, &candidate) == P2P_OK)
    transit->candidates[transit->n_candidates++] = candidate;
}

/* ---- stages ---- */

/* Returns the number of addresses. */
static size_t connect_direct(struct p2p_transit *transit, bool loopback) {
  const struct p2p_hints *hints = &transit->peer_hints;
  size_t count = 0;

  for (size_t i = 0; i < hints->n_direct && !transit->no_direct; i++) {
    if (p2p_address_is_loopback(hints->direct[i].host) != loopback) continue;
    connect_to(transit, &hints->direct[i], false);
    count++;
  }
  return count;
}

static void connect_relays(struct p2p_transit *transit) {
  const struct p2p_hints *hints = &transit->peer_hints;
  bool is_same = false; /* both sides use the same relay */

  p2p_timer_free(transit->head_start);
  transit->head_start = NULL;
  for (size_t i = 0; i < hints->n_relay; i++) {
    connect_to(transit, &hints->relay[i], true);
    is_same = is_same || (transit->has_relay && p2p_hint_equal(&hints->relay[i], &transit->relay));
  }
  if (transit->has_relay && !is_same) connect_to(transit, &transit->relay, true);
}

/* Skips a stage that has no addresses and in which the peer cannot connect to us. */
static void start_stage(struct p2p_transit *transit, enum stage stage) {
  bool may_accept =
      stage == STAGE_DIRECT && transit->listener != NULL && transit->peer_hints.can_direct;

  transit->stage = stage;
  if (stage == STAGE_RELAY)
    connect_relays(transit);
  else if (connect_direct(transit, stage == STAGE_LOOPBACK) > 0 || may_accept)
    p2p_timer_start(transit->head_start,
                    stage == STAGE_LOOPBACK ? LOOPBACK_HEAD_START_MS : P2P_TRANSIT_HEAD_START_MS,
                    0);
  else
    start_stage(transit, stage + 1);
}

static void on_head_start_over(void *arg) {
  struct p2p_transit *transit = arg;

  start_stage(transit, transit->stage + 1);
  check_exhausted(transit);
}

/* ---- calls of the owner ---- */

int p2p_transit_race(struct p2p_transit *transit, const struct p2p_hints *peer_hints,
                     struct p2p_err *err) {
  transit->peer_hints = *peer_hints;
  transit->head_start = p2p_timer_new(transit->loop, on_head_start_over, transit);
  if (transit->head_start == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  start_stage(transit, STAGE_LOOPBACK);
  return is_exhausted(transit) ? exhausted_error(transit, err) : P2P_OK;
}

void p2p_transit_hints(const struct p2p_transit *transit, struct p2p_hints *out) {
  char addresses[P2P_HINTS_DIRECT_MAX][46];
  size_t count = 0;

  memset(out, 0, sizeof *out);
  out->can_direct = !transit->no_direct;
  out->can_relay = true;
  if (transit->listener != NULL) count = p2p_local_addresses(addresses, P2P_HINTS_DIRECT_MAX, true);
  for (size_t i = 0; i < count; i++) {
    struct p2p_hint *hint = &out->direct[out->n_direct++];
    memcpy(hint->host, addresses[i], sizeof addresses[i]);
    hint->port = p2p_listener_port(transit->listener);
  }
  if (transit->has_relay) out->relay[out->n_relay++] = transit->relay;
}

void p2p_transit_time_out(const struct p2p_transit *transit, const char *peer, double seconds,
                          struct p2p_err *err) {
  const char *failure = transit->failure;

  p2p_err_set(err, P2P_ERR_TIMEOUT,
              "no connection to the %s within %g s, neither directly nor by relay%s%s", peer,
              seconds, failure[0] != '\0' ? "; the last attempt failed: " : "", failure);
}

int p2p_transit_new(const struct p2p_transit_config *config,
                    const struct p2p_transit_callbacks *callbacks, void *arg,
                    struct p2p_transit **out, struct p2p_err *err) {
  struct p2p_transit *transit = calloc(1, sizeof *transit);
  struct p2p_err reason;

  if (transit == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  transit->loop = config->loop;
  transit->callbacks = *callbacks;
  transit->arg = arg;
  transit->key = *config->key;
  transit->is_sender = config->is_sender;
  transit->no_direct = config->no_direct;
  transit->is_peer_local = config->is_peer_local;
  transit->timeout_ms = config->timeout_ms;
  transit->has_relay = config->relay != NULL;
  if (config->relay != NULL) transit->relay = *config->relay;
  /* If we cannot listen, outbound connections remain. */
  if (!config->no_listen && !config->no_direct &&
      p2p_listener_new(&(struct p2p_listener_config){config->loop, NULL, 0, on_accept, transit},
                       &transit->listener, &reason) != P2P_OK)
    set_failure(transit, reason.message);
  *out = transit;
  return P2P_OK;
}

void p2p_transit_free(struct p2p_transit *transit) {
  if (transit == NULL) return;
  p2p_listener_free(transit->listener);
  p2p_timer_free(transit->head_start);
  while (transit->n_candidates > 0)
    p2p_candidate_free(transit->candidates[--transit->n_candidates]);
  p2p_wipe(transit, sizeof *transit);
  free(transit);
}
