/* Hints: the addresses where a peer can be reached, as the `transit` message carries them in JSON.
 * What a peer sends is limited and checked; hints of unknown types are ignored. Pure. */
#ifndef P2P_WORMHOLE_HINTS_H
#define P2P_WORMHOLE_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostport.h"

#define P2P_HINTS_DIRECT_MAX 12
#define P2P_HINTS_RELAY_MAX 4
#define P2P_HINTS_TEXT_MAX 16384
#define P2P_HINT_NAME_MAX P2P_HOSTPORT_TEXT_MAX /* bytes of "host:port", with the NUL */

struct p2p_hint {
  char host[P2P_HOST_MAX + 1]; /* a name, or an address without brackets */
  uint16_t port;
};

struct p2p_hints {
  bool can_direct, can_relay; /* the peer's abilities */
  size_t n_direct, n_relay;
  struct p2p_hint direct[P2P_HINTS_DIRECT_MAX], relay[P2P_HINTS_RELAY_MAX];
};

/* Parses a message {"transit": ...}. Hints beyond the maximum are ignored. P2P_ERR_PARSE;
 * P2P_ERR_CANCELED for a message {"error": ...}, with the peer's text. */
int p2p_hints_parse(const char *text, size_t length, struct p2p_hints *out,
                    struct p2p_err *err) P2P_MUST_USE;
/* Formats the message. The caller frees *text. P2P_ERR_MEMORY. */
int p2p_hints_format(const struct p2p_hints *hints, char **text) P2P_MUST_USE;

/* Parses tcp:host:port, with brackets around an IPv6 address. P2P_ERR_PARSE. */
int p2p_hint_parse_relay(const char *text, struct p2p_hint *out, struct p2p_err *err) P2P_MUST_USE;
bool p2p_hint_equal(const struct p2p_hint *a, const struct p2p_hint *b);
/* Writes "host:port", with brackets where needed. */
void p2p_hint_name(const struct p2p_hint *hint, char out[P2P_HINT_NAME_MAX]);

#endif
