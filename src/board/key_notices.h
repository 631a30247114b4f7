/* What a member says when others on the topic use another key of the cluster than it does, or none:
 * each sentence once, as a warning in its log. Nothing depends on them: anybody can write the lines
 * that cause them. io thread only. */
#ifndef P2P_BOARD_KEY_NOTICES_H
#define P2P_BOARD_KEY_NOTICES_H

#include <stdbool.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "protocol/line.h"
#include "protocol/role.h"

/* So long the host may take to answer a line of another key before a member complains. */
#define P2P_KEY_NOTICE_MS 5000

struct p2p_key_notices;

struct p2p_key_notices_config { /* pointers are borrowed; they outlive the notices */
  struct p2p_loop *loop;
  struct p2p_log_queue *log; /* may be NULL */
  enum p2p_role role;
  const char *cluster;          /* "alice/friends"; may be set later */
  void (*say_hello)(void *arg); /* the host of a cluster without a key shows that it has none */
  void *arg;
};

/* NULL: out of memory. */
struct p2p_key_notices *p2p_key_notices_new(const struct p2p_key_notices_config *config);
void p2p_key_notices_free(struct p2p_key_notices *notices); /* takes NULL */

/* A connection begins or ends: what was heard until now may have changed. */
void p2p_key_notices_restart(struct p2p_key_notices *notices);
/* A line of another member. `has_key`: we seal ours. `code`: of p2p_member_keys_open(), or
 * P2P_ERR_CANCELED. */
void p2p_key_notices_hear(struct p2p_key_notices *notices, const struct p2p_line *line,
                          bool has_key, int code);

/* Writes how many lines were not opened since the last report: P2P_LOG_DEBUG. */
void p2p_key_notices_report(struct p2p_key_notices *notices);

#endif
