/* Whether a member is on the cluster that it wants, from what the board's `ls` shows. The board
 * never refuses a topic: a user without access gets a private one of the same name. Pure. */
#ifndef P2P_BOARD_ACCESS_CHECK_H
#define P2P_BOARD_ACCESS_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "board/topic.h"
#include "protocol/hello_line.h"

struct p2p_access_check {
  const struct p2p_cluster *cluster;
  const char *user; /* the member's user name on the board */
  enum p2p_role role;
  const char *access; /* host: the users who may join, joined by ','; else NULL */
  const char *board;  /* its host name, for errors */
};

/* Whether the topic may be opened only when a host has opened it: by its owner, who would otherwise
 * open it without an access list, for nobody else. */
bool p2p_access_check_needs_host(const struct p2p_access_check *check);

/* Only the owner hosts a cluster. P2P_ERR_ACCESS. */
int p2p_access_check_role(const struct p2p_access_check *check, struct p2p_err *err) P2P_MUST_USE;
/* From `ls` before the topic is opened, where p2p_access_check_needs_host. P2P_ERR_ACCESS when
 * nobody hosts the cluster. */
int p2p_access_check_hosted(const struct p2p_access_check *check, const char *ls, size_t length,
                            struct p2p_err *err) P2P_MUST_USE;
/* From `ls` after the topic was opened. P2P_ERR_ACCESS, P2P_ERR_PROTOCOL. */
int p2p_access_check_joined(const struct p2p_access_check *check, const char *ls, size_t length,
                            struct p2p_err *err) P2P_MUST_USE;

#endif
