/* Is this where we want to be? The board refuses no topic aloud, and the access list is that of the first
 * connection on a name: what `ls` shows is the only proof. */
#include "board/landing.h"

#include <stdio.h>
#include <string.h>

static bool is_owner(const struct p2p_landing_case *landing) {
  return strcmp(landing->user, landing->cluster->owner) == 0;
}

static bool is_own_personal(const struct p2p_landing_case *landing) {
  return is_owner(landing) && strcmp(landing->cluster->name, "personal") == 0;
}

bool p2p_landing_needs_host(const struct p2p_landing_case *landing) {
  return landing->role != P2P_ROLE_HOST && is_owner(landing) && !is_own_personal(landing);
}

int p2p_landing_check_owner(const struct p2p_landing_case *landing, struct p2p_err *err) {
  const char *owner = landing->cluster->owner, *name = landing->cluster->name, *user = landing->user;
  if (landing->role != P2P_ROLE_HOST || is_owner(landing)) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "Only '%s' can host the cluster '%s/%s', and on '%s' your SSH key belongs to '%s'. Host a cluster of "
                     "your own, '%s/%s', or use the other key: ssh_args = c(\"-i\", \"FILE\", \"-o\", \"IdentitiesOnly=yes\").",
                     owner, owner, name, landing->board, user, user, name);
}

int p2p_landing_check_hosted(const struct p2p_landing_case *landing, const char *text, size_t length, struct p2p_err *err) {
  const char *owner = landing->cluster->owner, *name = landing->cluster->name;
  if (p2p_topic_landing(text, length, landing->cluster, landing->user) == P2P_LANDING_LISTED) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "The cluster '%s/%s' is not hosted. As its owner, start it with future.p2p::host_cluster(\"%s/%s\", "
                     "users = ...) and try again. (A cluster of your own, '%s/personal', needs no host.)",
                     owner, name, owner, name, owner);
}

/* The first of the users we host for whom the access list does not have. */
static bool find_unlisted(const struct p2p_landing_case *landing, const char *text, size_t length,
                          char user[static P2P_USER_MAX]) {
  for (const char *at = landing->access; *at != '\0'; at += *at == ',') {
    size_t part = strcspn(at, ",");
    snprintf(user, P2P_USER_MAX, "%.*s", (int)part, at);
    if (!p2p_topic_lists_user(text, length, landing->cluster, user)) return true;
    at += part;
  }
  return false;
}

static int check_host(const struct p2p_landing_case *landing, enum p2p_landing where, const char *text, size_t length,
                      struct p2p_err *err) {
  const char *owner = landing->cluster->owner, *name = landing->cluster->name;
  char user[P2P_USER_MAX];
  if (where == P2P_LANDING_OPEN) {
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "The cluster '%s/%s' cannot be hosted now: another program of '%s' (a worker, or a client) is on it "
                       "already, without an access list, and the first one decides. Stop it, host the cluster, then start "
                       "it again.",
                       owner, name, landing->user);
  }
  if (!find_unlisted(landing, text, length, user)) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "The cluster '%s/%s' is hosted already, by another program of '%s', and not for '%s'. The access list "
                     "is that of the first host: stop it first.",
                     owner, name, landing->user, user);
}

static int check_owner_landing(const struct p2p_landing_case *landing, const char *text, size_t length, struct p2p_err *err) {
  const char *owner = landing->cluster->owner, *name = landing->cluster->name;
  enum p2p_landing where = p2p_topic_landing(text, length, landing->cluster, landing->user);
  if (where == P2P_LANDING_ABSENT) {
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "'%s' does not show the cluster '%s/%s' that it has just opened.",
                       landing->board, owner, name);
  }
  if (landing->role == P2P_ROLE_HOST) return check_host(landing, where, text, length, err);
  if (where == P2P_LANDING_LISTED || is_own_personal(landing)) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "The host of the cluster '%s/%s' has just left it. Start it again with "
                     "future.p2p::host_cluster(\"%s/%s\", users = ...).",
                     owner, name, owner, name);
}

int p2p_landing_check(const struct p2p_landing_case *landing, const char *text, size_t length, struct p2p_err *err) {
  const char *owner = landing->cluster->owner, *name = landing->cluster->name, *user = landing->user;
  if (is_owner(landing)) return check_owner_landing(landing, text, length, err);
  if (p2p_topic_landing(text, length, landing->cluster, user) != P2P_LANDING_PRIVATE) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_ACCESS,
                     "No access to cluster '%s/%s': is it being hosted, and is '%s' among its users? (host: '%s' runs "
                     "future.p2p::host_cluster(\"%s/%s\", users = \"%s\") on '%s')",
                     owner, name, user, owner, owner, name, user, landing->board);
}
