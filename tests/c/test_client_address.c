/* Which connections count as one address's. */
#include "server/client_address.h"
#include "unit.h"

static const char *origin(const char *peer) {
  static char out[P2P_CLIENT_ADDRESS_MAX];
  p2p_client_address_of(peer, out);
  return out;
}

TEST(an_ipv4_address_stands_for_itself) {
  CHECK_STR(origin("192.0.2.1:4000"), "192.0.2.1");
  CHECK_STR(origin("192.0.2.1:1"), "192.0.2.1");
}

TEST(an_ipv6_address_stands_for_its_network) {
  CHECK_STR(origin("[2001:db8:1:2:3:4:5:6]:4000"), "2001:db8:1:2::");
  CHECK_STR(origin("[2001:db8:1:2::9]:4001"), "2001:db8:1:2::");
  CHECK_STR(origin("[::1]:1"), "::");
}

TEST(what_is_no_address_harms_nothing) {
  CHECK_STR(origin("?:0"), "?:0");
  CHECK_STR(origin(""), "");
  CHECK_STR(origin("["), "[");
  CHECK_STR(origin("[fe80::1%a-very-long-name-of-an-interface-that-nobody-has]:1"),
            "fe80::1%a-very-long-name-of-an-interface-that");
}

UNIT_MAIN("origin", UNIT(an_ipv4_address_stands_for_itself),
          UNIT(an_ipv6_address_stands_for_its_network), UNIT(what_is_no_address_harms_nothing))
