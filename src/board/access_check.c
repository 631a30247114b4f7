/* Whether a member is on the cluster that it wants. The access list of a topic is that of the first
 * connection that opened it; later ones are ignored by the board. */
#include "board/access_check.h"

#include <stdio.h>
#include <string.h>

static bool is_owner(const struct p2p_access_check *check) {
  return strcmp(check->user, check->cluster->owner) == 0;
}

static bool is_personal(const struct p2p_access_check *check) {
  return strcmp(check->cluster->name, "personal") == 0;
}

static bool is_own_personal(const struct p2p_access_check *check) {
  return is_owner(check) && is_personal(check);
}

bool p2p_access_check_needs_host(const struct p2p_access_check *check) {
  return check->role != P2P_ROLE_HOST && is_owner(check) && !is_own_personal(check);
}

static int set_not_hosted(const struct p2p_access_check *check, struct p2p_err *err) {
  return p2p_err_because(err, "not_hosted",
                         p2p_err_set(err, P2P_ERR_ACCESS, "the cluster '%s/%s' is not hosted",
                                     check->cluster->owner, check->cluster->name));
}

int p2p_access_check_role(const struct p2p_access_check *check, struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name;
  if (check->role != P2P_ROLE_HOST || is_owner(check)) return P2P_OK;
  return p2p_err_because(
      err, "not_owner",
      p2p_err_set(
          err, P2P_ERR_ACCESS,
          "only '%s' can host the cluster '%s/%s', and your SSH key belongs to '%s' on '%s'", owner,
          owner, name, check->user, check->board));
}

int p2p_access_check_hosted(const struct p2p_access_check *check, const char *ls, size_t length,
                            struct p2p_err *err) {
  enum p2p_topic_access access = p2p_topic_find(ls, length, check->cluster, check->user);
  return access == P2P_TOPIC_LISTED ? P2P_OK : set_not_hosted(check, err);
}

/* The first user in `check->access` who is not on the topic's access list. */
static bool find_unlisted(const struct p2p_access_check *check, const char *ls, size_t length,
                          char user[static P2P_USER_MAX]) {
  for (const char *at = check->access; *at != '\0'; at += *at == ',') {
    size_t part = strcspn(at, ",");
    snprintf(user, P2P_USER_MAX, "%.*s", (int)part, at);
    if (!p2p_topic_lists_user(ls, length, check->cluster, user)) return true;
    at += part;
  }
  return false;
}

static int check_host(const struct p2p_access_check *check, enum p2p_topic_access access,
                      const char *ls, size_t length, struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name;
  char user[P2P_USER_MAX];
  if (access == P2P_TOPIC_OPEN)
    return p2p_err_because(
        err, "topic_in_use",
        p2p_err_set(err, P2P_ERR_ACCESS,
                    "the cluster '%s/%s' cannot be hosted now: another program of '%s' (a worker "
                    "or a client) uses it without an access list",
                    owner, name, check->user));
  if (!find_unlisted(check, ls, length, user)) return P2P_OK;
  return p2p_err_because(err, "already_hosted",
                         p2p_err_set(err, P2P_ERR_ACCESS,
                                     "the cluster '%s/%s' is already hosted by another program of "
                                     "'%s', without access for '%s'",
                                     owner, name, check->user, user));
}

static int check_owner(const struct p2p_access_check *check, const char *ls, size_t length,
                       struct p2p_err *err) {
  enum p2p_topic_access access = p2p_topic_find(ls, length, check->cluster, check->user);
  if (access == P2P_TOPIC_ABSENT)
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "'%s' does not list the cluster '%s/%s' that was just opened", check->board,
                       check->cluster->owner, check->cluster->name);
  if (check->role == P2P_ROLE_HOST) return check_host(check, access, ls, length, err);
  /* The host may have left since p2p_access_check_hosted. */
  return access == P2P_TOPIC_LISTED || is_own_personal(check) ? P2P_OK : set_not_hosted(check, err);
}

int p2p_access_check_joined(const struct p2p_access_check *check, const char *ls, size_t length,
                            struct p2p_err *err) {
  const char *owner = check->cluster->owner, *name = check->cluster->name;
  if (is_owner(check)) return check_owner(check, ls, length, err);
  if (p2p_topic_find(ls, length, check->cluster, check->user) != P2P_TOPIC_PRIVATE) return P2P_OK;
  if (is_personal(check))
    return p2p_err_because(err, "other_personal",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "'%s/%s' is the personal cluster of '%s', and you are '%s' "
                                       "on '%s'",
                                       owner, name, owner, check->user, check->board));
  return p2p_err_because(err, "no_access",
                         p2p_err_set(err, P2P_ERR_ACCESS,
                                     "no access to cluster '%s/%s' on '%s': it is not hosted, or "
                                     "'%s' is not among its users",
                                     owner, name, check->board, check->user));
}
