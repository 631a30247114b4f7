/* Whose connections count together where one address may only have so many: those of an IPv4
 * address, and of a network of 2^64 IPv6 addresses, which is what one subscriber gets. Pure. */
#ifndef P2P_SERVER_CLIENT_ADDRESS_H
#define P2P_SERVER_CLIENT_ADDRESS_H

#define P2P_CLIENT_ADDRESS_MAX 46 /* with the NUL */

/* `peer`: "192.0.2.1:4000", "[2001:db8::1]:4000". What is neither is an origin of its own. */
void p2p_client_address_of(const char *peer, char out[static P2P_CLIENT_ADDRESS_MAX]);

#endif
