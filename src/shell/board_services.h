/* The mailbox server and the relay of a message board, for the program `wormhole`. */
#ifndef P2P_SHELL_BOARD_SERVICES_H
#define P2P_SHELL_BOARD_SERVICES_H

#include "board/services.h"
#include "net/loop.h"

/* Asks the board at `host` ("[user@]name[:port]"). `ssh_args`: arguments for SSH in one text, or
 * NULL. Waits for the answer, at most 30 s, or for a signal (P2P_ERR_CANCELED). Other errors are
 * those of p2p_lookup_start, and of the connection. */
int p2p_board_services_find(struct p2p_loop *loop, const char *host, const char *ssh_args,
                            struct p2p_services *out, struct p2p_err *err) P2P_MUST_USE;

#endif
