/* The race for a transit connection. Both sides listen, connect to the peer's addresses and, a
 * little later, to the relays. The first connection on which both sides have proved that they know
 * the key wins. io thread only. */
#ifndef P2P_WORMHOLE_TRANSIT_H
#define P2P_WORMHOLE_TRANSIT_H

#include <stdbool.h>

#include "net/tcp.h"
#include "wormhole/candidate.h"
#include "wormhole/hints.h"
#include "wormhole/key.h"

#define P2P_TRANSIT_HEAD_START_MS 300 /* of direct connections over relays */

struct p2p_transit;

struct p2p_transit_config {
  struct p2p_loop *loop;
  const struct p2p_transit_key *key;
  bool is_sender; /* the sender chooses the connection */
  bool no_listen, no_direct;
  bool is_peer_local; /* the peer may be on this machine: its loopback addresses are tried, too */
  const struct p2p_hint *relay; /* our relay, or NULL */
  uint32_t timeout_ms;          /* of each attempt; the owner bounds the whole */
};

struct p2p_transit_callbacks {
  /* The last event. The owner owns `tcp`, must attach it at once, and frees the transit. `path` is
   * "direct 192.0.2.7:40001" or "relay host:4001"; `rest` are bytes that have already arrived. Both
   * are valid until the callback returns, even if it frees the transit. */
  void (*on_connected)(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest,
                       size_t rest_length);
  /* The last event: all attempts have failed. */
  void (*on_fail)(void *arg, const struct p2p_err *err);
};

/* Copies the configuration and starts to listen. P2P_ERR_MEMORY. */
int p2p_transit_new(const struct p2p_transit_config *config,
                    const struct p2p_transit_callbacks *callbacks, void *arg,
                    struct p2p_transit **out, struct p2p_err *err) P2P_MUST_USE;
/* The addresses where the peer can reach us. */
void p2p_transit_hints(const struct p2p_transit *transit, struct p2p_hints *out);
/* Starts to connect to the peer. After an error, no event follows. */
int p2p_transit_race(struct p2p_transit *transit, const struct p2p_hints *peer_hints,
                     struct p2p_err *err) P2P_MUST_USE;
/* Fills `err` with P2P_ERR_TIMEOUT: no connection to `peer` ("worker") within `seconds`, and why
 * the last attempt failed. */
void p2p_transit_time_out(const struct p2p_transit *transit, const char *peer, double seconds,
                          struct p2p_err *err);
void p2p_transit_free(struct p2p_transit *transit); /* takes NULL; safe from within an event */

#endif
