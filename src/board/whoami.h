/* Who is this SSH key on the board? Asks `user` once and ends. io thread only. */
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

/* Asks the board. Calls fn once: with `user` (err is NULL), or with `err` (user is NULL). Free the
 * query after that, also from within fn, or earlier to cancel it. */
int p2p_whoami_request(const struct p2p_whoami_query *query,
                       void (*fn)(void *arg, const char *user, const struct p2p_err *err),
                       void *arg, struct p2p_whoami **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_whoami_free(struct p2p_whoami *whoami); /* takes NULL */

/* The user in what the host `host` answers to `user`. P2P_ERR_AUTH with a sentence when the key has
 * no account. Pure. */
int p2p_whoami_parse(const char *text, size_t length, const char *host,
                     char user[static P2P_USER_MAX], struct p2p_err *err) P2P_MUST_USE;

#endif
