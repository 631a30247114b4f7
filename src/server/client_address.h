/* The address under which the connections of one client are counted, where a limit is per address:
 * an IPv4 address, or an IPv6 network of 64 bits, which is what one subscriber gets. Pure. */
#ifndef P2P_SERVER_CLIENT_ADDRESS_H
#define P2P_SERVER_CLIENT_ADDRESS_H

#define P2P_CLIENT_ADDRESS_MAX 46 /* with the NUL */

/* `peer` is "192.0.2.1:4000" or "[2001:db8::1]:4000". Any other text stands for itself. */
void p2p_client_address_of(const char *peer, char out[static P2P_CLIENT_ADDRESS_MAX]);

#endif
