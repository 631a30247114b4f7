/* The door of a message board: listens, lets clients in as long as there is room, has them served when there is something to do, and
 * sends away who does not say who he is, does not answer or has nothing to do. io thread. */
#ifndef P2P_SERVER_BOARD_DOOR_H
#define P2P_SERVER_BOARD_DOOR_H

#include "server/board_visit.h"

#define P2P_BOARD_STRANGERS_MAX 128           /* connections that have not authenticated yet */
#define P2P_BOARD_STRANGERS_OF_ADDRESS_MAX 32 /* of one address (server/origin.h) */
#define P2P_BOARD_IDLE_MS 60000               /* without an open channel: sent away */

struct p2p_board_door;

/* Listens when it returns. `board`, whose limits hold, is borrowed. `host_key` is the file of the private key, made when absent. */
int p2p_board_door_new(struct p2p_board *board, const char *address, uint16_t port, const char *host_key,
                       struct p2p_board_door **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_board_door_free(struct p2p_board_door *door); /* takes NULL */

/* board->users has changed: connections of keys that are not those of the same user any more are closed. */
void p2p_board_door_check_users(struct p2p_board_door *door);

uint16_t p2p_board_door_port(const struct p2p_board_door *door);
const char *p2p_board_door_host_key(const struct p2p_board_door *door);    /* "ssh-ed25519 AAAA..." */
const char *p2p_board_door_fingerprint(const struct p2p_board_door *door); /* "SHA256:..." */

#endif
