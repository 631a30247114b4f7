/* A member of a cluster's topic: connects, learns who it is, opens the topic with `pipe`, proves by
 * the echo of its hello and by `ls` where it landed, reads always, writes whole lines, and comes
 * back after a drop (exponential backoff with jitter). io thread only. */
#ifndef P2P_BOARD_MEMBER_H
#define P2P_BOARD_MEMBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log_queue.h"
#include "board/board_config.h"
#include "net/loop.h"
#include "protocol/hello_line.h"
#include "protocol/line.h"

struct p2p_member;

struct p2p_member_config {
  struct p2p_loop *loop;
  struct p2p_board_config board;
  enum p2p_role role;
  const char *const *users; /* host: who may come, besides the owner */
  size_t n_users;
  uint32_t timeout_ms; /* for joining; 0: 30 s */
  struct p2p_log_queue
      *log; /* borrowed: for P2P_LOG_DEBUG, how many lines did not parse. NULL: none */
};

struct p2p_member_callbacks {
  /* Adds versions and, for a worker, its offer; role, from and id are filled in. May be NULL. */
  void (*on_hello)(void *arg, struct p2p_hello_line *hello);
  void (*on_joined)(void *arg); /* also after every return to the board */
  void (*on_line)(void *arg,
                  const struct p2p_line *line); /* lines of others; our own echoes are not shown */
  /* The board is gone for now; the member tries again in retry_ms. */
  void (*on_away)(void *arg, const struct p2p_err *err, uint32_t retry_ms);
  /* It could not join, or coming back is pointless (access, host key, account). The last event;
   * then free. */
  void (*on_failed)(void *arg, const struct p2p_err *err);
};

/* Bad names and arguments are errors here, the rest arrives as on_failed. */
int p2p_member_new(const struct p2p_member_config *config,
                   const struct p2p_member_callbacks *callbacks, void *arg, struct p2p_member **out,
                   struct p2p_err *err) P2P_MUST_USE;
void p2p_member_free(struct p2p_member *member); /* no events after; takes NULL */

/* Known after on_joined. */
const char *p2p_member_user(const struct p2p_member *member);    /* "alice" */
const char *p2p_member_name(const struct p2p_member *member);    /* "alice@laptop:1234" */
const char *p2p_member_cluster(const struct p2p_member *member); /* "alice/friends" */
const char *p2p_member_mailbox(
    const struct p2p_member *member); /* of the board's `services`, else the public default */
const char *p2p_member_relay(const struct p2p_member *member);

/* Writes one line. P2P_ERR_CLOSED while away: a line is then not kept. */
int p2p_member_send(struct p2p_member *member, const struct p2p_line *line);
/* Says the hello again (a worker does, from time to time, so that the others know it is there). */
int p2p_member_send_hello(struct p2p_member *member);
uint64_t p2p_member_dropped(const struct p2p_member *member); /* lines that did not parse */

#endif
