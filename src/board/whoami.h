/* The user name of our SSH key on the board: logs in, runs `user` and disconnects. io thread only.
 */
#ifndef P2P_BOARD_WHOAMI_H
#define P2P_BOARD_WHOAMI_H

#include <stddef.h>

#include "board/address.h"
#include "board/topic.h"
#include "net/loop.h"

struct p2p_whoami;

struct p2p_whoami_query {
  struct p2p_loop *loop;
  const struct p2p_address *address; /* copied */
  uint32_t timeout_ms;               /* 0: 30 s */
};

/* Calls fn once: with `user` (err is NULL), or with `err` (user is NULL). Free the request after
 * that, also within fn, or earlier to cancel it. P2P_ERR_MEMORY. */
int p2p_whoami_request(const struct p2p_whoami_query *query,
                       void (*fn)(void *arg, const char *user, const struct p2p_err *err),
                       void *arg, struct p2p_whoami **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_whoami_free(struct p2p_whoami *whoami); /* takes NULL */

/* The user name in the output of `user` on `host`. P2P_ERR_AUTH when the key has no account. Pure.
 */
int p2p_whoami_parse(const char *text, size_t length, const char *host,
                     char user[static P2P_USER_MAX], struct p2p_err *err) P2P_MUST_USE;

/* P2P_ERR_ACCESS ("renamed") if `host` says that we are `now` and has said `before` before; "": it
 * has not. Otherwise it could lead us to a cluster of another name at any time. Pure. */
int p2p_whoami_check(const char *before, const char *now, const char *host,
                     struct p2p_err *err) P2P_MUST_USE;

#endif
