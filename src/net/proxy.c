/* The url of an HTTP proxy, the CONNECT request and its response. */
#include "net/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/sanitize.h"

#define PORT_DEFAULT 80
#define LOGIN_MAX 380 /* bytes of user:password */

/* ---- the url ---- */

static int hex_value(char c) {
  const char *digits = "0123456789abcdef",
             *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
  return at == NULL ? -1 : (int)(at - digits);
}

/* Decodes user:password, in which characters such as '@' are written as %40. */
static bool set_login(const char *text, size_t length, struct p2p_proxy *proxy) {
  uint8_t plain[LOGIN_MAX];
  size_t n = 0, i = 0;
  for (; i < length && n < sizeof plain; i++) {
    if (text[i] == '%' && i + 2 < length && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      plain[n++] = (uint8_t)(16 * hex_value(text[i + 1]) + hex_value(text[i + 2]));
      i += 2;
    } else {
      plain[n++] = (uint8_t)text[i];
    }
  }
  bool fits = i >= length;
  if (fits) p2p_base64_encode(plain, n, proxy->login);
  p2p_wipe(plain, sizeof plain);
  return fits;
}

static bool set_place(const char *text, size_t length, struct p2p_proxy *proxy) {
  struct p2p_hostport place;
  if (p2p_hostport_parse(text, length, &place) != P2P_OK || !p2p_host_is_valid(place.host))
    return false;
  memcpy(proxy->host, place.host, sizeof proxy->host);
  proxy->port = place.port == 0 ? PORT_DEFAULT : place.port;
  return true;
}

static bool set_url(const char *authority, struct p2p_proxy *proxy) {
  size_t length = strcspn(authority, "/");
  if (authority[length] != '\0' && authority[length + 1] != '\0') return false;
  const char *at = NULL;
  for (size_t i = 0; i < length; i++)
    if (authority[i] == '@') at = authority + i;
  if (at != NULL && !set_login(authority, (size_t)(at - authority), proxy)) return false;
  const char *place = at == NULL ? authority : at + 1;
  return set_place(place, (size_t)(authority + length - place), proxy);
}

int p2p_proxy_parse(const char *url, const char *except, struct p2p_proxy *out,
                    struct p2p_err *err) {
  struct p2p_proxy proxy = {0};
  const char *scheme_end = strstr(url, "://");
  if (url[0] == '\0') {
    *out = proxy;
    return P2P_OK;
  }
  if (scheme_end != NULL && strncasecmp(url, "http://", 7) != 0)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "the proxy in http_proxy or https_proxy is a '%.*s' proxy, only http:// "
                       "is supported",
                       (int)(scheme_end - url > 20 ? 20 : scheme_end - url), url);
  bool good = set_url(scheme_end == NULL ? url : scheme_end + 3, &proxy);
  if (good && except != NULL) good = strlen(except) < sizeof proxy.except;
  if (good) {
    snprintf(proxy.except, sizeof proxy.except, "%s", except == NULL ? "" : except);
    *out = proxy;
  }
  p2p_wipe(&proxy, sizeof proxy); /* the password */
  if (good) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_PARSE,
                     "the proxy in http_proxy or https_proxy is not of the form "
                     "http://[user:password@]host[:port], or no_proxy is too long");
}

/* ---- exceptions ---- */

/* "example.org" and ".example.org" match example.org and all its subdomains. */
static bool is_excepted(const char *host, const char *name, size_t length) {
  size_t host_length = strlen(host);
  if (length == 1 && name[0] == '*') return true;
  if (length > 0 && name[0] == '.') {
    name++;
    length--;
  }
  if (length == 0 || length > host_length ||
      strncasecmp(host + host_length - length, name, length) != 0)
    return false;
  return length == host_length || host[host_length - length - 1] == '.';
}

bool p2p_proxy_is_for(const struct p2p_proxy *proxy, const char *host) {
  const char *at = proxy->except;
  if (proxy->host[0] == '\0') return false;
  while (*at != '\0') {
    at += strspn(at, ", \t");
    size_t length = strcspn(at, ", \t");
    if (is_excepted(host, at, length)) return false;
    at += length;
  }
  return true;
}

/* ---- request and response ---- */

void p2p_proxy_request(const struct p2p_proxy *proxy, const char *host, uint16_t port,
                       char out[static P2P_PROXY_REQUEST_MAX]) {
  char place[P2P_HOSTPORT_TEXT_MAX];
  p2p_hostport_format(host, port, place, sizeof place);
  snprintf(out, P2P_PROXY_REQUEST_MAX, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", place,
           place, proxy->login[0] == '\0' ? "" : "Proxy-Authorization: Basic ", proxy->login,
           proxy->login[0] == '\0' ? "" : "\r\n");
}

int p2p_proxy_check_response(const uint8_t *head, size_t length, struct p2p_err *err) {
  char words[64];
  size_t end = 9;
  if (length < 12 || memcmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ')
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the response of the proxy is not HTTP");
  if (head[9] == '2') return P2P_OK;
  while (end < length && head[end] != '\r' && head[end] != '\n') end++;
  p2p_sanitize(head + 9, end - 9, words, sizeof words);
  int code = p2p_err_set(err, P2P_ERR_NETWORK, "the proxy refused the connection: %s", words);
  return strncmp(words, "407", 3) == 0 ? p2p_err_because(err, "proxy_login", code) : code;
}
