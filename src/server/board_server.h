/* What all connections of one board share. io thread. */
#ifndef P2P_SERVER_BOARD_SERVER_H
#define P2P_SERVER_BOARD_SERVER_H

#include <stdint.h>
#include <time.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "server/accounts.h"
#include "server/attested_keys.h"
#include "server/limits.h"
#include "server/topics.h"

struct p2p_board_server {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_topics *topics; /* of p2p_board_server_init */
  struct p2p_accounts *accounts;
  struct p2p_attested_keys *attested; /* of all connections that have some */
  uint16_t mailbox_port, relay_port;
  const char *host_key; /* "ssh-ed25519 AAAA...", of the listener; NULL: not known */
  time_t opened_at;
  struct p2p_board_limits limits;
};

/* Creates the topics and replaces limits of 0 by their defaults. The caller has set the other
 * fields, and owns what they point to. P2P_ERR_MEMORY. */
int p2p_board_server_init(struct p2p_board_server *board) P2P_MUST_USE;
/* Frees the topics. All connections must have been freed. */
void p2p_board_server_clear(struct p2p_board_server *board);

#endif
