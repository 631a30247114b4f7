/* The handshake of a transit connection, direct or through a relay: both sides prove that they know
 * the transit key, then the sender decides whether this connection is used. Sans-I/O. */
#ifndef P2P_WORMHOLE_HANDSHAKE_H
#define P2P_WORMHOLE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "wormhole/key.h"

#define P2P_HANDSHAKE_LINE_MAX 128 /* bytes, with the NUL */

enum p2p_handshake_state {
  P2P_HANDSHAKE_RELAY,  /* waiting for the relay's "ok" */
  P2P_HANDSHAKE_PEER,   /* waiting for the peer's line */
  P2P_HANDSHAKE_DECIDE, /* sender: the peer is authentic; p2p_handshake_decide is due */
  P2P_HANDSHAKE_GO,     /* receiver: the peer is authentic; waiting for its "go" */
  P2P_HANDSHAKE_DONE,   /* records follow */
  P2P_HANDSHAKE_FAILED  /* not the peer, or the sender decided against it; close */
};

struct p2p_handshake {
  enum p2p_handshake_state state;
  bool is_sender;
  size_t received;                   /* bytes in `line` */
  char line[P2P_HANDSHAKE_LINE_MAX]; /* what has arrived of the line that is expected */
  char ours[P2P_HANDSHAKE_LINE_MAX]; /* the line that proves that we know the key */
  char theirs[P2P_HANDSHAKE_LINE_MAX];
  char relay[P2P_HANDSHAKE_LINE_MAX]; /* the request to the relay */
};

/* `relay_side`: the 16 hexadecimal digits that identify us to the relay; NULL for a direct
 * connection. */
void p2p_handshake_init(struct p2p_handshake *handshake, const struct p2p_transit_key *key,
                        bool is_sender, const char *relay_side);
/* The line to send once the connection is up, and again after the state changed from RELAY to PEER.
 */
const char *p2p_handshake_line(const struct p2p_handshake *handshake);
/* Consumes bytes from *bytes (which it advances) up to the next change of state, and returns the
 * state. Call it again while the state is RELAY, PEER or GO and bytes are left. The bytes that are
 * left in state DONE belong to the records. */
enum p2p_handshake_state p2p_handshake_feed(struct p2p_handshake *handshake, const uint8_t **bytes,
                                            size_t *length);
/* Sender, in state DECIDE: whether to use this connection. Returns the line to send. */
const char *p2p_handshake_decide(struct p2p_handshake *handshake, bool go);
/* Wipes the secrets. */
void p2p_handshake_clear(struct p2p_handshake *handshake);

#endif
