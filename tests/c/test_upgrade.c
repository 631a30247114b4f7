/* net/upgrade: the example of RFC 6455, and everything that a strict parser must refuse. */
#include "net/upgrade.h"

#include <stdlib.h>

#include "base/encode.h"
#include "crypto/hash.h"
#include "net/url.h"
#include "unit.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define RESPONSE(extra)                                                               \
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
  "Sec-WebSocket-Accept: " ACCEPT "\r\n" extra "\r\n"
#define REQUEST(line, extra) \
  line "\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" extra "\r\n"
#define FIELDS "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"

/* In memory of its own length, so that a byte read too many is seen. */
static int with_copy(const char *text, bool is_response, struct p2p_err *err) {
  size_t length = strlen(text);
  uint8_t *head = malloc(length + (length == 0));
  memcpy(head, text, length);
  char key[P2P_UPGRADE_KEY_LEN + 1];
  int code = is_response ? p2p_upgrade_check_response(head, length, KEY, err)
                         : p2p_upgrade_check_request(head, length, key, err);
  if (code == P2P_OK && !is_response) CHECK_STR(key, KEY);
  free(head);
  return code;
}

static int response(const char *text) {
  struct p2p_err err;
  return with_copy(text, true, &err);
}

static int request(const char *text) {
  struct p2p_err err;
  return with_copy(text, false, &err);
}

static void check_sha1(const char *text, const char *expected) {
  uint8_t digest[P2P_SHA1_LEN];
  char hex[P2P_HEX_LEN(P2P_SHA1_LEN) + 1];
  CHECK(p2p_sha1(text, strlen(text), digest) == P2P_OK);
  p2p_hex_encode(digest, sizeof digest, hex);
  CHECK_STR(hex, expected);
}

TEST(sha1_has_its_known_values) {
  check_sha1("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  check_sha1("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
  check_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
             "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  check_sha1("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
             "c1c8bbdc22796e28c0e15163d20899b65621d65a");
}

TEST(the_example_of_the_rfc) {
  char accept[P2P_UPGRADE_ACCEPT_LEN + 1];
  CHECK(p2p_upgrade_accept_of(KEY, accept) == P2P_OK);
  CHECK_STR(accept, ACCEPT);
}

TEST(the_two_ends_understand_each_other) {
  struct p2p_url url;
  struct p2p_err err;
  char text[P2P_UPGRADE_REQUEST_MAX];
  CHECK(p2p_url_parse("ws://[::1]:4000/v1", &url, &err) == P2P_OK);
  p2p_upgrade_request(&url, KEY, text);
  CHECK(strstr(text, "GET /v1 HTTP/1.1\r\nHost: [::1]:4000\r\n") == text);
  CHECK(request(text) == P2P_OK);
  CHECK(p2p_upgrade_response(KEY, text) == P2P_OK);
  CHECK(response(text) == P2P_OK);
  url = (struct p2p_url){.port = 65535};
  memset(url.host, 'h', sizeof url.host - 1);
  memset(url.path, 'p', sizeof url.path - 1);
  p2p_upgrade_request(&url, KEY, text);
  CHECK(strlen(text) < P2P_UPGRADE_REQUEST_MAX - 1 && strstr(text, "Version: 13\r\n\r\n") != NULL);
}

TEST(a_head_ends_with_an_empty_line) {
  const char *text = RESPONSE("") "frames";
  size_t head_length = strlen(RESPONSE(""));
  for (size_t n = 0; n < head_length; n++)
    CHECK(p2p_upgrade_head_length((const uint8_t *)text, n) == 0);
  CHECK(p2p_upgrade_head_length((const uint8_t *)text, head_length) == (long)head_length);
  CHECK(p2p_upgrade_head_length((const uint8_t *)text, strlen(text)) == (long)head_length);
}

TEST(a_head_has_a_cap) {
  static uint8_t bytes[2 * P2P_UPGRADE_HEAD_MAX];
  memset(bytes, 'x', sizeof bytes);
  CHECK(p2p_upgrade_head_length(bytes, P2P_UPGRADE_HEAD_MAX - 1) == 0);
  CHECK(p2p_upgrade_head_length(bytes, P2P_UPGRADE_HEAD_MAX) == P2P_ERR_TOO_LARGE);
  memcpy(bytes + P2P_UPGRADE_HEAD_MAX - 4, "\r\n\r\n", 4);
  CHECK(p2p_upgrade_head_length(bytes, sizeof bytes) == P2P_UPGRADE_HEAD_MAX);
  memcpy(bytes + P2P_UPGRADE_HEAD_MAX - 4, "x\r\n\r\n", 5);
  CHECK(p2p_upgrade_head_length(bytes, sizeof bytes) == P2P_ERR_TOO_LARGE);
}

TEST(responses_as_servers_write_them) {
  CHECK(response(RESPONSE("Server: x\r\n")) == P2P_OK);
  CHECK(response("HTTP/1.1 101 "
                 "\r\nconnection:upgrade\r\nUPGRADE:WebSocket\r\nsec-websocket-accept:\t" ACCEPT
                 " \r\n\r\n") == P2P_OK);
}

TEST(responses_that_are_no_consent) {
  CHECK(response("") == P2P_ERR_PROTOCOL);
  CHECK(response("\r\n\r\n") == P2P_ERR_PROTOCOL);
  CHECK(response("HTTP/1.1 200 OK\r\n\r\n") == P2P_ERR_PROTOCOL);
  CHECK(response("HTTP/1.1 1010 Switching\r\nUpgrade: websocket\r\nConnection: "
                 "Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n") == P2P_ERR_PROTOCOL);
  CHECK(response("HTTP/1.0 101 Switching\r\nUpgrade: websocket\r\nConnection: "
                 "Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n") == P2P_ERR_PROTOCOL);
  CHECK(response("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
                 "\r\n\r\n") == P2P_ERR_PROTOCOL);
  CHECK(response("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT
                 "\r\n\r\n") == P2P_ERR_PROTOCOL);
  CHECK(response("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n") ==
        P2P_ERR_PROTOCOL);
  CHECK(response("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: "
                 "Upgrade\r\nSec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n") ==
        P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("Sec-WebSocket-Accept: " ACCEPT "\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("Sec-WebSocket-Extensions: permessage-deflate\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("Sec-WebSocket-Protocol: chat\r\n")) == P2P_ERR_PROTOCOL);
}

TEST(malformed_heads) {
  CHECK(response(RESPONSE("no colon\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("Space : x\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("Folded: x\r\n y\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE(": x\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("A: \x01\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("A: b\nC: d\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("A: b\rC: d\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(response(RESPONSE("") "more") == P2P_ERR_PROTOCOL);
  /* Truncated anywhere. */
  char text[] = RESPONSE("");
  for (size_t n = strlen(text); n-- > 0;) {
    text[n] = '\0';
    CHECK(response(text) == P2P_ERR_PROTOCOL);
  }
}

TEST(requests) {
  CHECK(request(REQUEST("GET / HTTP/1.1", FIELDS)) == P2P_OK);
  CHECK(request(REQUEST("GET /v1?x HTTP/1.1",
                        FIELDS "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: x\r\n")) ==
        P2P_OK);
  CHECK(request(REQUEST("POST / HTTP/1.1", FIELDS)) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET / HTTP/1.0", FIELDS)) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET  HTTP/1.1", FIELDS)) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET /a b HTTP/1.1", FIELDS)) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET http://a/ HTTP/1.1", FIELDS)) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET /", FIELDS)) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET / HTTP/1.1", FIELDS "Host: b\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET / HTTP/1.1", "Sec-WebSocket-Key: " KEY "\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET / HTTP/1.1", "Sec-WebSocket-Key: " KEY
                                          "\r\nSec-WebSocket-Version: 8\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET / HTTP/1.1", "Sec-WebSocket-Version: 13\r\n")) == P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST("GET / HTTP/1.1",
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n")) ==
        P2P_ERR_PROTOCOL);
  CHECK(request(REQUEST(
            "GET / HTTP/1.1",
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!!\r\n")) ==
        P2P_ERR_PROTOCOL);
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\n" FIELDS "\r\n") == P2P_ERR_PROTOCOL);
  CHECK(request("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" FIELDS "\r\n") ==
        P2P_ERR_PROTOCOL);
}

UNIT_MAIN("upgrade", UNIT(sha1_has_its_known_values), UNIT(the_example_of_the_rfc),
          UNIT(the_two_ends_understand_each_other), UNIT(a_head_ends_with_an_empty_line),
          UNIT(a_head_has_a_cap), UNIT(responses_as_servers_write_them),
          UNIT(responses_that_are_no_consent), UNIT(malformed_heads), UNIT(requests))
