/* A client's `accept` line: the code of a link, sealed to a worker's key. Pure; lines are hostile.
 */
#ifndef P2P_PROTOCOL_ACCEPT_H
#define P2P_PROTOCOL_ACCEPT_H

#include "crypto/seal.h"
#include "protocol/line.h"
#include "protocol/member_name.h"

#define P2P_LINK_CODE_MAX 128 /* characters of a code, with its NUL */

struct p2p_accept {
  char client[P2P_MEMBER_NAME_MAX]; /* who says that it sent it */
  char code[P2P_LINK_CODE_MAX];     /* secret: wipe it */
};

/* P2P_OK; P2P_ERR_CANCELED: not an accept, or for somebody else; P2P_ERR_PARSE: not well formed, or
 * no name of a client; P2P_ERR_CRYPTO: not sealed to our key, or what was sealed is not a code. */
int p2p_accept_read(const struct p2p_line *line, const char *our_name,
                    const struct p2p_seal_public *public_key,
                    const struct p2p_seal_secret *secret_key, struct p2p_accept *out) P2P_MUST_USE;

#endif
