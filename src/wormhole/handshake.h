/* The handshake that begins a transit connection, by way of a relay or not: both sides prove that
 * they know the transit key, then the sender alone says which connection it is to be. Sans-I/O. */
#ifndef P2P_WORMHOLE_HANDSHAKE_H
#define P2P_WORMHOLE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "wormhole/key.h"

#define P2P_HANDSHAKE_TEXT_MAX 128

enum p2p_handshake_state {
  P2P_HANDSHAKE_RELAY, /* the relay has not said "ok" yet */
  P2P_HANDSHAKE_PEER,  /* the peer's line has not come whole */
  P2P_HANDSHAKE_PICK,  /* sender: the peer is the right one; ours to say go or nevermind */
  P2P_HANDSHAKE_GO,    /* receiver: the peer is the right one; it has not said go yet */
  P2P_HANDSHAKE_DONE,  /* this is the connection; records follow */
  P2P_HANDSHAKE_FAILED /* not the peer, or not wanted by it: close */
};

struct p2p_handshake {
  enum p2p_handshake_state state;
  bool is_sender;
  size_t received;                   /* characters of the line that is awaited */
  char line[P2P_HANDSHAKE_TEXT_MAX]; /* what came of it */
  char ours[P2P_HANDSHAKE_TEXT_MAX], theirs[P2P_HANDSHAKE_TEXT_MAX];
  char relay[P2P_HANDSHAKE_TEXT_MAX]; /* what to write first to a relay */
};

/* `side`: 16 hex digits, ours on the relay; NULL for a direct connection. */
void p2p_handshake_init(struct p2p_handshake *handshake, const struct p2p_transit_key *key,
                        bool is_sender, const char *relay_side);
/* What to write when the connection is up. */
const char *p2p_handshake_first(const struct p2p_handshake *handshake);
/* Takes bytes from *bytes (advanced) up to a change of state, and returns the state it is in then.
 * Call again while it is RELAY, PEER or GO and bytes are left. What is left with DONE belongs to
 * the records. After RELAY became PEER, p2p_handshake_first is to be written. */
enum p2p_handshake_state p2p_handshake_take(struct p2p_handshake *handshake, const uint8_t **bytes,
                                            size_t *length);
/* The sender's choice in PICK; returns what to write. */
const char *p2p_handshake_pick(struct p2p_handshake *handshake, bool go);
void p2p_handshake_clear(struct p2p_handshake *handshake);

#endif
