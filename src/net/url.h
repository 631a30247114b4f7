/* ws:// urls. Pure. */
#ifndef P2P_NET_URL_H
#define P2P_NET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostport.h"

struct p2p_url {
  char host[P2P_HOST_MAX + 1]; /* without brackets */
  uint16_t port;               /* 80 if the url has none */
  char path[256];              /* "/" if the url has none */
};

/* Parses ws://host[:port][/path], with an IPv6 address in brackets. P2P_ERR_PARSE; P2P_ERR_INVALID
 * (reason "wss") for wss://. After an error *out is unchanged. */
int p2p_url_parse(const char *url, struct p2p_url *out, struct p2p_err *err) P2P_MUST_USE;

/* Whether the host of this url is this machine itself. False for what is not a url. */
bool p2p_url_is_loopback(const char *url);

#endif
