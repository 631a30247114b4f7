/* The SSH server of a message board: keys, channels and bytes; what they mean is in board_visit.h and topics.h. The only file
 * of the server that names libssh. io thread. */
#ifndef P2P_SERVER_BOARD_SERVER_H
#define P2P_SERVER_BOARD_SERVER_H

#include "server/board_visit.h"

#define P2P_BOARD_CONNECTIONS_MAX 1000
#define P2P_BOARD_STRANGERS_MAX 64      /* connections that have not authenticated yet */
#define P2P_BOARD_CHANNELS_MAX 16       /* of one connection */
#define P2P_BOARD_AUTH_MS 10000         /* to authenticate */
#define P2P_BOARD_PING_MS 5000
#define P2P_BOARD_SILENT_MS 25000       /* without an answer to a ping: gone */
#define P2P_BOARD_IDLE_MS 60000         /* without an open channel: sent away */

struct p2p_board_server;

/* Listens when it returns. `board` is borrowed. `host_key` is the file of the private key, made when absent. */
int p2p_board_server_new(struct p2p_board *board, const char *address, uint16_t port, const char *host_key,
                         struct p2p_board_server **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_board_server_free(struct p2p_board_server *server); /* takes NULL */

uint16_t p2p_board_server_port(const struct p2p_board_server *server);
const char *p2p_board_server_host_key(const struct p2p_board_server *server);    /* "ssh-ed25519 AAAA..." */
const char *p2p_board_server_fingerprint(const struct p2p_board_server *server); /* "SHA256:..." */

#endif
