/* The server end of one SSH connection to a board: authenticates the client and carries its
 * commands. Owns the SSH side only: who is accepted and for how long is decided by
 * board_listener.c, what commands do by board_session.c and topics.c. io thread. */
#ifndef P2P_SERVER_BOARD_CONNECTION_H
#define P2P_SERVER_BOARD_CONNECTION_H

#include "server/board_server.h"
#include "server/board_user.h"
#include "server/host_key.h"

struct p2p_board_connection;

/* Takes over fd, also when it fails. `board` and `host_key` are borrowed. on_change is called, from
 * within functions of this and of other connections, when there may be something to write; it must
 * not call back. NULL when out of memory. */
struct p2p_board_connection *p2p_board_connection_new(struct p2p_board_server *board,
                                                      struct p2p_host_key *host_key, int fd,
                                                      const char *address,
                                                      void (*on_change)(void *arg), void *arg);
/* Disconnects and frees. Takes NULL. */
void p2p_board_connection_free(struct p2p_board_connection *connection);

/* Reads what has come: call it first, and whenever the descriptor is ready. */
void p2p_board_connection_read(struct p2p_board_connection *connection);
/* Writes what waits, ends commands that are done, and frees channels that are closed. */
void p2p_board_connection_write(struct p2p_board_connection *connection);
/* Asks an authenticated client for a sign of life. The request is keepalive@openssh.com, the only
 * one that libssh sends. */
void p2p_board_connection_ping(struct p2p_board_connection *connection);
/* The reason that the client gets when the connection is freed. */
void p2p_board_connection_set_reason(struct p2p_board_connection *connection, const char *reason);

/* To be checked after each read, write and ping: if so, stop watching the descriptor before the
 * loop goes on. libssh has closed it, and another file may soon have its number. */
bool p2p_board_connection_has_ended(const struct p2p_board_connection *connection);
/* Watch for the descriptor to become writable. */
bool p2p_board_connection_has_unsent(const struct p2p_board_connection *connection);
/* The client has sent more than its limit: do not watch the descriptor, and call
 * p2p_board_connection_read a little later. */
bool p2p_board_connection_is_throttled(const struct p2p_board_connection *connection);
bool p2p_board_connection_is_authenticated(const struct p2p_board_connection *connection);
bool p2p_board_connection_has_channel(const struct p2p_board_connection *connection);
/* The accounts do not give its key to the user that it was authenticated as, any more. */
bool p2p_board_connection_has_stale_user(const struct p2p_board_connection *connection);
/* Bytes received in all, whichever function read them: libssh also reads while it writes. */
uint64_t p2p_board_connection_received_bytes(const struct p2p_board_connection *connection);
/* The address; once it is authenticated, also name and key. */
const struct p2p_board_user *p2p_board_connection_user(
    const struct p2p_board_connection *connection);

#endif
