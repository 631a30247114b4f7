/* The SSH server end of a message board: keys, channels and bytes. What they mean is in
 * board_visit.h and topics.h; who is let in and for how long, in board_door.h. Only this and
 * board_identity.c name libssh in the server. io thread. */
#ifndef P2P_SERVER_BOARD_CONNECTION_H
#define P2P_SERVER_BOARD_CONNECTION_H

#include "server/board_session.h"

#define P2P_BOARD_CHANNELS_MAX 16 /* of one connection */
/* What one connection may send at once, besides what its board allows a second. Beyond, it is not
 * read. It is well below what may wait for a reader (P2P_BOARD_SESSION_OUT_MAX), so that one who
 * reads as fast as this is never sent away because of one who writes. */
#define P2P_BOARD_BURST_BYTES (512 * 1024)

/* The host key. */
struct p2p_board_identity;

/* `path` is the file of the private key, made (Ed25519) when absent. */
int p2p_board_identity_load(const char *path, struct p2p_board_identity **out,
                            struct p2p_err *err) P2P_MUST_USE;
void p2p_board_identity_free(struct p2p_board_identity *identity); /* takes NULL */
const char *p2p_board_identity_key(
    const struct p2p_board_identity *identity); /* "ssh-ed25519 AAAA..." */
const char *p2p_board_identity_fingerprint(
    const struct p2p_board_identity *identity); /* "SHA256:..." */

/* One client. */
struct p2p_board_connection;

/* Takes over fd, always. on_change is called, from within functions of this and of other
 * connections, when there may be something to write; it must not call back. `board` and `identity`
 * are borrowed. NULL when out of memory. */
struct p2p_board_connection *p2p_board_connection_new(struct p2p_board_server *board,
                                                      struct p2p_board_identity *identity, int fd,
                                                      const char *address,
                                                      void (*on_change)(void *arg), void *arg);
void p2p_board_connection_free(struct p2p_board_connection *connection); /* takes NULL */

/* Does what can be done at once: call it first, and whenever the descriptor is ready. */
void p2p_board_connection_read(struct p2p_board_connection *connection);
/* Writes what waits, ends commands that are done. */
void p2p_board_connection_write(struct p2p_board_connection *connection);
/* What the client is told when the connection is freed. */
void p2p_board_connection_set_reason(struct p2p_board_connection *connection, const char *why);
/* Asks for a sign of life, so that a peer that is gone shows by its silence. The request is
 * keepalive@openssh.com, since libssh sends none by another name, such as the ping@pico.sh of the
 * board on the internet. */
void p2p_board_connection_ping(struct p2p_board_connection *connection);

/* To be asked after each of the three above: if so, stop watching the descriptor before the loop
 * goes on, since libssh has closed it, and its number may be another file's by then. */
bool p2p_board_connection_has_ended(const struct p2p_board_connection *connection);
/* How many bytes have come in all, whoever read them: libssh also reads while it writes. */
uint64_t p2p_board_connection_heard_bytes(const struct p2p_board_connection *connection);
bool p2p_board_connection_has_unsent(
    const struct p2p_board_connection *connection); /* watch for write */
bool p2p_board_connection_is_open(
    const struct p2p_board_connection *connection); /* authenticated */
bool p2p_board_connection_is_idle(
    const struct p2p_board_connection *connection); /* without a channel */
/* It has sent more than it may: do not watch it, and come back with p2p_board_connection_read a
 * little later. */
bool p2p_board_connection_is_fast(const struct p2p_board_connection *connection);
/* Its key is not, or not the same user's, in board->users any more. */
bool p2p_board_connection_is_other(const struct p2p_board_connection *connection);
/* Its address; when it is open, also user and key. */
const struct p2p_board_user *p2p_board_connection_visitor(
    const struct p2p_board_connection *connection);

#endif
