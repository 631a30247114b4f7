/* "host:port", parsed and formatted. */
#include "base/hostport.h"

#include <stdio.h>
#include <string.h>

#include "base/sanitize.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

int p2p_port_parse(const char *text, size_t length, uint16_t *port) {
  uint32_t value = 0;
  if (length == 0 || length > 5) return P2P_ERR_PARSE;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return P2P_ERR_PARSE;
    value = 10 * value + (uint32_t)(text[i] - '0');
  }
  if (value == 0 || value > UINT16_MAX) return P2P_ERR_PARSE;
  *port = (uint16_t)value;
  return P2P_OK;
}

static bool is_host_text(const char *host, size_t length, bool bracketed) {
  if (length == 0 || !p2p_is_visible_ascii(host, length)) return false;
  for (size_t i = 0; i < length; i++)
    if (strchr("[]@/", host[i]) != NULL) return false;
  return (memchr(host, ':', length) != NULL) == bracketed;
}

int p2p_hostport_parse(const char *text, size_t length, struct p2p_hostport *out) {
  struct p2p_hostport parsed = {0};
  bool bracketed = length > 0 && text[0] == '[';
  const char *end = memchr(text, bracketed ? ']' : ':', length), *host = text + bracketed;
  if (bracketed && end == NULL) return P2P_ERR_PARSE;
  size_t host_length = (size_t)((end == NULL ? text + length : end) - host);
  if (host_length > P2P_HOST_MAX) return P2P_ERR_TOO_LARGE;
  if (!is_host_text(host, host_length, bracketed)) return P2P_ERR_PARSE;
  memcpy(parsed.host, host, host_length);

  const char *rest = host + host_length + bracketed;
  size_t rest_length = (size_t)(text + length - rest);
  if (rest_length > 0 &&
      (rest[0] != ':' || p2p_port_parse(rest + 1, rest_length - 1, &parsed.port) != P2P_OK))
    return P2P_ERR_PARSE;
  *out = parsed;
  return P2P_OK;
}

int p2p_hostport_format(const char *host, uint16_t port, char *out, size_t size) {
  bool bracketed = strchr(host, ':') != NULL;
  const char *open = bracketed ? "[" : "", *close = bracketed ? "]" : "";
  if (port == 0) return snprintf(out, size, "%s%s%s", open, host, close);
  return snprintf(out, size, "%s%s%s:%u", open, host, close, (unsigned)port);
}

bool p2p_host_is_valid(const char *host) {
  size_t length = strlen(host);
  const char *allowed = strchr(host, ':') != NULL ? DIGITS "abcdefABCDEF:." : DIGITS LETTERS ".-_";
  return length > 0 && length <= P2P_HOST_MAX && strspn(host, allowed) == length;
}
