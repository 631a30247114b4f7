/* The first line on a connection to a transit relay: `please relay <64 hex> for side <16 hex>\n`,
 * or the old form without the side. Pure. */
#ifndef P2P_SERVER_RELAY_REQUEST_H
#define P2P_SERVER_RELAY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_RELAY_TOKEN_LEN 64
#define P2P_RELAY_SIDE_LEN 16
#define P2P_RELAY_REQUEST_MAX 104 /* bytes of the longer form, with the newline */

struct p2p_relay_request {
  char token[P2P_RELAY_TOKEN_LEN];
  char side[P2P_RELAY_SIDE_LEN];
  bool has_side;
};

/* Looks at the start of `bytes`: the length of a whole request (then *out is filled), 0 if more
 * bytes are needed, P2P_ERR_PARSE as soon as they can be no request. */
long p2p_relay_request_parse(const uint8_t *bytes, size_t length, struct p2p_relay_request *out);

/* The two may be joined: same token, and not the same side. Constant time. */
bool p2p_relay_request_fits(const struct p2p_relay_request *a, const struct p2p_relay_request *b);

#endif
