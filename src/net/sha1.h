/* SHA-1 (FIPS 180-4), for Sec-WebSocket-Accept alone: there it proves that the other end speaks
 * WebSocket and protects nothing. Never use it for anything else. */
#ifndef P2P_NET_SHA1_H
#define P2P_NET_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define P2P_SHA1_LEN 20
#define P2P_SHA1_INPUT_MAX 119 /* two blocks are enough here */

/* Of at most P2P_SHA1_INPUT_MAX bytes; what is longer is cut. */
void p2p_sha1(const void *bytes, size_t length, uint8_t out[static P2P_SHA1_LEN]);

#endif
