/* Names: users, clusters, topics, and where a member landed (protocol/board.md, "Topics and
 * access"). Pure. */
#ifndef P2P_BOARD_TOPIC_H
#define P2P_BOARD_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define P2P_USER_MAX 64
#define P2P_CLUSTER_MAX 160
#define P2P_TOPIC_SUFFIX "/future.p2p"

/* "owner/name": each of [A-Za-z0-9._-], not starting with '-' or '.', owner at most 63, name at
 * most 95 characters. */
struct p2p_cluster {
  char owner[P2P_USER_MAX];
  char name[96];
};
bool p2p_user_is_valid(const char *user);
int p2p_cluster_parse(const char *text, struct p2p_cluster *out, struct p2p_err *err) P2P_MUST_USE;

/* The topic as `user` types it: "friends/future.p2p" for the owner, "alice/friends/future.p2p" for
 * others. */
int p2p_topic_typed(const struct p2p_cluster *cluster, const char *user, char *out, size_t size);

/* What `ls` says about this cluster, for `user`. */
enum p2p_access_check {
  P2P_ACCESS_CHECK_ABSENT, /* no such channel in the user's namespace */
  P2P_ACCESS_CHECK_OPEN,   /* owner's own channel without access list */
  P2P_ACCESS_CHECK_LISTED, /* owner's own channel with an access list */
  P2P_ACCESS_CHECK_PRIVATE /* the user's own bob/alice/friends/...: no access, or not hosted */
};
/* `text` is the whole output of ls (LF or CRLF), hostile until proven otherwise. */
enum p2p_access_check p2p_topic_landing(const char *text, size_t length,
                                        const struct p2p_cluster *cluster, const char *user);
/* The access list of the owner's channel contains `user` (for messages). */
bool p2p_topic_lists_user(const char *text, size_t length, const struct p2p_cluster *cluster,
                          const char *user);

#endif
