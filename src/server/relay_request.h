/* The request on a connection to a transit relay, `please relay <64 hex> for side <16 hex>\n`, or
 * its old form without the side. Pure. */
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

/* Parses the request at the start of `bytes`. Returns its length and fills *out, or 0 if more bytes
 * are needed, or P2P_ERR_PARSE as soon as the bytes cannot be the start of a request. */
long p2p_relay_request_parse(const uint8_t *bytes, size_t length, struct p2p_relay_request *out);

/* Whether the two may be joined: same token, and not the same side. Takes constant time. */
bool p2p_relay_request_matches(const struct p2p_relay_request *a,
                               const struct p2p_relay_request *b);

#endif
