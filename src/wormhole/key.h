/* The key schedule of a wormhole: everything that is derived from the key of the PAKE, by
 * HKDF-SHA256 without a salt. Pure. */
#ifndef P2P_WORMHOLE_KEY_H
#define P2P_WORMHOLE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/encode.h"

#define P2P_KEY_LEN 32
#define P2P_APPID_MAX 128 /* characters of an application id */
#define P2P_KEY_HEX_LEN P2P_HEX_LEN(P2P_KEY_LEN)

struct p2p_wormhole_key {
  uint8_t bytes[P2P_KEY_LEN];
}; /* what the PAKE gives */
struct p2p_transit_key {
  uint8_t bytes[P2P_KEY_LEN];
};
struct p2p_record_key {
  uint8_t bytes[P2P_KEY_LEN];
};

/* The key that seals the message of one phase by one side (the sender's, as its hex text). */
void p2p_key_phase(const struct p2p_wormhole_key *key, const char *side, const char *phase,
                   uint8_t out[P2P_KEY_LEN]);
/* What both users may compare by eye. */
void p2p_key_verifier(const struct p2p_wormhole_key *key, uint8_t out[P2P_KEY_LEN]);
void p2p_key_transit(const struct p2p_wormhole_key *key, const char *appid,
                     struct p2p_transit_key *out);

/* Of a transit connection. The sender of the two roles, not of a message. */
void p2p_key_record(const struct p2p_transit_key *key, bool by_sender, struct p2p_record_key *out);
void p2p_key_handshake(const struct p2p_transit_key *key, bool by_sender,
                       char out[P2P_KEY_HEX_LEN + 1]);
void p2p_key_relay_token(const struct p2p_transit_key *key, char out[P2P_KEY_HEX_LEN + 1]);

#endif
