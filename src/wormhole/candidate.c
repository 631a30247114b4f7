/* A candidate for a transit connection. */
#include "wormhole/candidate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "net/connect.h"
#include "net/tcp.h"
#include "wormhole/handshake.h"

#define RELAY_SIDE_BYTES 8
#define LINGER_MS 1000

struct p2p_candidate {
  struct p2p_candidate_callbacks callbacks;
  void *arg;
  struct p2p_tcp *tcp;
  bool is_accepted, is_connected, is_sender;
  struct p2p_handshake handshake;
  char path[P2P_CANDIDATE_PATH_MAX];
};

/* A failure to write is reported by on_close. */
static void send_line(struct p2p_candidate *candidate, const char *line) {
  (void)p2p_tcp_write(candidate->tcp, line, strlen(line));
}

static void on_connect(void *arg) {
  struct p2p_candidate *candidate = arg;

  candidate->is_connected = true;
  send_line(candidate, p2p_handshake_line(&candidate->handshake));
}

/* The candidate may be freed by its last event. */
static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_candidate *candidate = arg;
  struct p2p_handshake *handshake = &candidate->handshake;

  do {
    enum p2p_handshake_state before = handshake->state;
    enum p2p_handshake_state state = p2p_handshake_feed(handshake, &bytes, &length);
    if (before == P2P_HANDSHAKE_RELAY && state == P2P_HANDSHAKE_PEER)
      send_line(candidate, p2p_handshake_line(handshake));
    if (state == P2P_HANDSHAKE_DECIDE) /* the first candidate that gets here is the one */
      send_line(candidate, p2p_handshake_decide(handshake, true));
  } while (length > 0 && handshake->state != P2P_HANDSHAKE_DONE &&
           handshake->state != P2P_HANDSHAKE_FAILED);

  if (handshake->state == P2P_HANDSHAKE_DONE)
    candidate->callbacks.on_ready(candidate->arg, candidate, bytes, length);
  else if (handshake->state == P2P_HANDSHAKE_FAILED)
    candidate->callbacks.on_fail(candidate->arg, candidate,
                                 "the handshake failed: this is not the other side");
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct p2p_candidate *candidate = arg;
  candidate->callbacks.on_fail(candidate->arg, candidate, err->message);
}

static const struct p2p_tcp_callbacks TCP_CALLBACKS = {on_connect, on_data, NULL, on_close};

static struct p2p_candidate *create(const struct p2p_candidate_config *config,
                                    const struct p2p_candidate_callbacks *callbacks, void *arg,
                                    const char *relay_side) {
  struct p2p_candidate *candidate = calloc(1, sizeof *candidate);

  if (candidate == NULL) return NULL;
  candidate->callbacks = *callbacks;
  candidate->arg = arg;
  candidate->is_sender = config->is_sender;
  p2p_handshake_init(&candidate->handshake, config->key, config->is_sender, relay_side);
  return candidate;
}

int p2p_candidate_connect(const struct p2p_candidate_config *config,
                          const struct p2p_candidate_callbacks *callbacks, void *arg,
                          struct p2p_candidate **out, struct p2p_err *err) {
  const struct p2p_hint *hint = config->hint;
  char name[P2P_HINT_NAME_MAX], side[P2P_HEX_LEN(RELAY_SIDE_BYTES) + 1];
  uint8_t random[RELAY_SIDE_BYTES];

  p2p_random_bytes(random, sizeof random);
  p2p_hex_encode(random, sizeof random, side);
  struct p2p_candidate *candidate = create(config, callbacks, arg, config->is_relay ? side : NULL);
  if (candidate == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  p2p_hint_name(hint, name);
  snprintf(candidate->path, sizeof candidate->path, "%s %s", config->is_relay ? "relay" : "direct",
           name);
  const struct p2p_connect_request request = {.loop = config->loop,
                                              .host = hint->host,
                                              .port = hint->port,
                                              .timeout_ms = config->timeout_ms,
                                              .use_proxy = config->is_relay,
                                              .is_hint = !config->is_ours,
                                              .is_peer_local = config->is_peer_local};
  int code = p2p_tcp_connect(&request, &TCP_CALLBACKS, candidate, &candidate->tcp, err);
  if (code == P2P_OK)
    *out = candidate;
  else
    p2p_candidate_free(candidate);
  return code;
}

int p2p_candidate_accept(const struct p2p_candidate_config *config, struct p2p_tcp *tcp,
                         const struct p2p_candidate_callbacks *callbacks, void *arg,
                         struct p2p_candidate **out) {
  char name[P2P_HINT_NAME_MAX];
  struct p2p_candidate *candidate = create(config, callbacks, arg, NULL);

  if (candidate == NULL) {
    p2p_tcp_free(tcp);
    return P2P_ERR_MEMORY;
  }
  candidate->tcp = tcp;
  candidate->is_accepted = true;
  int code = p2p_tcp_peer_name(tcp, name, sizeof name) < 0
                 ? P2P_ERR_NETWORK
                 : p2p_tcp_attach(tcp, &TCP_CALLBACKS, candidate);
  if (code != P2P_OK) {
    p2p_candidate_free(candidate);
    return code;
  }
  snprintf(candidate->path, sizeof candidate->path, "direct %s", name);
  *out = candidate;
  on_connect(candidate);
  return P2P_OK;
}

bool p2p_candidate_is_accepted(const struct p2p_candidate *candidate) {
  return candidate->is_accepted;
}

bool p2p_candidate_is_authentic(const struct p2p_candidate *candidate) {
  return candidate->handshake.state != P2P_HANDSHAKE_RELAY &&
         candidate->handshake.state != P2P_HANDSHAKE_PEER;
}

const char *p2p_candidate_path(const struct p2p_candidate *candidate) { return candidate->path; }

struct p2p_tcp *p2p_candidate_release(struct p2p_candidate *candidate) {
  struct p2p_tcp *tcp = candidate->tcp;

  p2p_handshake_clear(&candidate->handshake);
  free(candidate);
  return tcp;
}

/* A relay that has not paired us yet would take "nevermind" for a malformed request. */
void p2p_candidate_reject(struct p2p_candidate *candidate) {
  bool is_told = candidate->is_sender && candidate->is_connected &&
                 candidate->handshake.state == P2P_HANDSHAKE_PEER;
  const char *line = p2p_handshake_decide(&candidate->handshake, false);
  struct p2p_tcp *tcp = p2p_candidate_release(candidate);

  if (is_told && p2p_tcp_write(tcp, line, strlen(line)) == P2P_OK)
    p2p_tcp_finish(tcp, LINGER_MS);
  else
    p2p_tcp_free(tcp);
}

void p2p_candidate_free(struct p2p_candidate *candidate) {
  if (candidate != NULL) p2p_tcp_free(p2p_candidate_release(candidate));
}
