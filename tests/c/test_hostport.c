/* base/hostport: ports and "host:port", with IPv6 addresses in brackets. */
#include "base/hostport.h"

#include "unit.h"

static void check_good(const char *text, const char *host, uint16_t port) {
  struct p2p_hostport out;
  char formatted[P2P_HOSTPORT_TEXT_MAX];
  CHECK(p2p_hostport_parse(text, strlen(text), &out) == P2P_OK);
  CHECK_STR(out.host, host);
  CHECK(out.port == port);
  CHECK(p2p_hostport_format(out.host, out.port, formatted, sizeof formatted) == (int)strlen(text));
  CHECK_STR(formatted, text);
}

TEST(hosts_and_ports_are_parsed_and_formatted) {
  check_good("a", "a", 0);
  check_good("relay.example.org:4001", "relay.example.org", 4001);
  check_good("192.0.2.1:65535", "192.0.2.1", 65535);
  check_good("[::1]", "::1", 0);
  check_good("[2001:db8::1]:1", "2001:db8::1", 1);
  check_good("[fe80::1%eth0]:22", "fe80::1%eth0", 22);
}

TEST(malformed_texts_are_refused_and_change_nothing) {
  static const char *const bad[] = {"",         ":",        ":80",       "a:",     "a:0",
                                    "a:65536",  "a:+1",     "a:80x",     "a:1:2",  "::1",
                                    "::1:80",   "[::1",     "[]",        "[a]:80", "[::1]80",
                                    "[::1]:",   "a b:80",   "a\n:80",    "u@a:1",  "a/b:1",
                                    "[::1]]:1", "[[::1]:1", "\xc3\xa9:1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct p2p_hostport out = {.host = "x", .port = 7};
    if (p2p_hostport_parse(bad[i], strlen(bad[i]), &out) != P2P_ERR_PARSE)
      CHECK_STR(bad[i], "refused");
    CHECK(out.port == 7 && strcmp(out.host, "x") == 0);
  }
}

TEST(only_the_given_length_is_read) {
  struct p2p_hostport out;
  CHECK(p2p_hostport_parse("a:801", 4, &out) == P2P_OK && out.port == 80);
  CHECK(p2p_hostport_parse("a:801", 1, &out) == P2P_OK && out.port == 0);
  CHECK(p2p_hostport_parse("[::1]:80", 4, &out) == P2P_ERR_PARSE);
}

TEST(the_longest_host_fits) {
  struct p2p_hostport out;
  char text[P2P_HOST_MAX + 8], formatted[P2P_HOSTPORT_TEXT_MAX];
  memset(text, ':', sizeof text);
  CHECK(p2p_hostport_format("", 0, formatted, sizeof formatted) == 0);
  memset(text, 'a', P2P_HOST_MAX);
  memcpy(text + P2P_HOST_MAX, ":65535", 7);
  CHECK(p2p_hostport_parse(text, strlen(text), &out) == P2P_OK);
  CHECK(strlen(out.host) == P2P_HOST_MAX && out.port == 65535);
  out.host[0] = ':';
  CHECK(p2p_hostport_format(out.host, out.port, formatted, sizeof formatted) ==
        P2P_HOSTPORT_TEXT_MAX - 1);
  memset(text, 'a', P2P_HOST_MAX + 1);
  CHECK(p2p_hostport_parse(text, P2P_HOST_MAX + 1, &out) == P2P_ERR_TOO_LARGE);
}

TEST(ports_have_one_to_five_digits) {
  uint16_t port = 7;
  CHECK(p2p_port_parse("1", 1, &port) == P2P_OK && port == 1);
  CHECK(p2p_port_parse("00080", 5, &port) == P2P_OK && port == 80);
  CHECK(p2p_port_parse("65535", 5, &port) == P2P_OK && port == 65535);
  CHECK(p2p_port_parse("65536", 5, &port) == P2P_ERR_PARSE);
  CHECK(p2p_port_parse("000080", 6, &port) == P2P_ERR_PARSE);
  CHECK(p2p_port_parse("-1", 2, &port) == P2P_ERR_PARSE);
  CHECK(p2p_port_parse(" 1", 2, &port) == P2P_ERR_PARSE);
  CHECK(p2p_port_parse("", 0, &port) == P2P_ERR_PARSE);
  CHECK(port == 65535);
}

TEST(valid_hosts_are_names_and_addresses) {
  CHECK(p2p_host_is_valid("relay.example.org"));
  CHECK(p2p_host_is_valid("my_host-2"));
  CHECK(p2p_host_is_valid("192.0.2.1"));
  CHECK(p2p_host_is_valid("::ffff:192.0.2.1"));
  CHECK(!p2p_host_is_valid(""));
  CHECK(!p2p_host_is_valid("a b"));
  CHECK(!p2p_host_is_valid("fe80::1%eth0"));
  CHECK(!p2p_host_is_valid("relay:80"));
  CHECK(!p2p_host_is_valid("a\n"));
}

UNIT_MAIN("hostport", UNIT(hosts_and_ports_are_parsed_and_formatted),
          UNIT(malformed_texts_are_refused_and_change_nothing), UNIT(only_the_given_length_is_read),
          UNIT(the_longest_host_fits), UNIT(ports_have_one_to_five_digits),
          UNIT(valid_hosts_are_names_and_addresses))
