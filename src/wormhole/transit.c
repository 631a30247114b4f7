/* The race for a transit connection. Each candidate is one TCP connection and its handshake. */
#include "wormhole/transit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/random.h"
#include "wormhole/handshake.h"

#define ACCEPTED_MAX 8 /* at a time: strangers may knock too */
#define RELAY_SIDE_BYTES 8
#define LOOPBACK_HEAD_START_MS 50

struct candidate {
  struct candidate *next;
  struct p2p_transit *transit;
  struct p2p_tcp *tcp;
  bool is_accepted, is_up;
  struct p2p_handshake handshake;
  char path[P2P_TRANSIT_PATH_MAX];
};

/* Whom we connect to, each stage with a head start before the next: where both sides are one
 * machine, nothing goes out. */
enum stage {
  STAGE_LOOPBACK, /* this machine's own addresses */
  STAGE_DIRECT,   /* all other addresses of the peer */
  STAGE_RELAY     /* relays */
};

struct p2p_transit {
  struct p2p_loop *loop;
  struct p2p_transit_callbacks callbacks;
  void *arg;
  struct p2p_transit_key key;
  bool is_sender, no_direct;
  uint32_t timeout_ms;
  struct p2p_listener *listener; /* NULL: outbound connections only */
  enum stage stage;              /* whom we have tried so far */
  struct p2p_timer *head_start;  /* until the next stage; NULL once relays are tried */
  bool has_relay;
  struct p2p_hint relay; /* ours */
  struct p2p_hints theirs;
  struct candidate *candidates; /* the newest first */
  char failure[P2P_ERR_MESSAGE_MAX];
};

static struct candidate *candidate_new(struct p2p_transit *transit) {
  struct candidate *candidate = calloc(1, sizeof *candidate);

  if (candidate != NULL) {
    candidate->transit = transit;
    candidate->next = transit->candidates;
    transit->candidates = candidate;
  }
  return candidate;
}

/* Takes it from the list and frees it, but for its connection, which is returned. */
static struct p2p_tcp *candidate_release(struct candidate *candidate) {
  struct candidate **at = &candidate->transit->candidates;
  struct p2p_tcp *tcp = candidate->tcp;

  while (*at != candidate) at = &(*at)->next;
  *at = candidate->next;
  p2p_handshake_clear(&candidate->handshake);
  free(candidate);
  return tcp;
}

static void candidate_drop(struct candidate *candidate) {
  p2p_tcp_free(candidate_release(candidate));
}

/* The sender's word to those that it does not take; the others just end. */
static void drop_all(struct p2p_transit *transit) {
  while (transit->candidates != NULL) {
    struct candidate *candidate = transit->candidates;
    bool tell =
        transit->is_sender && candidate->is_up && candidate->handshake.state == P2P_HANDSHAKE_PEER;
    struct p2p_tcp *tcp = candidate->tcp;
    const char *word = p2p_handshake_pick(&candidate->handshake, false);
    candidate_release(candidate);
    if (tell && p2p_tcp_write(tcp, word, strlen(word)) == P2P_OK)
      p2p_tcp_finish(tcp, 1000);
    else
      p2p_tcp_free(tcp);
  }
}

/* The last thing to happen to a transit. */
static void win(struct candidate *candidate, const uint8_t *rest, size_t rest_length) {
  struct p2p_transit *transit = candidate->transit;
  char path[P2P_TRANSIT_PATH_MAX];

  memcpy(path, candidate->path, sizeof path);
  struct p2p_tcp *tcp = candidate_release(candidate);
  drop_all(transit);
  transit->callbacks.on_connected(transit->arg, tcp, path, rest, rest_length);
}

static bool is_hopeless(const struct p2p_transit *transit) {
  return transit->candidates == NULL && transit->head_start == NULL && transit->listener == NULL;
}

static void set_failure(struct p2p_transit *transit, const char *message) {
  snprintf(transit->failure, sizeof transit->failure, "%s", message);
}

static void hopeless_error(const struct p2p_transit *transit, struct p2p_err *err) {
  p2p_err_set(err, P2P_ERR_NETWORK, "There is no way to the other side%s%s",
              transit->failure[0] ? ": " : ", neither direct nor by a relay", transit->failure);
}

/* ---- one candidate ---- */

static void start_next_stage(struct p2p_transit *transit);

/* Without this one, are there others? Direct ones that are gone need no head start any more. May
 * end the transit. */
static void lose(struct candidate *candidate, const char *why) {
  struct p2p_transit *transit = candidate->transit;

  if (!candidate->is_accepted) set_failure(transit, why);
  candidate_drop(candidate);
  bool is_listening = transit->listener != NULL && transit->stage == STAGE_DIRECT;
  if (transit->candidates == NULL && transit->head_start != NULL && !is_listening)
    start_next_stage(transit);
  if (is_hopeless(transit)) {
    struct p2p_err err;
    hopeless_error(transit, &err);
    transit->callbacks.on_fail(transit->arg, &err);
  }
}

static void say(struct candidate *candidate, const char *line) {
  /* A connection that takes nothing more says so itself, as on_close. */
  (void)p2p_tcp_write(candidate->tcp, line, strlen(line));
}

static void on_connect(void *arg) {
  struct candidate *candidate = arg;

  candidate->is_up = true;
  say(candidate, p2p_handshake_first(&candidate->handshake));
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct candidate *candidate = arg;
  struct p2p_handshake *handshake = &candidate->handshake;

  do {
    enum p2p_handshake_state before = handshake->state;
    enum p2p_handshake_state state = p2p_handshake_take(handshake, &bytes, &length);
    if (before == P2P_HANDSHAKE_RELAY && state == P2P_HANDSHAKE_PEER)
      say(candidate, p2p_handshake_first(handshake));
    if (state == P2P_HANDSHAKE_PICK)
      say(candidate, p2p_handshake_pick(handshake, true)); /* the first one that is ready is it */
  } while (length > 0 && handshake->state != P2P_HANDSHAKE_DONE &&
           handshake->state != P2P_HANDSHAKE_FAILED);

  if (handshake->state == P2P_HANDSHAKE_DONE)
    win(candidate, bytes, length);
  else if (handshake->state == P2P_HANDSHAKE_FAILED)
    lose(candidate, "somebody else answered where the other side should be");
}

static void on_close(void *arg, const struct p2p_err *err) { lose(arg, err->message); }

static const struct p2p_tcp_callbacks TCP_EVENTS = {on_connect, on_data, NULL, on_close};

static void connect_to(struct p2p_transit *transit, const struct p2p_hint *hint, bool by_relay) {
  char name[P2P_HINT_NAME_MAX], side[P2P_HEX_LEN(RELAY_SIDE_BYTES) + 1];
  uint8_t random[RELAY_SIDE_BYTES];
  struct p2p_err err;
  struct candidate *candidate = candidate_new(transit);

  if (candidate == NULL) {
    set_failure(transit, "out of memory");
    return;
  }
  p2p_random_bytes(random, sizeof random);
  p2p_hex_encode(random, sizeof random, side);
  p2p_hint_name(hint, name);
  snprintf(candidate->path, sizeof candidate->path, "%s %s", by_relay ? "relay" : "direct", name);
  p2p_handshake_init(&candidate->handshake, &transit->key, transit->is_sender,
                     by_relay ? side : NULL);
  int code = by_relay
                 ? p2p_tcp_connect_out(transit->loop, hint->host, hint->port, transit->timeout_ms,
                                       &TCP_EVENTS, candidate, &candidate->tcp, &err)
                 : p2p_tcp_connect(transit->loop, hint->host, hint->port, transit->timeout_ms,
                                   &TCP_EVENTS, candidate, &candidate->tcp, &err);
  if (code != P2P_OK) {
    set_failure(transit, err.message);
    candidate_release(candidate);
  }
}

/* ---- those who knock ---- */

/* Strangers that connect and say nothing must not keep the peer out: the oldest goes. */
static void make_room(struct p2p_transit *transit) {
  struct candidate *oldest = NULL;
  size_t count = 0;

  for (struct candidate *candidate = transit->candidates; candidate != NULL;
       candidate = candidate->next) {
    if (candidate->is_accepted && candidate->handshake.state == P2P_HANDSHAKE_PEER) {
      oldest = candidate;
      count++;
    }
  }
  if (count >= ACCEPTED_MAX) candidate_drop(oldest);
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct p2p_transit *transit = arg;
  char name[P2P_HINT_NAME_MAX];

  make_room(transit);
  struct candidate *candidate = candidate_new(transit);
  if (candidate == NULL || p2p_tcp_peer_name(tcp, name, sizeof name) < 0) {
    if (candidate != NULL) candidate_release(candidate);
    p2p_tcp_free(tcp);
    return;
  }
  candidate->tcp = tcp;
  candidate->is_accepted = true;
  snprintf(candidate->path, sizeof candidate->path, "direct %s", name);
  p2p_handshake_init(&candidate->handshake, &transit->key, transit->is_sender, NULL);
  if (p2p_tcp_attach(tcp, &TCP_EVENTS, candidate) != P2P_OK)
    candidate_drop(candidate);
  else
    on_connect(candidate);
}

/* ---- the race ---- */

static bool is_loopback(const struct p2p_hint *hint) {
  return strncmp(hint->host, "127.", 4) == 0 || strcmp(hint->host, "::1") == 0;
}

/* Returns how many there were to try. */
static size_t start_direct(struct p2p_transit *transit, bool loopback) {
  const struct p2p_hints *theirs = &transit->theirs;
  size_t count = 0;

  for (size_t i = 0; i < theirs->n_direct && !transit->no_direct; i++) {
    if (is_loopback(&theirs->direct[i]) != loopback) continue;
    connect_to(transit, &theirs->direct[i], false);
    count++;
  }
  return count;
}

static void start_relays(struct p2p_transit *transit) {
  const struct p2p_hints *theirs = &transit->theirs;
  bool ours_is_theirs = false;

  p2p_timer_free(transit->head_start);
  transit->head_start = NULL;
  for (size_t i = 0; i < theirs->n_relay; i++) {
    connect_to(transit, &theirs->relay[i], true);
    ours_is_theirs = ours_is_theirs ||
                     (transit->has_relay && p2p_hint_equal(&theirs->relay[i], &transit->relay));
  }
  if (transit->has_relay && !ours_is_theirs) connect_to(transit, &transit->relay, true);
}

/* A stage with nobody to try, and nobody who may knock, is passed over. */
static void start_stage(struct p2p_transit *transit, enum stage stage) {
  bool may_knock = stage == STAGE_DIRECT && transit->listener != NULL && transit->theirs.can_direct;

  transit->stage = stage;
  if (stage == STAGE_RELAY)
    start_relays(transit);
  else if (start_direct(transit, stage == STAGE_LOOPBACK) > 0 || may_knock)
    p2p_timer_start(transit->head_start,
                    stage == STAGE_LOOPBACK ? LOOPBACK_HEAD_START_MS : P2P_TRANSIT_HEAD_START_MS,
                    0);
  else
    start_stage(transit, stage + 1);
}

static void start_next_stage(struct p2p_transit *transit) {
  start_stage(transit, transit->stage + 1);
}

static void on_head_start_over(void *arg) {
  struct p2p_transit *transit = arg;

  start_next_stage(transit);
  if (is_hopeless(transit)) {
    struct p2p_err err;
    hopeless_error(transit, &err);
    transit->callbacks.on_fail(transit->arg, &err);
  }
}

int p2p_transit_race(struct p2p_transit *transit, const struct p2p_hints *theirs,
                     struct p2p_err *err) {
  transit->theirs = *theirs;
  transit->head_start = p2p_timer_new(transit->loop, on_head_start_over, transit);
  if (transit->head_start == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  start_stage(transit, STAGE_LOOPBACK);
  if (!is_hopeless(transit)) return P2P_OK;
  hopeless_error(transit, err);
  return P2P_ERR_NETWORK;
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
              "No connection to the %s came up within %g s, neither direct nor by a relay%s%s",
              peer, seconds, failure[0] ? "; the last attempt: " : "", failure);
}

int p2p_transit_new(const struct p2p_transit_config *config,
                    const struct p2p_transit_callbacks *callbacks, void *arg,
                    struct p2p_transit **out, struct p2p_err *err) {
  struct p2p_transit *transit = calloc(1, sizeof *transit);
  struct p2p_err why;

  if (transit == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  transit->loop = config->loop;
  transit->callbacks = *callbacks;
  transit->arg = arg;
  transit->key = *config->key;
  transit->is_sender = config->is_sender;
  transit->no_direct = config->no_direct;
  transit->timeout_ms = config->timeout_ms;
  transit->has_relay = config->relay != NULL;
  if (config->relay != NULL) transit->relay = *config->relay;
  /* Without a listener there are still the connections that we make. */
  if (!config->no_listen && !config->no_direct &&
      p2p_listener_new(config->loop, NULL, 0, on_accept, transit, &transit->listener, &why) !=
          P2P_OK)
    set_failure(transit, why.message);
  *out = transit;
  return P2P_OK;
}

void p2p_transit_free(struct p2p_transit *transit) {
  if (transit == NULL) return;
  p2p_listener_free(transit->listener);
  p2p_timer_free(transit->head_start);
  while (transit->candidates != NULL) candidate_drop(transit->candidates);
  p2p_wipe(transit, sizeof *transit);
  free(transit);
}
