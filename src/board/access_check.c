/* Is this where we want to be? The board refuses no topic aloud, and the access list is that of the
 * first connection on a name: what `ls` shows is the only proof. */
#include "board/access_check.h"

#include <stdio.h>
#include <string.h>

static bool is_owner(const struct p2p_access_check_case *check) {
  return strcmp(check->user, check->cluster->owner) == 0;
}

static bool is_own_personal(const struct p2p_access_check_case *check) {
  return is_owner(check) && strcmp(check->cluster->name, "personal") == 0;
}

bool p2p_access_check_needs_host(const struct p2p_access_check_case *check) {
  return check->role != P2P_ROLE_HOST && is_owner(check) && !is_own_personal(check);
}

int p2p_access_check_check_owner(const struct p2p_access_check_case *check, struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name, *user = check->user;
  if (check->role != P2P_ROLE_HOST || is_owner(check)) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "Only '%s' can host the cluster '%s/%s', and on '%s' your SSH key belongs to "
                     "'%s'. Host a cluster of "
                     "your own, '%s/%s', or use the other key: ssh_args = c(\"-i\", \"FILE\", "
                     "\"-o\", \"IdentitiesOnly=yes\").",
                     owner, owner, name, check->board, user, user, name);
}

int p2p_access_check_check_hosted(const struct p2p_access_check_case *check, const char *text,
                                  size_t length, struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name;
  if (p2p_topic_landing(text, length, check->cluster, check->user) == P2P_ACCESS_CHECK_LISTED)
    return P2P_OK;
  return p2p_err_set(
      err, P2P_ERR_ACCESS,
      "The cluster '%s/%s' is not hosted. As its owner, start it with "
      "future.p2p::host_cluster(\"%s/%s\", "
      "users = ...) and try again. (A cluster of your own, '%s/personal', needs no host.)",
      owner, name, owner, name, owner);
}

/* The first of the users we host for whom the access list does not have. */
static bool find_unlisted(const struct p2p_access_check_case *check, const char *text,
                          size_t length, char user[static P2P_USER_MAX]) {
  for (const char *at = check->access; *at != '\0'; at += *at == ',') {
    size_t part = strcspn(at, ",");
    snprintf(user, P2P_USER_MAX, "%.*s", (int)part, at);
    if (!p2p_topic_lists_user(text, length, check->cluster, user)) return true;
    at += part;
  }
  return false;
}

static int check_host(const struct p2p_access_check_case *check, enum p2p_access_check where,
                      const char *text, size_t length, struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name;
  char user[P2P_USER_MAX];
  if (where == P2P_ACCESS_CHECK_OPEN) {
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "The cluster '%s/%s' cannot be hosted now: another program of '%s' (a "
                       "worker, or a client) is on it "
                       "already, without an access list, and the first one decides. Stop it, host "
                       "the cluster, then start "
                       "it again.",
                       owner, name, check->user);
  }
  if (!find_unlisted(check, text, length, user)) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "The cluster '%s/%s' is hosted already, by another program of '%s', and not "
                     "for '%s'. The access list "
                     "is that of the first host: stop it first.",
                     owner, name, check->user, user);
}

static int check_owner_landing(const struct p2p_access_check_case *check, const char *text,
                               size_t length, struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name;
  enum p2p_access_check where = p2p_topic_landing(text, length, check->cluster, check->user);
  if (where == P2P_ACCESS_CHECK_ABSENT) {
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "'%s' does not show the cluster '%s/%s' that it has just opened.",
                       check->board, owner, name);
  }
  if (check->role == P2P_ROLE_HOST) return check_host(check, where, text, length, err);
  if (where == P2P_ACCESS_CHECK_LISTED || is_own_personal(check)) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "The host of the cluster '%s/%s' has just left it. Start it again with "
                     "future.p2p::host_cluster(\"%s/%s\", users = ...).",
                     owner, name, owner, name);
}

int p2p_access_check_check(const struct p2p_access_check_case *check, const char *text,
                           size_t length, struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name, *user = check->user;
  if (is_owner(check)) return check_owner_landing(check, text, length, err);
  if (p2p_topic_landing(text, length, check->cluster, user) != P2P_ACCESS_CHECK_PRIVATE)
    return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "No access to cluster '%s/%s': is it being hosted, and is '%s' among its "
                     "users? (host: '%s' runs "
                     "future.p2p::host_cluster(\"%s/%s\", users = \"%s\") on '%s')",
                     owner, name, user, owner, owner, name, user, check->board);
}
