/* HTTP proxies: a connection to elsewhere by the method CONNECT (RFC 9110, section 9.3.6). What is
 * asked and answered. Pure; the proxy of a process is kept by its loop. */
#ifndef P2P_NET_PROXY_H
#define P2P_NET_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostport.h"

#define P2P_PROXY_REQUEST_MAX 1536
#define P2P_PROXY_EXCEPT_MAX 2048
#define P2P_PROXY_HEAD_MAX 8192 /* of an answer */

struct p2p_proxy {
  char host[P2P_HOST_MAX + 1]; /* "": none */
  uint16_t port;
  char login[512];                   /* base64 of user:password; "": none. A secret */
  char except[P2P_PROXY_EXCEPT_MAX]; /* as in no_proxy */
};

/* `url`: [http://][user:password@]host[:port][/], the port being 80 where none is said; "": none.
 * `except`: names and addresses, with commas between; a name stands for all below it too, * for
 * all. May be NULL. P2P_ERR_PARSE; P2P_ERR_INVALID for a proxy that speaks something else
 * (https://, socks5://). No message tells the password. */
int p2p_proxy_parse(const char *url, const char *except, struct p2p_proxy *out,
                    struct p2p_err *err) P2P_MUST_USE;
/* Whether connections to this host go by way of the proxy. */
bool p2p_proxy_is_for(const struct p2p_proxy *proxy, const char *host);
/* What to ask the proxy, with a NUL. */
void p2p_proxy_request(const struct p2p_proxy *proxy, const char *host, uint16_t port,
                       char out[static P2P_PROXY_REQUEST_MAX]);
/* Is this head, of `length` bytes up to its empty line, the consent? P2P_ERR_NETWORK with what the
 * proxy says, without a capital; P2P_ERR_PROTOCOL. */
int p2p_proxy_check_answer(const uint8_t *head, size_t length, struct p2p_err *err) P2P_MUST_USE;

#endif
