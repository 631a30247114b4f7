/* The parts of a ws:// url: `ws://host[:port][/path]`, and nothing else that urls may have. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "net/ws.h"

#define PORT_DEFAULT 80

static int refuse(struct p2p_err *err, const char *url) {
  return p2p_err_set(err, P2P_ERR_PARSE, "'%.200s' is not of the form ws://host[:port][/path]",
                     url);
}

static bool is_one_of(const char *text, size_t length, const char *allowed) {
  return length > 0 && strspn(text, allowed) >= length;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool parse_port(const char *text, size_t length, uint16_t *port) {
  if (length > 5 || !is_one_of(text, length, DIGITS)) return false;
  unsigned value = 0;
  for (size_t i = 0; i < length; i++) value = 10 * value + (unsigned)(text[i] - '0');
  *port = (uint16_t)value;
  return value >= 1 && value <= UINT16_MAX;
}

static bool parse_path(const char *text, struct p2p_url *url) {
  size_t length = strlen(text);
  if (length >= sizeof url->path) return false;
  for (size_t i = 0; i < length; i++)
    if (text[i] <= ' ' || text[i] > '~' || text[i] == '#') return false;
  memcpy(url->path, length == 0 ? "/" : text, length == 0 ? 2 : length + 1);
  return true;
}

/* `text` is "host", "host:port", "[v6]" or "[v6]:port". */
static bool parse_authority(const char *text, size_t length, struct p2p_url *url) {
  bool bracketed = length > 0 && text[0] == '[';
  const char *end = memchr(text, bracketed ? ']' : ':', length);
  if (bracketed && end == NULL) return false;
  const char *host = bracketed ? text + 1 : text;
  size_t host_length = (size_t)((end == NULL ? text + length : end) - host);
  if (host_length >= sizeof url->host) return false;
  if (!is_one_of(host, host_length, bracketed ? DIGITS "abcdefABCDEF:." : DIGITS LETTERS ".-_"))
    return false;
  memcpy(url->host, host, host_length);
  url->host[host_length] = '\0';

  const char *rest = host + host_length + (bracketed ? 1 : 0);
  size_t rest_length = (size_t)(text + length - rest);
  url->port = PORT_DEFAULT;
  return rest_length == 0 || (rest[0] == ':' && parse_port(rest + 1, rest_length - 1, &url->port));
}

int p2p_url_parse(const char *url, struct p2p_url *out, struct p2p_err *err) {
  if (strncasecmp(url, "wss://", 6) == 0)
    return p2p_err_set(
        err, P2P_ERR_INVALID,
        "'%.200s' asks for TLS, which is not supported: use the ws:// address of the server "
        "(what matters is encrypted end to end in either case)",
        url);
  if (strncasecmp(url, "ws://", 5) != 0) return refuse(err, url);
  const char *authority = url + 5;
  size_t length = strcspn(authority, "/");
  struct p2p_url parsed;
  if (!parse_authority(authority, length, &parsed) || !parse_path(authority + length, &parsed))
    return refuse(err, url);
  *out = parsed;
  return P2P_OK;
}
