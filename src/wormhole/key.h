/* The key schedule of a wormhole: every key is derived from the key of the PAKE by HKDF-SHA256
 * without a salt. Pure. */
#ifndef P2P_WORMHOLE_KEY_H
#define P2P_WORMHOLE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/encode.h"

#define P2P_KEY_LEN 32
#define P2P_APPID_MAX 128 /* bytes of an application id */
#define P2P_KEY_HEX_LEN P2P_HEX_LEN(P2P_KEY_LEN)

/* The key that the PAKE yields. */
struct p2p_wormhole_key {
  uint8_t bytes[P2P_KEY_LEN];
};
struct p2p_transit_key {
  uint8_t bytes[P2P_KEY_LEN];
};
struct p2p_record_key {
  uint8_t bytes[P2P_KEY_LEN];
};

/* The key that seals one message in a mailbox. `side` (hexadecimal) and `phase` are those of the
 * message's sender. */
void p2p_key_phase(const struct p2p_wormhole_key *key, const char *side, const char *phase,
                   uint8_t out[P2P_KEY_LEN]);
/* The verifier, which both users may compare. */
void p2p_key_verifier(const struct p2p_wormhole_key *key, uint8_t out[P2P_KEY_LEN]);
void p2p_key_transit(const struct p2p_wormhole_key *key, const char *appid,
                     struct p2p_transit_key *out);

/* The keys of a transit connection. `by_sender`: for what the side in the sender's role sends. */
void p2p_key_record(const struct p2p_transit_key *key, bool by_sender, struct p2p_record_key *out);
/* The same, for records of a cipher (protocol/cipher_list.h has its name). */
void p2p_key_cipher(const struct p2p_transit_key *key, const char *cipher, bool by_sender,
                    struct p2p_record_key *out);
/* Replaces the key of a cipher by the one that follows it. */
void p2p_key_next(struct p2p_record_key *key);
void p2p_key_handshake(const struct p2p_transit_key *key, bool by_sender,
                       char out[P2P_KEY_HEX_LEN + 1]);
void p2p_key_relay_token(const struct p2p_transit_key *key, char out[P2P_KEY_HEX_LEN + 1]);

#endif
