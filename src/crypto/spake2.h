/* SPAKE2, symmetric mode, on the Ed25519 group, as Magic Wormhole uses it (docs/protocol.md,
 * "SPAKE2"; Abdalla and Pointcheval 2005). */
#ifndef P2P_CRYPTO_SPAKE2_H
#define P2P_CRYPTO_SPAKE2_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define P2P_SPAKE2_MESSAGE_LEN 33
#define P2P_SPAKE2_KEY_LEN 32
#define P2P_SPAKE2_ENTROPY_LEN 64

struct p2p_spake2;

/* Begins with a password (the whole code) and an identity (the application id); writes our message.
 * `entropy` is consumed: 64 random bytes (given, so that vectors can be checked). */
int p2p_spake2_start(struct p2p_span password, struct p2p_span identity,
                     const uint8_t entropy[P2P_SPAKE2_ENTROPY_LEN],
                     uint8_t message[P2P_SPAKE2_MESSAGE_LEN], struct p2p_spake2 **out,
                     struct p2p_err *err) P2P_MUST_USE;
/* Ends with the peer's message. One use: the state is wiped and freed in every case. The key is not
 * confirmed until something sealed with it has been opened. P2P_ERR_PARSE for a malformed message,
 * P2P_ERR_CRYPTO for a bad point or our own message reflected. */
int p2p_spake2_finish(struct p2p_spake2 *state, const uint8_t *peer, size_t peer_length,
                      uint8_t key[P2P_SPAKE2_KEY_LEN], struct p2p_err *err) P2P_MUST_USE;
void p2p_spake2_free(struct p2p_spake2 *state); /* wipes; takes NULL */

#endif
