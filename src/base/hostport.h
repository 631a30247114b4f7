/* The text form of a host and a port: "host:port", with an IPv6 address in brackets. Pure. */
#ifndef P2P_BASE_HOSTPORT_H
#define P2P_BASE_HOSTPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_HOST_MAX 255                         /* characters of a host name or address */
#define P2P_HOSTPORT_TEXT_MAX (P2P_HOST_MAX + 9) /* "[host]:65535" and a NUL */

struct p2p_hostport {
  char host[P2P_HOST_MAX + 1]; /* a name or an address, without brackets */
  uint16_t port;               /* 0: the text has none */
};

/* Parses a port: one to five digits, from 1 to 65535. P2P_ERR_PARSE; then *port is unchanged. */
int p2p_port_parse(const char *text, size_t length, uint16_t *port) P2P_MUST_USE;

/* Parses "host", "host:port", "[address]" and "[address]:port". A host without brackets has no
 * colon; one in brackets has at least one. Any other visible ASCII is allowed in it; see
 * p2p_host_is_valid. P2P_ERR_PARSE, P2P_ERR_TOO_LARGE; then *out is unchanged. */
int p2p_hostport_parse(const char *text, size_t length, struct p2p_hostport *out) P2P_MUST_USE;

/* Writes the text, cut to `size`, without a port if that is 0. Returns the length of the whole
 * text, as snprintf does. */
int p2p_hostport_format(const char *host, uint16_t port, char *out, size_t size);

/* Whether `host` is a name of letters, digits, '.', '-' and '_', or looks like an IPv6 address
 * (hexadecimal digits, ':' and '.'). False for an empty or too long text. */
bool p2p_host_is_valid(const char *host);

#endif
