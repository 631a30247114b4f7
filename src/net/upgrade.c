/* The HTTP upgrade, for client and server. */
#include "net/upgrade.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/hostport.h"
#include "base/sanitize.h"
#include "crypto/hash.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */

struct text {
  const char *at; /* borrowed from the head; NULL: absent */
  size_t length;
};

/* The fields of a head that matter for an upgrade. */
struct head {
  struct text first_line;
  struct text host, key, version, accept; /* not repeated */
  bool upgrade, connection;               /* contain the required token */
  bool extensions, protocol;              /* are present */
};

long p2p_upgrade_head_length(const uint8_t *bytes, size_t length) {
  size_t end = length < P2P_UPGRADE_HEAD_MAX ? length : P2P_UPGRADE_HEAD_MAX;
  for (size_t i = 0; i + 4 <= end; i++)
    if (memcmp(bytes + i, "\r\n\r\n", 4) == 0) return (long)(i + 4);
  return length < P2P_UPGRADE_HEAD_MAX ? 0 : P2P_ERR_TOO_LARGE;
}

static bool is_text(struct text text, const char *expected) {
  return text.at != NULL && text.length == strlen(expected) &&
         strncasecmp(text.at, expected, text.length) == 0;
}

static struct text trimmed(struct text text) {
  while (text.length > 0 && (*text.at == ' ' || *text.at == '\t')) text.at++, text.length--;
  while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
    text.length--;
  return text;
}

/* `list` is comma-separated, as in "keep-alive, Upgrade". */
static bool has_token(struct text list, const char *token) {
  while (list.length > 0) {
    const char *comma = memchr(list.at, ',', list.length);
    size_t length = comma == NULL ? list.length : (size_t)(comma - list.at);
    if (is_text(trimmed((struct text){list.at, length}), token)) return true;
    if (comma == NULL) return false;
    list.at += length + 1;
    list.length -= length + 1;
  }
  return false;
}

/* Takes the next line off *rest. False: there is none, or it has control characters. */
static bool next_line(struct text *rest, struct text *line) {
  for (size_t i = 0; i + 1 < rest->length; i++) {
    char c = rest->at[i];
    if (c == '\r' && rest->at[i + 1] == '\n') {
      *line = (struct text){rest->at, i};
      rest->at += i + 2;
      rest->length -= i + 2;
      return true;
    }
    if (((unsigned char)c < ' ' && c != '\t') || c == 0x7F) return false;
  }
  return false;
}

static bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* "Name: value". No space before the colon, which also refuses folded lines. */
static bool split_field(struct text line, struct text *name, struct text *value) {
  size_t n = 0;
  while (n < line.length && is_token_char(line.at[n])) n++;
  if (n == 0 || n == line.length || line.at[n] != ':') return false;
  *name = (struct text){line.at, n};
  *value = trimmed((struct text){line.at + n + 1, line.length - n - 1});
  return true;
}

static bool set_once(struct text *field, struct text value) {
  if (field->at != NULL) return false;
  *field = value;
  return true;
}

static bool note_field(struct head *head, struct text name, struct text value) {
  if (is_text(name, "Host")) return set_once(&head->host, value);
  if (is_text(name, "Sec-WebSocket-Key")) return set_once(&head->key, value);
  if (is_text(name, "Sec-WebSocket-Version")) return set_once(&head->version, value);
  if (is_text(name, "Sec-WebSocket-Accept")) return set_once(&head->accept, value);
  if (is_text(name, "Upgrade")) head->upgrade |= has_token(value, "websocket");
  if (is_text(name, "Connection")) head->connection |= has_token(value, "upgrade");
  if (is_text(name, "Sec-WebSocket-Extensions")) head->extensions = true;
  if (is_text(name, "Sec-WebSocket-Protocol")) head->protocol = true;
  return true;
}

static int refuse(struct p2p_err *err, const char *why) {
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "%s", why);
}

static int parse_head(const uint8_t *bytes, size_t length, struct head *head, struct p2p_err *err) {
  *head = (struct head){0};
  struct text rest = {(const char *)bytes, length}, line, name, value;
  if (!next_line(&rest, &head->first_line))
    return refuse(err, "the other side does not speak HTTP");
  while (next_line(&rest, &line)) {
    if (line.length == 0)
      return rest.length == 0 ? P2P_OK : refuse(err, "the HTTP header goes on after its end");
    if (!split_field(line, &name, &value) || !note_field(head, name, value)) break;
  }
  return refuse(err, "the HTTP header is malformed");
}

int p2p_upgrade_accept_of(const char *key, char out[static P2P_UPGRADE_ACCEPT_LEN + 1]) {
  char text[P2P_UPGRADE_KEY_LEN + sizeof GUID];
  uint8_t digest[P2P_SHA1_LEN];
  snprintf(text, sizeof text, "%.*s" GUID, P2P_UPGRADE_KEY_LEN, key);
  int code = p2p_sha1(text, strlen(text), digest);
  if (code == P2P_OK) p2p_base64_encode(digest, sizeof digest, out);
  return code;
}

void p2p_upgrade_request(const struct p2p_url *url, const char *key,
                         char out[static P2P_UPGRADE_REQUEST_MAX]) {
  char host[P2P_HOSTPORT_TEXT_MAX];
  p2p_hostport_format(url->host, url->port, host, sizeof host);
  snprintf(out, P2P_UPGRADE_REQUEST_MAX,
           "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: %.*s\r\nSec-WebSocket-Version: 13\r\n\r\n",
           url->path, host, P2P_UPGRADE_KEY_LEN, key);
}

static bool starts_with(struct text text, const char *start) {
  size_t length = strlen(start);
  return text.length >= length && memcmp(text.at, start, length) == 0;
}

static int refuse_status(struct text line, struct p2p_err *err) {
  char quote[80];
  p2p_sanitize(line.at, line.length, quote, sizeof quote);
  return p2p_err_set(err, P2P_ERR_PROTOCOL, "not a WebSocket server: it answered '%s'", quote);
}

int p2p_upgrade_check_response(const uint8_t *bytes, size_t length, const char *key,
                               struct p2p_err *err) {
  struct head head;
  int code = parse_head(bytes, length, &head, err);
  if (code != P2P_OK) return code;
  if (!starts_with(head.first_line, "HTTP/1.1 101 ") && !is_text(head.first_line, "HTTP/1.1 101"))
    return refuse_status(head.first_line, err);
  if (!head.upgrade || !head.connection)
    return refuse(err, "the server did not confirm the WebSocket upgrade");
  char expected[P2P_UPGRADE_ACCEPT_LEN + 1];
  if (p2p_upgrade_accept_of(key, expected) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "SHA-1 is not available");
  if (head.accept.at == NULL || head.accept.length != P2P_UPGRADE_ACCEPT_LEN ||
      memcmp(head.accept.at, expected, P2P_UPGRADE_ACCEPT_LEN) != 0)
    return refuse(err, "the server's Sec-WebSocket-Accept does not belong to our key");
  if (head.extensions || head.protocol)
    return refuse(err, "the server chose a WebSocket extension or protocol that was not offered");
  return P2P_OK;
}

static bool is_key(struct text text) {
  uint8_t nonce[P2P_UPGRADE_NONCE_LEN];
  size_t length;
  return text.at != NULL && text.length == P2P_UPGRADE_KEY_LEN &&
         p2p_base64_decode(text.at, text.length, nonce, sizeof nonce, &length) == P2P_OK &&
         length == sizeof nonce;
}

static bool is_get(struct text line) {
  static const char version[] = " HTTP/1.1";
  size_t end = sizeof version - 1;
  return starts_with(line, "GET /") && line.length > 4 + end &&
         memcmp(line.at + line.length - end, version, end) == 0 &&
         memchr(line.at + 4, ' ', line.length - 4 - end) == NULL;
}

int p2p_upgrade_check_request(const uint8_t *bytes, size_t length,
                              char key[static P2P_UPGRADE_KEY_LEN + 1], struct p2p_err *err) {
  struct head head;
  int code = parse_head(bytes, length, &head, err);
  if (code != P2P_OK) return code;
  if (!is_get(head.first_line) || head.host.at == NULL)
    return refuse(err, "not an HTTP/1.1 GET request");
  if (!head.upgrade || !head.connection) return refuse(err, "not a WebSocket request");
  if (!is_text(head.version, "13")) return refuse(err, "not WebSocket version 13");
  if (!is_key(head.key)) return refuse(err, "missing or invalid Sec-WebSocket-Key");
  memcpy(key, head.key.at, P2P_UPGRADE_KEY_LEN);
  key[P2P_UPGRADE_KEY_LEN] = '\0';
  return P2P_OK;
}

int p2p_upgrade_response(const char *key, char out[static P2P_UPGRADE_REQUEST_MAX]) {
  char accept[P2P_UPGRADE_ACCEPT_LEN + 1];
  int code = p2p_upgrade_accept_of(key, accept);
  if (code != P2P_OK) return code;
  snprintf(out, P2P_UPGRADE_REQUEST_MAX,
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: %s\r\n\r\n",
           accept);
  return P2P_OK;
}

const char p2p_upgrade_refusal[] =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n"
    "Content-Type: text/plain\r\nContent-Length: 28\r\n\r\nThis is a WebSocket server.\n";
