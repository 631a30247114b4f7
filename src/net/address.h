/* Socket addresses as text, and the addresses of this machine. Any thread. */
#ifndef P2P_NET_ADDRESS_H
#define P2P_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_ADDRESS_TEXT_MAX 46 /* an IPv4 or IPv6 address and a NUL */

struct addrinfo;
struct sockaddr;

/* "1.2.3.4:5" or "[::1]:5". An IPv4-mapped address (::ffff:1.2.3.4) is formatted as IPv4.
 * P2P_ERR_TOO_LARGE, P2P_ERR_INVALID for another family. */
int p2p_address_format(const struct sockaddr *address, char *out, size_t size);

/* The address of a numeric `host`, without a look-up; freeaddrinfo() it. NULL if `host` is a name.
 */
struct addrinfo *p2p_address_numeric(const char *host, uint16_t port);

/* Whether a connection to this address may be what a peer has in mind: no unspecified, multicast or
 * broadcast address, and no loopback or link-local one unless the peer is on this machine. */
bool p2p_address_is_usable(const struct sockaddr *address, bool is_peer_local);
/* "localhost", 127.0.0.0/8 or ::1 */
bool p2p_address_is_loopback(const char *host);

/* Writes the addresses of this machine that others may reach, at most `count`, and returns how many
 * there are. Leaves out link-local ones; loopback only if there are no others, or with_loopback. */
size_t p2p_local_addresses(char (*out)[P2P_ADDRESS_TEXT_MAX], size_t count, bool with_loopback);

#endif
