/* Ids of members, and the names that people see. */
#include "protocol/identity.h"

#include "unit.h"

#define ID "fedcba98765432100123456789abcdef"

TEST(an_id_is_32_hex_digits) {
  static const char *const bad[] = {"",
                                    "fedcba9876543210",
                                    ID "0",
                                    "FEDCBA98765432100123456789ABCDEF",
                                    "fedcba98765432100123456789abcdeg",
                                    " edcba98765432100123456789abcdef"};
  CHECK(p2p_member_id_is_valid(ID));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(!p2p_member_id_is_valid(bad[i]));
}

TEST(an_identity_has_an_id_and_a_name) {
  struct p2p_identity identity = {"", "unchanged"};
  CHECK(!p2p_identity_set(&identity, NULL, "carol@desk:1") &&
        !p2p_identity_set(&identity, ID, NULL) && !p2p_identity_set(&identity, ID, "carol") &&
        !p2p_identity_set(&identity, "carol", "carol@desk:1"));
  CHECK_STR(identity.name, "unchanged");
  CHECK(p2p_identity_set(&identity, ID, "carol@desk:1"));
  CHECK_STR(identity.id, ID);
  CHECK_STR(identity.name, "carol@desk:1");
}

TEST(a_label_has_the_start_of_the_id_where_the_name_is_ambiguous) {
  struct p2p_identity identity;
  char label[P2P_IDENTITY_LABEL_MAX], name[P2P_MEMBER_NAME_MAX];
  CHECK(p2p_identity_set(&identity, ID, "carol@desk:1"));
  p2p_identity_label(&identity, false, label);
  CHECK_STR(label, "carol@desk:1");
  p2p_identity_label(&identity, true, label);
  CHECK_STR(label, "carol@desk:1#fedc");
  memset(name, 'a', sizeof name); /* the longest name fits */
  memcpy(name, "a@", 2);
  memcpy(name + sizeof name - 3, ":1", 3);
  CHECK(p2p_identity_set(&identity, ID, name));
  p2p_identity_label(&identity, true, label);
  CHECK(strlen(label) == sizeof label - 1 && strcmp(label + sizeof label - 6, "#fedc") == 0);
}

UNIT_MAIN("identity", UNIT(an_id_is_32_hex_digits), UNIT(an_identity_has_an_id_and_a_name),
          UNIT(a_label_has_the_start_of_the_id_where_the_name_is_ambiguous))
