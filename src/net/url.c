/* ws:// urls. User names and fragments are refused. */
#include "net/url.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "net/address.h"

#define PORT_DEFAULT 80

static int refuse(struct p2p_err *err, const char *url) {
  return p2p_err_set(err, P2P_ERR_PARSE, "'%.200s' is not of the form ws://host[:port][/path]",
                     url);
}

static bool parse_path(const char *text, struct p2p_url *url) {
  size_t length = strlen(text);
  if (length >= sizeof url->path) return false;
  for (size_t i = 0; i < length; i++)
    if (text[i] <= ' ' || text[i] > '~' || text[i] == '#') return false;
  memcpy(url->path, length == 0 ? "/" : text, length == 0 ? 2 : length + 1);
  return true;
}

static bool parse_authority(const char *text, size_t length, struct p2p_url *url) {
  struct p2p_hostport place;
  if (p2p_hostport_parse(text, length, &place) != P2P_OK || !p2p_host_is_valid(place.host))
    return false;
  memcpy(url->host, place.host, sizeof url->host);
  url->port = place.port == 0 ? PORT_DEFAULT : place.port;
  return true;
}

int p2p_url_parse(const char *url, struct p2p_url *out, struct p2p_err *err) {
  if (strncasecmp(url, "wss://", 6) == 0)
    return p2p_err_because(
        err, "wss",
        p2p_err_set(err, P2P_ERR_INVALID, "'%.200s' needs TLS, which is not supported", url));
  if (strncasecmp(url, "ws://", 5) != 0) return refuse(err, url);
  const char *authority = url + 5;
  size_t length = strcspn(authority, "/");
  struct p2p_url parsed;
  if (!parse_authority(authority, length, &parsed) || !parse_path(authority + length, &parsed))
    return refuse(err, url);
  *out = parsed;
  return P2P_OK;
}

bool p2p_url_is_loopback(const char *url) {
  struct p2p_url parsed;
  struct p2p_err err;
  return p2p_url_parse(url, &parsed, &err) == P2P_OK && p2p_address_is_loopback(parsed.host);
}
