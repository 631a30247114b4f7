/* net/url: ws:// urls. */
#include "net/url.h"
#include "unit.h"

static void check_good(const char *text, const char *host, uint16_t port, const char *path) {
  struct p2p_url url;
  struct p2p_err err;
  CHECK(p2p_url_parse(text, &url, &err) == P2P_OK);
  CHECK_STR(url.host, host);
  CHECK(url.port == port);
  CHECK_STR(url.path, path);
}

TEST(good_urls_have_their_parts) {
  check_good("ws://relay.magic-wormhole.io:4000/v1", "relay.magic-wormhole.io", 4000, "/v1");
  check_good("ws://localhost", "localhost", 80, "/");
  check_good("WS://127.0.0.1:1/", "127.0.0.1", 1, "/");
  check_good("ws://[::1]:65535/a/b?c=d", "::1", 65535, "/a/b?c=d");
  check_good("ws://[fd00::2]/v1", "fd00::2", 80, "/v1");
}

TEST(bad_urls_are_refused_and_change_nothing) {
  static const char *const bad[] = {"",
                                    "relay:4000",
                                    "http://a/",
                                    "ws:/a",
                                    "ws://",
                                    "ws:///v1",
                                    "ws://:80/",
                                    "ws://a:/",
                                    "ws://a:0/",
                                    "ws://a:65536/",
                                    "ws://a:123456/",
                                    "ws://a:+1/",
                                    "ws://a:80x/",
                                    "ws://a:80:80/",
                                    "ws://user@a/",
                                    "ws://user:secret@a/",
                                    "ws://a b/",
                                    "ws://a/v 1",
                                    "ws://a/v1\r\nX: y",
                                    "ws://a\r\n/",
                                    "ws://a/#f",
                                    "ws://a?x",
                                    "ws://a/\xC3\xA9",
                                    "ws://[::1",
                                    "ws://[]/",
                                    "ws://[::1]x/",
                                    "ws://[a b]/",
                                    "ws://::1/"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct p2p_url url = {.port = 7};
    struct p2p_err err;
    if (p2p_url_parse(bad[i], &url, &err) != P2P_ERR_PARSE) CHECK_STR(bad[i], "refused");
    CHECK(url.port == 7);
  }
}

TEST(tls_is_refused_with_a_reason) {
  struct p2p_url url;
  struct p2p_err err;
  CHECK(p2p_url_parse("wss://relay/v1", &url, &err) == P2P_ERR_INVALID);
  CHECK(strstr(err.message, "TLS, which is not supported") != NULL);
  CHECK_STR(err.reason, "wss");
}

TEST(long_parts_are_refused) {
  struct p2p_url url;
  struct p2p_err err;
  char text[700] = "ws://";
  memset(text + 5, 'a', 255);
  CHECK(p2p_url_parse(text, &url, &err) == P2P_OK && strlen(url.host) == 255);
  text[260] = 'a';
  CHECK(p2p_url_parse(text, &url, &err) == P2P_ERR_PARSE);
  memset(text, 0, sizeof text);
  memcpy(text, "ws://a/", 7);
  memset(text + 7, 'b', 254);
  CHECK(p2p_url_parse(text, &url, &err) == P2P_OK && strlen(url.path) == 255);
  text[261] = 'b';
  CHECK(p2p_url_parse(text, &url, &err) == P2P_ERR_PARSE);
}

UNIT_MAIN("url", UNIT(good_urls_have_their_parts), UNIT(bad_urls_are_refused_and_change_nothing),
          UNIT(tls_is_refused_with_a_reason), UNIT(long_parts_are_refused))
