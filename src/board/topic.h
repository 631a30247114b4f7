/* Names of users, clusters and topics, and what the board's `ls` shows of a topic. Pure. Grammar:
 * docs/protocol.md. */
#ifndef P2P_BOARD_TOPIC_H
#define P2P_BOARD_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "protocol/member_name.h"

#define P2P_USER_MAX P2P_USER_NAME_MAX
#define P2P_CLUSTER_MAX 160
#define P2P_TOPIC_SUFFIX "/future.p2p"
#define P2P_HOSTED_MAX 512 /* names of clusters, separated by blanks */

/* "owner/name": both of [A-Za-z0-9._-], not starting with '-' or '.'; owner has at most 63
 * characters, name at most 95. */
struct p2p_cluster {
  char owner[P2P_USER_MAX];
  char name[P2P_CLUSTER_NAME_MAX];
};
bool p2p_user_is_valid(const char *user);
/* Joins the names by ','. P2P_ERR_INVALID ("member_name"), P2P_ERR_TOO_LARGE. */
int p2p_users_join(const char *const *users, size_t n, char *out, size_t size,
                   struct p2p_err *err) P2P_MUST_USE;
/* Whether a list that is so joined has the name. Neither needs a NUL. */
bool p2p_users_include(const char *list, size_t list_length, const char *name, size_t length);
int p2p_cluster_parse(const char *text, struct p2p_cluster *out, struct p2p_err *err) P2P_MUST_USE;

/* The topic's name as `user` gives it to the board: "friends/future.p2p" for the owner,
 * "alice/friends/future.p2p" for others. P2P_ERR_TOO_LARGE. */
int p2p_topic_name(const struct p2p_cluster *cluster, const char *user, char *out,
                   size_t size) P2P_MUST_USE;

/* The command by which `user` opens the topic. `access`: of the host, the users who may join,
 * joined by ',', or ""; NULL for others. P2P_ERR_TOO_LARGE. */
int p2p_topic_open_command(const struct p2p_cluster *cluster, const char *user, const char *access,
                           char *out, size_t size) P2P_MUST_USE;

/* What `ls` shows of a cluster's topic to `user`. */
enum p2p_topic_access {
  P2P_TOPIC_ABSENT, /* no such topic */
  P2P_TOPIC_OPEN,   /* the owner sees it without an access list */
  P2P_TOPIC_LISTED, /* the owner sees it with an access list */
  P2P_TOPIC_PRIVATE /* another user has one of its own, bob/alice/friends/...: no access */
};
/* `ls` is the whole output (LF or CRLF). It may be malformed. */
enum p2p_topic_access p2p_topic_find(const char *ls, size_t length,
                                     const struct p2p_cluster *cluster, const char *user);
/* The clusters that `user` hosts, those of their own with an access list: "alice/friends
 * alice/lab". What does not fit is left out. */
void p2p_topic_list_hosted(const char *ls, size_t length, const char *user,
                           char out[static P2P_HOSTED_MAX]);
/* Whether the access list of the owner's topic contains `user`. */
bool p2p_topic_lists_user(const char *ls, size_t length, const struct p2p_cluster *cluster,
                          const char *user);

#endif
