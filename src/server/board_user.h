/* The user behind an SSH connection to the board. Pure. */
#ifndef P2P_SERVER_BOARD_USER_H
#define P2P_SERVER_BOARD_USER_H

#include <stdbool.h>

#define P2P_BOARD_USER_LABEL_MAX 96 /* with the NUL */

struct p2p_attested_keys;

struct p2p_board_user {
  char name[64];        /* of the account; "public" without one; "" before the authentication */
  char fingerprint[64]; /* of the key: "SHA256:..." */
  char login[40];       /* as the client calls itself: letters, digits, '.', '_' and '-' only */
  char address[64];     /* "127.0.0.1:4711" */
  struct p2p_attested_keys *attested; /* its connection's, borrowed */
};

/* Sets name and login. `account` is NULL for a key without an account. In `login`, which comes from
 * the client, other characters become '_'. */
void p2p_board_user_set_name(struct p2p_board_user *user, const char *account, const char *login);

bool p2p_board_user_has_account(const struct p2p_board_user *user);

/* For log lines: "'alice'", or "SHA256:... (no account)". */
void p2p_board_user_label(const struct p2p_board_user *user,
                          char out[static P2P_BOARD_USER_LABEL_MAX]);

#endif
