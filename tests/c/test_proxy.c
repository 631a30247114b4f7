/* HTTP proxies: what is read from the environment, and a small CONNECT proxy through which mailbox
 * and relay are reached. */
#include "net/proxy.h"

#include <unistd.h>

#include "mailbox_fixture.h"
#include "proxy_fixture.h"
#include "transfer/transfer.h"

/* ---- words ---- */

TEST(urls_of_proxies) {
  struct p2p_proxy proxy;
  CHECK(p2p_proxy_parse("http://proxy.example:3128/", "localhost,.example.org", &proxy, NULL) ==
        P2P_OK);
  CHECK_STR(proxy.host, "proxy.example");
  CHECK(proxy.port == 3128 && proxy.login[0] == '\0');
  CHECK(p2p_proxy_parse("proxy", NULL, &proxy, NULL) == P2P_OK && proxy.port == 80);
  CHECK(p2p_proxy_parse("http://[2001:db8::1]:8080", NULL, &proxy, NULL) == P2P_OK);
  CHECK_STR(proxy.host, "2001:db8::1");
  CHECK(p2p_proxy_parse("HTTP://al%40ice:s3cret@proxy:1", NULL, &proxy, NULL) == P2P_OK);
  CHECK_STR(proxy.login, "YWxAaWNlOnMzY3JldA==");
  CHECK(p2p_proxy_parse("", NULL, &proxy, NULL) == P2P_OK && proxy.host[0] == '\0');
}

TEST(urls_that_are_none_do_not_tell_the_password) {
  static const char *const bad[] = {"http://",
                                    "http://:80",
                                    "http://x:0",
                                    "http://x:65536",
                                    "http://x:1x",
                                    "http://x/path",
                                    "http://[::1",
                                    "http://a b",
                                    "http://user:s3cret@",
                                    "http://user:s3cret@x y",
                                    "socks5://user:s3cret@x",
                                    "https://x"};
  struct p2p_proxy proxy = {.host = "untouched"};
  struct p2p_err err;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK(p2p_proxy_parse(bad[i], NULL, &proxy, &err) < 0);
    CHECK(strstr(err.message, "s3cret") == NULL);
  }
  char url[600] = "http://user:";
  memset(url + strlen(url), 's', 400);
  strcat(url, "@x");
  CHECK(p2p_proxy_parse(url, NULL, &proxy, &err) == P2P_ERR_PARSE &&
        strstr(err.message, "ssss") == NULL);
  CHECK_STR(proxy.host, "untouched");
}

TEST(who_is_excepted) {
  struct p2p_proxy proxy;
  CHECK(p2p_proxy_parse("http://p:1", "localhost, .example.org,127.0.0.1", &proxy, NULL) == P2P_OK);
  CHECK(!p2p_proxy_is_for(&proxy, "localhost") && !p2p_proxy_is_for(&proxy, "LOCALHOST") &&
        !p2p_proxy_is_for(&proxy, "127.0.0.1"));
  CHECK(!p2p_proxy_is_for(&proxy, "example.org") && !p2p_proxy_is_for(&proxy, "a.b.example.org"));
  CHECK(p2p_proxy_is_for(&proxy, "badexample.org") && p2p_proxy_is_for(&proxy, "127.0.0.10") &&
        p2p_proxy_is_for(&proxy, "org"));
  CHECK(p2p_proxy_parse("http://p:1", "*", &proxy, NULL) == P2P_OK &&
        !p2p_proxy_is_for(&proxy, "anything"));
  memset(&proxy, 0, sizeof proxy);
  CHECK(!p2p_proxy_is_for(&proxy, "anything"));
}

TEST(the_request_and_its_answers) {
  struct p2p_proxy proxy;
  struct p2p_err err;
  char request[P2P_PROXY_REQUEST_MAX];
  CHECK(p2p_proxy_parse("http://a:b@p:1", NULL, &proxy, NULL) == P2P_OK);
  p2p_proxy_request(&proxy, "::1", 22, request);
  CHECK_STR(
      request,
      "CONNECT [::1]:22 HTTP/1.1\r\nHost: [::1]:22\r\nProxy-Authorization: Basic YTpi\r\n\r\n");
  static const char yes[] = "HTTP/1.0 200 OK\r\n\r\n",
                    no[] = "HTTP/1.1 403 For\x1b"
                           "bidden\r\n\r\n",
                    other[] = "SSH-2.0-OpenSSH\r\n\r\n";
  CHECK(p2p_proxy_check_response((const uint8_t *)yes, sizeof yes - 1, &err) == P2P_OK);
  CHECK(p2p_proxy_check_response((const uint8_t *)no, sizeof no - 1, &err) == P2P_ERR_NETWORK);
  CHECK_STR(err.message, "the proxy refused the connection: 403 For?bidden");
  CHECK(err.reason == NULL);
  static const char login[] = "HTTP/1.1 407 Authenticate\r\n\r\n";
  CHECK(p2p_proxy_check_response((const uint8_t *)login, sizeof login - 1, &err) ==
        P2P_ERR_NETWORK);
  CHECK_STR(err.reason, "proxy_login");
  CHECK(p2p_proxy_check_response((const uint8_t *)other, sizeof other - 1, &err) ==
        P2P_ERR_PROTOCOL);
  CHECK(p2p_proxy_check_response((const uint8_t *)yes, 4, &err) == P2P_ERR_PROTOCOL);
}

/* ---- a file by way of a proxy ---- */

struct place {
  struct lab lab;
  struct fake_proxy proxy;
  char mailbox[64], relay[64];
  struct p2p_transfer_config config;
};

static void place_open(struct place *place, const char *except) {
  memset(place, 0, sizeof *place);
  lab_open(&place->lab);
  place->proxy.lab = &place->lab;
  fake_proxy_use(&place->proxy, except);
  snprintf(place->mailbox, sizeof place->mailbox, "ws://inside.invalid:%s",
           strrchr(place->lab.mailbox, ':') + 1);
  snprintf(place->relay, sizeof place->relay, "tcp:inside.invalid:%s",
           strrchr(place->lab.relay, ':') + 1);
  place->config = (struct p2p_transfer_config){.loop = place->lab.loop,
                                               .mailbox = place->mailbox,
                                               .relay = place->relay,
                                               .code = "7-by-proxy",
                                               .no_direct = true,
                                               .timeout_ms = FAKE_PROXY_WAIT_MS};
}

static void place_close(struct place *place) {
  CHECK(p2p_loop_call(place->lab.loop, fake_proxy_close, &place->proxy) == P2P_OK);
  lab_close(&place->lab);
}

static enum p2p_transfer_state await_end(struct p2p_transfer *transfer,
                                         struct p2p_transfer_status *status) {
  uint64_t seen = 0, now = 0;
  do {
    seen = now;
    p2p_transfer_status(transfer, status);
    if (status->state >= P2P_TRANSFER_DONE) break;
    now = p2p_transfer_wait(transfer, seen, FAKE_PROXY_WAIT_MS);
  } while (now != seen);
  return status->state;
}

TEST(a_file_goes_by_way_of_the_proxy) {
  static struct place place;
  static uint8_t bytes[300000];
  char path[64];
  struct p2p_transfer *sender, *receiver;
  struct p2p_transfer_status status;
  snprintf(path, sizeof path, "/tmp/p2p-proxy-%ld", (long)getpid());
  place_open(&place, "");
  struct p2p_transfer_config receive = place.config;
  place.config.bytes = bytes;
  place.config.length = sizeof bytes;
  receive.path = path;
  CHECK(p2p_transfer_new(&place.config, &sender, NULL) == P2P_OK);
  CHECK(p2p_transfer_new(&receive, &receiver, NULL) == P2P_OK);
  CHECK(await_end(receiver, &status) == P2P_TRANSFER_DONE);
  CHECK(strncmp(status.route, "relay inside.invalid:", 21) == 0);
  CHECK(await_end(sender, &status) == P2P_TRANSFER_DONE);
  CHECK(place.proxy.n_requests >= 4); /* mailbox and relay, twice */
  p2p_transfer_free(sender);
  p2p_transfer_free(receiver);
  CHECK(unlink(path) == 0);
  place_close(&place);
}

static void fails_with(struct place *place, const char *words) {
  struct p2p_transfer *transfer;
  struct p2p_transfer_status status;
  place->config.text = "hello";
  CHECK(p2p_transfer_new(&place->config, &transfer, NULL) == P2P_OK);
  CHECK(await_end(transfer, &status) == P2P_TRANSFER_FAILED);
  CHECK(strstr(status.err.message, words) != NULL);
  if (strstr(status.err.message, words) == NULL) fprintf(stderr, "(%s)\n", status.err.message);
  p2p_transfer_free(transfer);
}

TEST(what_a_proxy_may_answer_instead) {
  static struct place place;
  static char endless[20000];
  memset(endless, 'a', sizeof endless - 1);
  static const char *const answers[][2] = {
      {"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy refused the connection: 403 Forbidden"},
      {"HTTP/1.1 407 Authenticate\r\n\r\n", "the proxy refused the connection: 407 Authenticate"},
      {"220 mail ESMTP\r\n\r\n", "the response of the proxy is not HTTP"}};
  place_open(&place, "");
  for (size_t i = 0; i < 3; i++) {
    place.proxy.reply = answers[i][0];
    fails_with(&place, answers[i][1]);
  }
  place.proxy.reply = endless;
  fails_with(&place, "too long a header");
  place.proxy.reply = "HTTP/1.1 200";
  place.config.timeout_ms = 300;
  fails_with(&place, "");
  place_close(&place);
}

TEST(an_unreachable_proxy_is_named_and_exceptions_go_directly) {
  static struct place place;
  struct p2p_proxy proxy;
  char url[64], words[128];
  place_open(&place, "");
  snprintf(url, sizeof url, "%s", place.proxy.url);
  CHECK(p2p_loop_call(place.lab.loop, fake_proxy_close, &place.proxy) == P2P_OK);
  memset(&place.proxy, 0, sizeof place.proxy);
  snprintf(words, sizeof words, "through the proxy %s: connection refused", url + 7);
  fails_with(&place, words);
  CHECK(p2p_proxy_parse(url, ".invalid", &proxy, NULL) == P2P_OK);
  p2p_loop_set_proxy(place.lab.loop, &proxy);
  fails_with(&place, "cannot connect to inside.invalid:");
  place_close(&place);
}

UNIT_MAIN("proxy", UNIT(urls_of_proxies), UNIT(urls_that_are_none_do_not_tell_the_password),
          UNIT(who_is_excepted), UNIT(the_request_and_its_answers),
          UNIT(a_file_goes_by_way_of_the_proxy), UNIT(what_a_proxy_may_answer_instead),
          UNIT(an_unreachable_proxy_is_named_and_exceptions_go_directly))
