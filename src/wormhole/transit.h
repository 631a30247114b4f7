/* The race for a transit connection: both sides listen, both connect to where the other can be
 * reached and, a little later, to the relays; the first connection over which both have proved that
 * they know the key is it. io thread only. */
#ifndef P2P_WORMHOLE_TRANSIT_H
#define P2P_WORMHOLE_TRANSIT_H

#include <stdbool.h>

#include "net/tcp.h"
#include "wormhole/hints.h"
#include "wormhole/key.h"

#define P2P_TRANSIT_PATH_MAX 288      /* "direct 192.0.2.7:40001", "relay host:4001" */
#define P2P_TRANSIT_HEAD_START_MS 300 /* of direct connections before relays are tried */

struct p2p_transit;

struct p2p_transit_config {
  struct p2p_loop *loop;
  const struct p2p_transit_key *key;
  bool is_sender; /* who picks the connection */
  bool no_listen, no_direct;
  const struct p2p_hint *relay; /* ours, or NULL */
  uint32_t timeout_ms;          /* for each attempt; the whole is the owner's to bound */
};

struct p2p_transit_callbacks {
  /* The last event. The owner owns `tcp` (attach at once) and frees the transit; `rest` are bytes
   * that came already. Path and rest are valid until the owner returns, also when the transit is
   * freed. */
  void (*on_connected)(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest,
                       size_t rest_length);
  /* The last event: nothing is left to be tried or to be waited for. */
  void (*on_fail)(void *arg, const struct p2p_err *err);
};

/* Begins to listen. */
int p2p_transit_new(const struct p2p_transit_config *config,
                    const struct p2p_transit_callbacks *callbacks, void *arg,
                    struct p2p_transit **out, struct p2p_err *err) P2P_MUST_USE;
/* Where we can be reached, for the peer. */
void p2p_transit_hints(const struct p2p_transit *transit, struct p2p_hints *out);
/* Begins to connect to where the peer can be reached. A failure known at once is returned, and no
 * event follows. */
int p2p_transit_race(struct p2p_transit *transit, const struct p2p_hints *theirs,
                     struct p2p_err *err) P2P_MUST_USE;
/* P2P_ERR_TIMEOUT: no connection to the `peer` ("worker") came up in so many seconds, and the last
 * failure of an attempt. */
void p2p_transit_time_out(const struct p2p_transit *transit, const char *peer, double seconds,
                          struct p2p_err *err);
void p2p_transit_free(struct p2p_transit *transit); /* takes NULL; safe from within an event */

#endif
