/* One channel of a connection to a board: carries one command (board_session.h). For
 * board_connection.c. io thread. */
#ifndef P2P_SERVER_BOARD_CHANNEL_H
#define P2P_SERVER_BOARD_CHANNEL_H

#include <libssh/callbacks.h>

#include "server/board_session.h"
#include "server/board_transport.h"

struct p2p_board_channel {
  struct p2p_board_channel *next; /* the connection's */
  ssh_channel ssh;
  bool is_closed;   /* by the client, or broken: to be freed */
  bool is_finished; /* exit status and close were sent */
  struct ssh_channel_callbacks_struct callbacks;
  struct p2p_board_transport *transport;
  struct p2p_board_server *board;
  const struct p2p_board_user *user;
  struct p2p_board_session *session; /* NULL before the client asks for a command */
  void (*on_change)(void *arg);
  void *arg;
};

/* All pointers are borrowed. on_change is called when there may be something to write or to free,
 * from within functions of this and of other channels; it must not call back. NULL when out of
 * memory. */
struct p2p_board_channel *p2p_board_channel_new(struct p2p_board_transport *transport,
                                                struct p2p_board_server *board,
                                                const struct p2p_board_user *user,
                                                void (*on_change)(void *arg), void *arg);
/* Frees the channel; that of libssh too, unless channel->ssh was set to NULL. */
void p2p_board_channel_free(struct p2p_board_channel *channel);

/* Writes what waits, and ends a command that is done. False when the client reads so slowly that it
 * must be disconnected. */
bool p2p_board_channel_write(struct p2p_board_channel *channel);

#endif
