/* Transit hints: what we write is what we read; what a peer writes is checked. */
#include "wormhole/hints.h"

#include <netdb.h>

#include "net/address.h"
#include "net/url.h"

#include <stdlib.h>

#include "unit.h"

#define TRANSIT(hints)                                                                       \
  "{\"transit\":{\"abilities-v1\":[{\"type\":\"direct-tcp-v1\"},{\"type\":\"tor-tcp-v1\"}]," \
  "\"hints-v1\":[" hints "]}}"
#define DIRECT(rest) "{\"type\":\"direct-tcp-v1\"" rest "}"

static int parse(const char *text, struct p2p_hints *out) {
  return p2p_hints_parse(text, strlen(text), out, NULL);
}

TEST(what_is_written_is_read) {
  struct p2p_hints in = {.can_direct = true,
                         .can_relay = true,
                         .n_direct = 2,
                         .n_relay = 1,
                         .direct = {{"192.0.2.7", 40001}, {"2001:db8::1", 1}},
                         .relay = {{"relay.example", 65535}}};
  struct p2p_hints out;
  char *text = NULL;

  CHECK(p2p_hints_format(&in, &text) == P2P_OK);
  CHECK(parse(text, &out) == P2P_OK);
  CHECK(out.can_direct && out.can_relay && out.n_direct == 2 && out.n_relay == 1);
  for (size_t i = 0; i < 2; i++) CHECK(p2p_hint_equal(&in.direct[i], &out.direct[i]));
  CHECK(p2p_hint_equal(&in.relay[0], &out.relay[0]));
  for (size_t length = 0; length < strlen(text); length++)
    CHECK(p2p_hints_parse(text, length, &out, NULL) == P2P_ERR_PARSE);
  free(text);
}

TEST(unknown_types_are_passed_over) {
  struct p2p_hints out;

  CHECK(parse(TRANSIT("{\"type\":\"tor-tcp-v1\",\"hostname\":5},{\"x\":1}," DIRECT(
                  ",\"hostname\":\"a\",\"port\":9")),
              &out) == P2P_OK);
  CHECK(out.n_direct == 1 && out.can_direct && !out.can_relay);
  CHECK_STR(out.direct[0].host, "a");
  CHECK(parse(TRANSIT(""), &out) == P2P_OK && out.n_direct == 0);
}

TEST(malformed_hints_are_refused) {
  static const char *const BAD[] = {
      "",
      "{}",
      "[]",
      "null",
      "{\"transit\":1}",
      "{\"transit\":{}}",
      "{\"transit\":{\"abilities-v1\":[],\"hints-v1\":{}}}",
      TRANSIT("1"),
      TRANSIT(DIRECT("")),
      TRANSIT(DIRECT(",\"hostname\":\"a\"")),
      TRANSIT(DIRECT(",\"hostname\":\"\",\"port\":1")),
      TRANSIT(DIRECT(",\"hostname\":\"a b\",\"port\":1")),
      TRANSIT(DIRECT(",\"hostname\":\"a\\n\",\"port\":1")),
      TRANSIT(DIRECT(",\"hostname\":\"a\\u0000b\",\"port\":1")),
      TRANSIT(DIRECT(",\"hostname\":\"a\",\"port\":0")),
      TRANSIT(DIRECT(",\"hostname\":\"a\",\"port\":65536")),
      TRANSIT(DIRECT(",\"hostname\":\"a\",\"port\":-1")),
      TRANSIT(DIRECT(",\"hostname\":\"a\",\"port\":1.5")),
      TRANSIT(DIRECT(",\"hostname\":\"a\",\"port\":\"1\"")),
      TRANSIT(DIRECT(",\"hostname\":\"a\",\"port\":18446744073709551617")),
      TRANSIT("{\"type\":\"relay-v1\"}"),
      TRANSIT("{\"type\":\"relay-v1\",\"hints\":[1]}"),
      TRANSIT("{\"type\":\"relay-v1\",\"hints\":[" DIRECT("") "]}")};
  struct p2p_hints out;

  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
    CHECK(parse(BAD[i], &out) == P2P_ERR_PARSE);
}

TEST(more_hints_than_fit_are_passed_over) {
  static char text[P2P_HINTS_TEXT_MAX + 2];
  struct p2p_hints out;
  size_t at =
      (size_t)snprintf(text, sizeof text, "{\"transit\":{\"abilities-v1\":[],\"hints-v1\":[");

  for (int i = 0; i < 100; i++)
    at += (size_t)snprintf(text + at, sizeof text - at,
                           "%s" DIRECT(",\"hostname\":\"a\",\"port\":%d"), i ? "," : "", i + 1);
  snprintf(text + at, sizeof text - at, "]}}");
  CHECK(parse(text, &out) == P2P_OK);
  CHECK(out.n_direct == P2P_HINTS_DIRECT_MAX);
  memset(text, ' ', sizeof text - 1);
  CHECK(p2p_hints_parse(text, sizeof text - 1, &out, NULL) == P2P_ERR_PARSE);
}

TEST(a_peer_that_gives_up_is_quoted_without_its_control_characters) {
  static const char TEXT[] = "{\"error\":\"no \\u001b[31m thanks\"}";
  struct p2p_hints out;
  struct p2p_err err;

  CHECK(p2p_hints_parse(TEXT, sizeof TEXT - 1, &out, &err) == P2P_ERR_CANCELED);
  CHECK_STR(err.message, "the peer gave up: no ?[31m thanks");
}

TEST(addresses_of_relays) {
  static const char *const BAD[] = {"",         "tcp",       "tcp:",      "tcp:a",
                                    "tcp:a:",   "tcp::1",    "tcp:a:0",   "tcp:a:65536",
                                    "tcp:a:1x", "tcp:::1:5", "tcp:[::1]", "tcp:[]:5",
                                    "udp:a:1",  "tcp:a b:1", "a:1",       "tcp:a:123456"};
  struct p2p_hint hint;
  char name[P2P_HINT_NAME_MAX];

  CHECK(p2p_hint_parse_relay("tcp:relay.example:4001", &hint, NULL) == P2P_OK);
  CHECK_STR(hint.host, "relay.example");
  CHECK(hint.port == 4001);
  CHECK(p2p_hint_parse_relay("tcp:[::1]:4001", &hint, NULL) == P2P_OK);
  CHECK_STR(hint.host, "::1");
  p2p_hint_name(&hint, name);
  CHECK_STR(name, "[::1]:4001");
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
    CHECK(p2p_hint_parse_relay(BAD[i], &hint, NULL) == P2P_ERR_PARSE);
}

static bool is_usable(const char *host, bool is_peer_local) {
  struct addrinfo *address = p2p_address_numeric(host, 4000);
  CHECK(address != NULL);
  bool is_usable = p2p_address_is_usable(address->ai_addr, is_peer_local);
  freeaddrinfo(address);
  return is_usable;
}

TEST(addresses_that_no_peer_has_are_not_usable) {
  static const char *const never[] = {"0.0.0.0", "0.1.2.3", "224.0.0.1",       "239.255.255.250",
                                      "::",      "ff02::1", "255.255.255.255", "::ffff:224.0.0.1"};
  static const char *const local[] = {"127.0.0.1", "127.255.0.1", "169.254.169.254",
                                      "::1",       "fe80::1",     "::ffff:127.0.0.1"};
  static const char *const always[] = {"192.0.2.1",   "10.0.0.1", "223.255.255.255",
                                       "2001:db8::1", "fd00::1",  "::ffff:192.0.2.1"};
  for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
    CHECK(!is_usable(never[i], true) && !is_usable(never[i], false));
  for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
    CHECK(is_usable(local[i], true) && !is_usable(local[i], false));
  for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
    CHECK(is_usable(always[i], true) && is_usable(always[i], false));
  CHECK(p2p_url_is_loopback("ws://127.0.0.1:4000/v1") && p2p_url_is_loopback("ws://[::1]:1/v1") &&
        p2p_url_is_loopback("ws://localhost/v1"));
  CHECK(!p2p_url_is_loopback("ws://127.example.org:4000/v1") && !p2p_url_is_loopback("127.0.0.1"));
}

UNIT_MAIN("hints", UNIT(what_is_written_is_read), UNIT(unknown_types_are_passed_over),
          UNIT(malformed_hints_are_refused), UNIT(more_hints_than_fit_are_passed_over),
          UNIT(a_peer_that_gives_up_is_quoted_without_its_control_characters),
          UNIT(addresses_of_relays), UNIT(addresses_that_no_peer_has_are_not_usable))
