/* The HTTP request and response that turn a connection into a WebSocket (RFC 6455 section 4), for
 * client and server. Pure. Strict: lines end with CRLF and are not folded, no field of the
 * handshake may be repeated, and a header section ("head") has at most P2P_UPGRADE_HEAD_MAX bytes.
 */
#ifndef P2P_NET_UPGRADE_H
#define P2P_NET_UPGRADE_H

#include <stddef.h>
#include <stdint.h>

#include "net/url.h"

#define P2P_UPGRADE_HEAD_MAX 8192
#define P2P_UPGRADE_NONCE_LEN 16
#define P2P_UPGRADE_KEY_LEN 24    /* the nonce in base64 */
#define P2P_UPGRADE_ACCEPT_LEN 28 /* a SHA-1 in base64 */
#define P2P_UPGRADE_REQUEST_MAX 1024

/* Returns the length of the head with its empty line, 0 if more bytes are needed, or
 * P2P_ERR_TOO_LARGE. */
long p2p_upgrade_head_length(const uint8_t *bytes, size_t length);

/* Client: writes the request. `key` is the nonce in base64. */
void p2p_upgrade_request(const struct p2p_url *url, const char *key,
                         char out[static P2P_UPGRADE_REQUEST_MAX]);
/* Client: checks that the head accepts our request. P2P_ERR_PROTOCOL, P2P_ERR_CRYPTO. */
int p2p_upgrade_check_response(const uint8_t *head, size_t length, const char *key,
                               struct p2p_err *err) P2P_MUST_USE;

/* Server: checks that the head is a valid request, and writes the client's key. P2P_ERR_PROTOCOL.
 */
int p2p_upgrade_check_request(const uint8_t *head, size_t length,
                              char key[static P2P_UPGRADE_KEY_LEN + 1],
                              struct p2p_err *err) P2P_MUST_USE;
/* Server: writes the response that accepts the request. P2P_ERR_CRYPTO. */
int p2p_upgrade_response(const char *key, char out[static P2P_UPGRADE_REQUEST_MAX]) P2P_MUST_USE;
/* Server: the response to any other request. */
extern const char p2p_upgrade_refusal[];

/* Writes the value of Sec-WebSocket-Accept for a key. P2P_ERR_CRYPTO. */
int p2p_upgrade_accept_of(const char *key,
                          char out[static P2P_UPGRADE_ACCEPT_LEN + 1]) P2P_MUST_USE;

#endif
