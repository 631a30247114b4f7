/* One command of a client of the board, from its start to its exit status, without SSH: its output
 * is queued here, and the owner of the channel writes it. io thread. */
#ifndef P2P_SERVER_BOARD_SESSION_H
#define P2P_SERVER_BOARD_SESSION_H

#include <stdbool.h>

#include "base/buf.h"
#include "server/board_server.h"
#include "server/board_user.h"

struct p2p_board_session;

/* Runs `command`. on_change is called, also from within this call, when there is new output or the
 * command has ended; it must not call back. `user` is copied, `board` borrowed. NULL when out of
 * memory. */
struct p2p_board_session *p2p_board_session_new(struct p2p_board_server *board,
                                                const struct p2p_board_user *user,
                                                const char *command, void (*on_change)(void *arg),
                                                void *arg);
/* Leaves the topic. Takes NULL. */
void p2p_board_session_free(struct p2p_board_session *session);

/* Standard input: bytes of the client, and their end. */
void p2p_board_session_input(struct p2p_board_session *session, const uint8_t *bytes,
                             size_t length);
void p2p_board_session_end_input(struct p2p_board_session *session);

/* Standard output and standard error that are still to be written: consume them from here. */
struct p2p_buf *p2p_board_session_out(struct p2p_board_session *session);
struct p2p_buf *p2p_board_session_err(struct p2p_board_session *session);

/* The command has ended: send *exit_status once both buffers are empty. */
bool p2p_board_session_has_ended(const struct p2p_board_session *session, int *exit_status);
/* The client reads too slowly: P2P_BOARD_OUTPUT_MAX bytes wait. Disconnect it. */
bool p2p_board_session_has_overflowed(const struct p2p_board_session *session);

#endif
