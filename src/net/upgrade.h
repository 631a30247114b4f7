/* The HTTP request and response by which a connection becomes a WebSocket (RFC 6455 section 4), for
 * both ends, without I/O: bytes in, bytes out. Strict: lines end with CRLF, nothing is folded,
 * nothing that matters comes twice, a head has at most P2P_UPGRADE_HEAD_MAX bytes. */
#ifndef P2P_NET_UPGRADE_H
#define P2P_NET_UPGRADE_H

#include "net/ws.h"

#define P2P_UPGRADE_HEAD_MAX 8192
#define P2P_UPGRADE_NONCE_LEN 16
#define P2P_UPGRADE_KEY_LEN 24    /* the nonce in base64 */
#define P2P_UPGRADE_ACCEPT_LEN 28 /* a SHA-1 in base64 */
#define P2P_UPGRADE_REQUEST_MAX 1024

/* The number of bytes of the head, with the empty line that ends it; 0 if more bytes are needed;
 * P2P_ERR_TOO_LARGE. */
long p2p_upgrade_head_length(const uint8_t *bytes, size_t length);

/* Client: the request, with a NUL. `key` is the nonce in base64. */
void p2p_upgrade_request(const struct p2p_url *url, const char *key,
                         char out[static P2P_UPGRADE_REQUEST_MAX]);
/* Client: is this head of `length` bytes the consent to our request? P2P_ERR_PROTOCOL with a
 * sentence. */
int p2p_upgrade_check_response(const uint8_t *head, size_t length, const char *key,
                               struct p2p_err *err) P2P_MUST_USE;

/* Server: is this head a request that we consent to? Then *key is the client's. P2P_ERR_PROTOCOL.
 */
int p2p_upgrade_check_request(const uint8_t *head, size_t length,
                              char key[static P2P_UPGRADE_KEY_LEN + 1],
                              struct p2p_err *err) P2P_MUST_USE;
/* Server: the consent, with a NUL. */
void p2p_upgrade_response(const char *key, char out[static P2P_UPGRADE_REQUEST_MAX]);
/* Server: the answer to anything else. */
extern const char p2p_upgrade_refusal[];

/* What a server answers to a key: P2P_UPGRADE_ACCEPT_LEN characters and a NUL. */
void p2p_upgrade_accept_of(const char *key, char out[static P2P_UPGRADE_ACCEPT_LEN + 1]);

#endif
