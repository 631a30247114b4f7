/* The host key of a board as libssh has it. For board_server.c, which lets clients in with it. */
#ifndef P2P_SERVER_BOARD_IDENTITY_H
#define P2P_SERVER_BOARD_IDENTITY_H

#include <libssh/server.h>

#include "server/board_connection.h"

ssh_bind p2p_board_identity_bind(struct p2p_board_identity *identity);
/* "SHA256:..." of any key; free it with ssh_string_free_char. NULL when out of memory. */
char *p2p_board_key_fingerprint(ssh_key key);

#endif
