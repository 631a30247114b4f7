/* The nameplate at the start of a wormhole code. */
#include "protocol/nameplate.h"

#include "unit.h"

TEST(one_to_sixteen_digits_are_a_nameplate) {
  CHECK(p2p_nameplate_is_valid("7", 1));
  CHECK(p2p_nameplate_is_valid("0012", 4));
  CHECK(p2p_nameplate_is_valid("1234567890123456", 16));
  CHECK(!p2p_nameplate_is_valid("12345678901234567", 17));
  CHECK(!p2p_nameplate_is_valid("", 0));
  CHECK(!p2p_nameplate_is_valid("-7", 2));
  CHECK(!p2p_nameplate_is_valid("7 ", 2));
  CHECK(!p2p_nameplate_is_valid("7a", 2));
  CHECK(!p2p_nameplate_is_valid("7\0"
                                "8",
                                3));
}

TEST(a_code_starts_with_a_nameplate_and_a_dash) {
  CHECK(p2p_nameplate_length("7-guitar-wizard") == 1);
  CHECK(p2p_nameplate_length("1234567890123456-a") == 16);
  CHECK(p2p_nameplate_length("12345678901234567-a") == 0);
  CHECK(p2p_nameplate_length("7") == 0);
  CHECK(p2p_nameplate_length("-guitar") == 0);
  CHECK(p2p_nameplate_length("guitar-7") == 0);
  CHECK(p2p_nameplate_length("") == 0);
}

UNIT_MAIN("nameplate", UNIT(one_to_sixteen_digits_are_a_nameplate),
          UNIT(a_code_starts_with_a_nameplate_and_a_dash))
