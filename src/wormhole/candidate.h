/* A candidate for a transit connection: one TCP connection, made or accepted, and its handshake. io
 * thread only. */
#ifndef P2P_WORMHOLE_CANDIDATE_H
#define P2P_WORMHOLE_CANDIDATE_H

#include <stdbool.h>

#include "net/tcp.h"
#include "wormhole/hints.h"
#include "wormhole/key.h"

#define P2P_CANDIDATE_PATH_MAX 288 /* "direct 192.0.2.7:40001", "relay host:4001" */

struct p2p_candidate;

struct p2p_candidate_config {
  struct p2p_loop *loop;
  const struct p2p_transit_key *key;
  bool is_sender;
  const struct p2p_hint *hint; /* where to connect to */
  bool is_relay;               /* whether a relay is there, or the peer */
  bool is_ours;                /* the hint is our own relay; else the peer has chosen it */
  bool is_peer_local;          /* see p2p_address_is_usable */
  uint32_t timeout_ms;         /* of the attempt to connect */
};

/* The last events; free or release the candidate. */
struct p2p_candidate_callbacks {
  /* The handshake is complete and the connection is chosen. `rest` are bytes that followed it,
   * valid until the callback returns. */
  void (*on_ready)(void *arg, struct p2p_candidate *candidate, const uint8_t *rest,
                   size_t rest_length);
  void (*on_fail)(void *arg, struct p2p_candidate *candidate, const char *reason);
};

/* Starts to connect. P2P_ERR_MEMORY, P2P_ERR_NETWORK. */
int p2p_candidate_connect(const struct p2p_candidate_config *config,
                          const struct p2p_candidate_callbacks *callbacks, void *arg,
                          struct p2p_candidate **out, struct p2p_err *err) P2P_MUST_USE;
/* Starts the handshake on a connection that was accepted. Owns `tcp` in every case. P2P_ERR_MEMORY,
 * P2P_ERR_NETWORK. */
int p2p_candidate_accept(const struct p2p_candidate_config *config, struct p2p_tcp *tcp,
                         const struct p2p_candidate_callbacks *callbacks, void *arg,
                         struct p2p_candidate **out) P2P_MUST_USE;

bool p2p_candidate_is_accepted(const struct p2p_candidate *candidate);
/* Whether the peer has proved that it knows the key. */
bool p2p_candidate_is_authentic(const struct p2p_candidate *candidate);
const char *p2p_candidate_path(const struct p2p_candidate *candidate);

/* Frees the candidate and returns its connection. */
struct p2p_tcp *p2p_candidate_release(struct p2p_candidate *candidate);
/* Frees the candidate after another one was chosen. A sender tells the peer. */
void p2p_candidate_reject(struct p2p_candidate *candidate);
/* Closes the connection and frees the candidate. Takes NULL. Safe from within an event. */
void p2p_candidate_free(struct p2p_candidate *candidate);

#endif
