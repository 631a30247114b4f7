/* The door of a message board: listens, lets clients in as long as there is room, has them served
 * when there is something to do, and sends away who does not say who he is, does not answer or has
 * nothing to do. io thread. */
#ifndef P2P_SERVER_BOARD_LISTENER_H
#define P2P_SERVER_BOARD_LISTENER_H

#include "server/board_session.h"

#define P2P_BOARD_STRANGERS_MAX 128           /* connections that have not authenticated yet */
#define P2P_BOARD_STRANGERS_OF_ADDRESS_MAX 32 /* of one address (server/client_address.h) */
#define P2P_BOARD_IDLE_MS 60000               /* without an open channel: sent away */

struct p2p_board_listener;

/* Listens when it returns. `board`, whose limits hold, is borrowed. `host_key` is the file of the
 * private key, made when absent. */
int p2p_board_listener_new(struct p2p_board_server *board, const char *address, uint16_t port,
                           const char *host_key, struct p2p_board_listener **out,
                           struct p2p_err *err) P2P_MUST_USE;
void p2p_board_listener_free(struct p2p_board_listener *listener); /* takes NULL */

/* board->users has changed: connections of keys that are not those of the same user any more are
 * closed. */
void p2p_board_listener_check_users(struct p2p_board_listener *listener);

uint16_t p2p_board_listener_port(const struct p2p_board_listener *listener);
const char *p2p_board_listener_host_key(
    const struct p2p_board_listener *listener); /* "ssh-ed25519 AAAA..." */
const char *p2p_board_listener_fingerprint(
    const struct p2p_board_listener *listener); /* "SHA256:..." */

#endif
