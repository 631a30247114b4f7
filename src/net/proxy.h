/* HTTP proxies: the url, and the CONNECT request with its response (RFC 9110 section 9.3.6). Pure;
 * the proxy of a process is kept by its loop (net/loop.h). */
#ifndef P2P_NET_PROXY_H
#define P2P_NET_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostport.h"

#define P2P_PROXY_REQUEST_MAX 1536
#define P2P_PROXY_EXCEPT_MAX 2048
#define P2P_PROXY_HEAD_MAX 8192 /* of a response */

struct p2p_proxy {
  char host[P2P_HOST_MAX + 1]; /* "": no proxy */
  uint16_t port;
  char login[512];                   /* base64 of user:password, a secret; "": none */
  char except[P2P_PROXY_EXCEPT_MAX]; /* as in no_proxy */
};

/* Parses `url`, [http://][user:password@]host[:port][/] with port 80 by default; "": no proxy.
 * `except` (may be NULL) has the names and addresses of hosts to connect to directly, separated by
 * commas: a name includes its subdomains, and * matches all. P2P_ERR_PARSE; P2P_ERR_INVALID for
 * another kind of proxy (https://, socks5://). Messages do not contain the password. */
int p2p_proxy_parse(const char *url, const char *except, struct p2p_proxy *out,
                    struct p2p_err *err) P2P_MUST_USE;
/* Whether connections to this host go through the proxy. */
bool p2p_proxy_is_for(const struct p2p_proxy *proxy, const char *host);
/* Writes the request. */
void p2p_proxy_request(const struct p2p_proxy *proxy, const char *host, uint16_t port,
                       char out[static P2P_PROXY_REQUEST_MAX]);
/* Checks that the response, `length` bytes up to its empty line, accepts the request.
 * P2P_ERR_NETWORK with the proxy's status (reason "proxy_login" for 407), P2P_ERR_PROTOCOL. */
int p2p_proxy_check_response(const uint8_t *head, size_t length, struct p2p_err *err) P2P_MUST_USE;

#endif
