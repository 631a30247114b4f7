/* The SSH server of a board: accepts connections within the limits, serves those that are ready,
 * and closes those that do not authenticate, do not answer or have nothing to do. io thread. */
#ifndef P2P_SERVER_BOARD_LISTENER_H
#define P2P_SERVER_BOARD_LISTENER_H

#include "server/board_server.h"

struct p2p_board_listener;

/* Listens when it returns. `board` is borrowed. `host_key` is the file of the private key, which is
 * created when there is none. Errors of p2p_host_key_load and p2p_listener_new. */
int p2p_board_listener_new(struct p2p_board_server *board, const char *address, uint16_t port,
                           const char *host_key, struct p2p_board_listener **out,
                           struct p2p_err *err) P2P_MUST_USE;
/* Closes all connections. Takes NULL. */
void p2p_board_listener_free(struct p2p_board_listener *listener);

/* To be called when board->accounts has changed: closes the connections whose key has another user
 * now, or no account any more. */
void p2p_board_listener_check_accounts(struct p2p_board_listener *listener);

uint16_t p2p_board_listener_port(const struct p2p_board_listener *listener);
/* "ssh-ed25519 AAAA..." and "SHA256:...". */
const char *p2p_board_listener_host_key(const struct p2p_board_listener *listener);
const char *p2p_board_listener_fingerprint(const struct p2p_board_listener *listener);

#endif
