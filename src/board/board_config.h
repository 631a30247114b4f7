/* Where a cluster meets: the board, how to log in there, and the services that its members use.
 * Client, worker and host are configured with one of these. */
#ifndef P2P_BOARD_BOARD_CONFIG_H
#define P2P_BOARD_BOARD_CONFIG_H

#include <stddef.h>

#include "protocol/credentials.h"

/* All pointers are borrowed. A function that takes a configuration copies what it keeps. */
struct p2p_board_config {
  const char *host;            /* "[user@]name[:port]"; NULL: the public board */
  const char *const *ssh_args; /* arguments for ssh, see board/address.h */
  size_t n_ssh_args;
  const char *cluster; /* "owner/name"; NULL: the user's own cluster, "{user}/personal" */
  const char *mailbox; /* URL of the mailbox server; NULL: the one that the board names */
  const char *relay;   /* "tcp:host:port" of the transit relay; NULL: the one the board names */
  const char *keys;    /* the folder of keys; NULL: no keys, for clusters that have none */
  /* Fixed ones, in place of those in the files. With them, lines are sealed, and links need them.
   */
  const struct p2p_credentials *credentials;
};

#endif
