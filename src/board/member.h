/* A member of a cluster's topic: connects, joins, reads every line, writes whole lines, and
 * reconnects after a failure (exponential backoff with jitter). io thread only. */
#ifndef P2P_BOARD_MEMBER_H
#define P2P_BOARD_MEMBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log_queue.h"
#include "board/board_config.h"
#include "net/loop.h"
#include "protocol/credentials.h"
#include "protocol/hello_line.h"
#include "protocol/line.h"

struct p2p_member;

struct p2p_member_config {
  struct p2p_loop *loop;
  struct p2p_board_config board;
  enum p2p_role role;
  const char *const *users; /* host: who may join, besides the owner */
  size_t n_users;
  bool is_keyless;           /* host: of a cluster without a key, though `board.keys` is given */
  bool is_invite_only;       /* host: gives the key to known devices and to invited ones only */
  uint32_t timeout_ms;       /* until on_joined; 0: 30 s */
  struct p2p_log_queue *log; /* borrowed: dropped lines, and what happens to keys. NULL: no log */
};

struct p2p_member_callbacks {
  /* Adds versions and, for a worker, its offer; role, from and id are filled in. May be NULL. */
  void (*on_hello)(void *arg, struct p2p_hello_line *hello);
  void (*on_joined)(void *arg);                            /* also after every reconnect */
  void (*on_line)(void *arg, const struct p2p_line *line); /* of another member */
  /* The connection failed; the member reconnects in retry_ms. */
  void (*on_disconnected)(void *arg, const struct p2p_err *err, uint32_t retry_ms);
  /* It could not join, may not reconnect (host key, account), or the owner has expelled it. The
   * last callback; then free. */
  void (*on_failed)(void *arg, const struct p2p_err *err);
  /* The owner has expelled these devices: end the links to them. May be NULL. */
  void (*on_expelled)(void *arg, const struct p2p_sign_public *devices, size_t n);
};

/* P2P_ERR_INVALID for names and arguments, P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. Other errors are
 * reported by on_failed. Copies the configuration. */
int p2p_member_new(const struct p2p_member_config *config,
                   const struct p2p_member_callbacks *callbacks, void *arg, struct p2p_member **out,
                   struct p2p_err *err) P2P_MUST_USE;
/* No callbacks after; may be called from within one. Takes NULL. */
void p2p_member_free(struct p2p_member *member);

/* After on_joined. */
const char *p2p_member_user(const struct p2p_member *member); /* "alice" */
const char *p2p_member_name(const struct p2p_member *member); /* "alice@laptop:1234" */
const struct p2p_identity *p2p_member_identity(const struct p2p_member *member);
const char *p2p_member_cluster(const struct p2p_member *member); /* "alice/friends" */
/* The clusters that the user hosts, as p2p_topic_list_hosted; "" while disconnected. */
const char *p2p_member_hosted(const struct p2p_member *member);
/* The mailbox and the relay that the board names, else the public ones. */
const char *p2p_member_mailbox(const struct p2p_member *member);
const char *p2p_member_relay(const struct p2p_member *member);
/* host: the users without an account, joined by ','; "" if the board does not tell. In on_joined.
 */
const char *p2p_member_unknown_users(const struct p2p_member *member);

/* Writes one line. P2P_ERR_CLOSED while disconnected: the line is dropped. */
int p2p_member_send(struct p2p_member *member, const struct p2p_line *line);
/* Sends the hello again. P2P_ERR_CLOSED while disconnected. */
int p2p_member_send_hello(struct p2p_member *member);
/* NULL: the cluster has no key. */
const struct p2p_credentials *p2p_member_credentials(const struct p2p_member *member);
/* How many malformed lines were dropped. */
uint64_t p2p_member_dropped(const struct p2p_member *member);

#endif
