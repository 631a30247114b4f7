/* Which connections count as those of one address. */
#include "server/client_address.h"
#include "unit.h"

static const char *address_of(const char *peer) {
  static char out[P2P_CLIENT_ADDRESS_MAX];
  p2p_client_address_of(peer, out);
  return out;
}

TEST(an_ipv4_address_stands_for_itself) {
  CHECK_STR(address_of("192.0.2.1:4000"), "192.0.2.1");
  CHECK_STR(address_of("192.0.2.1:1"), "192.0.2.1");
}

TEST(an_ipv6_address_stands_for_its_network) {
  CHECK_STR(address_of("[2001:db8:1:2:3:4:5:6]:4000"), "2001:db8:1:2::");
  CHECK_STR(address_of("[2001:db8:1:2::9]:4001"), "2001:db8:1:2::");
  CHECK_STR(address_of("[::1]:1"), "::");
}

TEST(other_text_stands_for_itself) {
  CHECK_STR(address_of("?:0"), "?:0");
  CHECK_STR(address_of(""), "");
  CHECK_STR(address_of("["), "[");
  CHECK_STR(address_of("[fe80::1%a-very-long-name-of-an-interface-that-nobody-has]:1"),
            "fe80::1%a-very-long-name-of-an-interface-that");
}

UNIT_MAIN("client_address", UNIT(an_ipv4_address_stands_for_itself),
          UNIT(an_ipv6_address_stands_for_its_network), UNIT(other_text_stands_for_itself))
