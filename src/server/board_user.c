/* The user behind an SSH connection to the board. */
#include "server/board_user.h"

#include <stdio.h>
#include <string.h>

#include "base/sanitize.h"

#define NO_ACCOUNT "public"

void p2p_board_user_set_name(struct p2p_board_user *user, const char *account, const char *login) {
  snprintf(user->name, sizeof user->name, "%s", account == NULL ? NO_ACCOUNT : account);
  p2p_sanitize_word(login == NULL ? "" : login, user->login, sizeof user->login);
}

bool p2p_board_user_has_account(const struct p2p_board_user *user) {
  return user->name[0] != '\0' && strcmp(user->name, NO_ACCOUNT) != 0;
}

void p2p_board_user_label(const struct p2p_board_user *user,
                          char out[static P2P_BOARD_USER_LABEL_MAX]) {
  if (p2p_board_user_has_account(user))
    snprintf(out, P2P_BOARD_USER_LABEL_MAX, "'%s'", user->name);
  else
    snprintf(out, P2P_BOARD_USER_LABEL_MAX, "%s (no account)", user->fingerprint);
}
