/* The output of one command on the board: logs in, runs it and disconnects. io thread only. */
#ifndef P2P_BOARD_QUERY_H
#define P2P_BOARD_QUERY_H

#include <stddef.h>

#include "board/address.h"
#include "net/loop.h"

struct p2p_query;

struct p2p_query_config {
  struct p2p_loop *loop;
  const struct p2p_address *address; /* copied */
  const char *command;               /* "user", "services"; a literal */
  const char *what;                  /* for the timeout: "which account your SSH key has" */
  uint32_t timeout_ms;               /* 0: 30 s */
};

/* Calls fn once: with the output (err is NULL), which is valid until fn returns, or with `err`
 * (text is NULL). Free the query after that, also within fn, or earlier to cancel it.
 * P2P_ERR_MEMORY. */
int p2p_query_start(const struct p2p_query_config *config,
                    void (*fn)(void *arg, const char *text, size_t length,
                               const struct p2p_err *err),
                    void *arg, struct p2p_query **out, struct p2p_err *err) P2P_MUST_USE;
/* The host that the query is connected to. */
const char *p2p_query_host(const struct p2p_query *query);
void p2p_query_free(struct p2p_query *query); /* takes NULL */

#endif
