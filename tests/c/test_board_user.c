/* The user behind an SSH connection: names that are safe to log. */
#include "server/board_user.h"
#include "unit.h"

static struct p2p_board_user user;

TEST(a_user_with_an_account_is_shown_by_name) {
  char label[P2P_BOARD_USER_LABEL_MAX];
  p2p_board_user_set_name(&user, "alice", "root");
  CHECK(p2p_board_user_has_account(&user));
  p2p_board_user_label(&user, label);
  CHECK_STR(label, "'alice'");
  CHECK_STR(user.login, "root");
}

TEST(a_key_without_an_account_is_shown_by_its_fingerprint) {
  char label[P2P_BOARD_USER_LABEL_MAX];
  p2p_board_user_set_name(&user, NULL, "alice");
  snprintf(user.fingerprint, sizeof user.fingerprint,
           "SHA256:uNiVztksCsDhcc0u9e8BrrwXVVvnHsvPgZ3kgR9uS7k");
  CHECK_STR(user.name, "public");
  CHECK(!p2p_board_user_has_account(&user));
  p2p_board_user_label(&user, label);
  CHECK_STR(label, "SHA256:uNiVztksCsDhcc0u9e8BrrwXVVvnHsvPgZ3kgR9uS7k (no account)");
}

TEST(a_login_is_made_safe_and_cut) {
  p2p_board_user_set_name(&user, "alice", "a\x1b[31m b/c\xc3\xa9");
  CHECK_STR(user.login, "a__31m_b_c__");
  char longer[100];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  p2p_board_user_set_name(&user, "alice", longer);
  CHECK(strlen(user.login) == sizeof user.login - 1);
  p2p_board_user_set_name(&user, "alice", NULL);
  CHECK_STR(user.login, "");
}

TEST(before_the_authentication_there_is_no_account) {
  struct p2p_board_user nobody = {.name = ""};
  CHECK(!p2p_board_user_has_account(&nobody));
}

UNIT_MAIN("board_user", UNIT(a_user_with_an_account_is_shown_by_name),
          UNIT(a_key_without_an_account_is_shown_by_its_fingerprint),
          UNIT(a_login_is_made_safe_and_cut), UNIT(before_the_authentication_there_is_no_account))
