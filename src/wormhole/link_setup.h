/* How two sides come to a connection: a wormhole for the key and the hints, then the race of
 * transit. Bounded as a whole. io thread only. */
#ifndef P2P_WORMHOLE_LINK_SETUP_H
#define P2P_WORMHOLE_LINK_SETUP_H

#include "wormhole/link.h"
#include "wormhole/transit.h"

struct p2p_link_setup;

struct p2p_link_setup_callbacks {
  void (*on_code)(void *arg, const char *code);
  /* The last event: the connection and its key; the owner owns `tcp` (attach at once). `rest` are
   * bytes that came already. */
  void (*on_connected)(void *arg, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                       const char *path, const uint8_t *rest, size_t rest_length);
  void (*on_fail)(void *arg, const struct p2p_err *err); /* the last event */
};

/* Who has no code is the opener, the sender of transit. */
int p2p_link_setup_new(const struct p2p_link_config *config,
                       const struct p2p_link_setup_callbacks *callbacks, void *arg,
                       struct p2p_link_setup **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_link_setup_free(struct p2p_link_setup *setup); /* takes NULL; safe from within an event */

#endif
