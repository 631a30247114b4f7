/* Asks the board who we are, or for its mailbox server and relay, without joining a cluster. Not on
 * the io thread. */
#ifndef P2P_BOARD_LOOKUP_H
#define P2P_BOARD_LOOKUP_H

#include "base/log_queue.h"
#include "board/board_config.h"
#include "net/service.h"

enum p2p_lookup_what {
  P2P_LOOKUP_USER,     /* the name of the account that our SSH key has */
  P2P_LOOKUP_SERVICES, /* the URL of the mailbox server, a blank, and the address of the relay */
  P2P_LOOKUP_HOST_KEY, /* the board's host key, as in known_hosts; "" if the board does not name it
                        */
  P2P_LOOKUP_CLIENT_ADDRESS /* the address from which we come, as the board sees it; "" likewise */
};

/* Starts a service that writes one line to `log`, of which it keeps a reference: INFO with the
 * answer, or FATAL. Only USER needs an account; SERVICES is answered at once for the
 * public board, whose services are the public ones. Stop the service afterwards, or earlier to
 * cancel it. P2P_ERR_INVALID for the host and the SSH arguments; P2P_ERR_MEMORY. */
int p2p_lookup_start(struct p2p_loop *loop, const struct p2p_board_config *board,
                     enum p2p_lookup_what what, struct p2p_log_queue *log, struct p2p_service **out,
                     struct p2p_err *err) P2P_MUST_USE;

#endif
