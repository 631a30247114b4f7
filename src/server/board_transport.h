/* The SSH transport of one connection to a board, over libssh without its blocking calls. For
 * board_connection.c and board_channel.c. io thread.
 *
 * libssh may read, and so call its callbacks, from within almost any of its functions, writing ones
 * too. So callbacks of libssh only take notes; they neither write nor free anything. */
#ifndef P2P_SERVER_BOARD_TRANSPORT_H
#define P2P_SERVER_BOARD_TRANSPORT_H

#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_board_transport {
  ssh_session ssh;
  ssh_event event;                   /* polled with no timeout when the descriptor is ready */
  struct ssh_counter_struct counter; /* bytes that libssh reads from and writes to the socket */
  bool is_encrypted;                 /* the key exchange is done */
  bool has_ended;
  uint64_t bytes_per_s; /* that the client may send on its channels */
  int64_t credit_bytes; /* that it may send now; it is not read while this is not positive */
  uint64_t credited_ms; /* up to when time has been turned into credit */
};

/* Starts the server end of SSH on fd, which it takes over, also when it fails: P2P_ERR_MEMORY. A
 * transport that was opened, or that is all zero, can be closed. */
int p2p_board_transport_open(struct p2p_board_transport *transport, ssh_bind bind, int fd,
                             uint64_t bytes_per_s) P2P_MUST_USE;
/* Sends what libssh still has to send, disconnects, and frees. This also frees the channels that
 * libssh knows, so their callbacks are not called again. */
void p2p_board_transport_close(struct p2p_board_transport *transport);

/* Reads what has come, as far as the client's credit goes. */
void p2p_board_transport_read(struct p2p_board_transport *transport);
/* One step of libssh: reads and writes once. True when there may be more to do at once. */
bool p2p_board_transport_poll(struct p2p_board_transport *transport);
/* Notes whether libssh has closed the descriptor: to be called after functions of libssh. */
void p2p_board_transport_check_end(struct p2p_board_transport *transport);

/* The client has sent `length` bytes that count. */
void p2p_board_transport_charge(struct p2p_board_transport *transport, uint32_t length);
/* The client has sent more than it may. */
bool p2p_board_transport_is_throttled(const struct p2p_board_transport *transport);
/* Writing reads too, so nothing is written to a client that is throttled. */
bool p2p_board_transport_can_write(const struct p2p_board_transport *transport);
/* libssh waits for the kernel to take more. */
bool p2p_board_transport_has_unsent(const struct p2p_board_transport *transport);

#endif
