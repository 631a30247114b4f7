/* Is this where we want to be? What `ls` must show before and after the topic was opened, and the
 * sentences for when it does not. Pure. */
#ifndef P2P_BOARD_ACCESS_CHECK_H
#define P2P_BOARD_ACCESS_CHECK_H

#include "board/topic.h"
#include "protocol/hello_line.h"

struct p2p_access_check_case {
  const struct p2p_cluster *cluster;
  const char *user; /* who we are */
  enum p2p_role role;
  const char *access; /* host: the users who may come, joined by ','; else NULL */
  const char *board;  /* its host name, for the sentences */
};

/* Whether the topic may only be opened once a host holds it: by its owner, who would else open it
 * to nobody. */
bool p2p_access_check_needs_host(const struct p2p_access_check_case *check);
/* Only owners host. P2P_ERR_ACCESS. */
int p2p_access_check_check_owner(const struct p2p_access_check_case *check,
                                 struct p2p_err *err) P2P_MUST_USE;
/* `ls` before the topic is opened, where p2p_access_check_needs_host. P2P_ERR_ACCESS when nobody
 * hosts it. */
int p2p_access_check_check_hosted(const struct p2p_access_check_case *check, const char *text,
                                  size_t length, struct p2p_err *err) P2P_MUST_USE;
/* `ls` after the echo. P2P_ERR_ACCESS, P2P_ERR_PROTOCOL. */
int p2p_access_check_check(const struct p2p_access_check_case *check, const char *text,
                           size_t length, struct p2p_err *err) P2P_MUST_USE;

#endif
