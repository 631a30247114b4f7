/* Names of users, clusters and topics. A topic in the output of `ls` counts only when its whole
 * name is equal. */
#include "board/topic.h"

#include <stdio.h>
#include <string.h>

#define CHANNEL_MAX (2 * P2P_USER_MAX + 96 + 32)

bool p2p_user_is_valid(const char *user) {
  return user != NULL && p2p_user_name_is_valid(user, strlen(user));
}

int p2p_cluster_parse(const char *text, struct p2p_cluster *out, struct p2p_err *err) {
  const char *slash = text == NULL ? NULL : strchr(text, '/');
  size_t owner = slash == NULL ? 0 : (size_t)(slash - text);
  size_t name = slash == NULL ? 0 : strlen(slash + 1);
  if (slash == NULL || !p2p_user_name_is_valid(text, owner) ||
      !p2p_cluster_name_is_valid(slash + 1, name)) {
    return p2p_err_because(err, "cluster_name",
                           p2p_err_set(err, P2P_ERR_INVALID,
                                       "'%.80s' is not a cluster name of the form 'owner/name'",
                                       text == NULL ? "" : text));
  }
  memcpy(out->owner, text, owner);
  out->owner[owner] = '\0';
  memcpy(out->name, slash + 1, name + 1);
  return P2P_OK;
}

int p2p_users_join(const char *const *users, size_t n, char *out, size_t size,
                   struct p2p_err *err) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < n; i++) {
    const char *user = users[i];
    if (!p2p_user_is_valid(user))
      return p2p_err_because(err, "member_name",
                             p2p_err_set(err, P2P_ERR_INVALID, "'%.80s' is not a user name",
                                         user == NULL ? "" : user));
    int length = snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ",", user);
    if (length < 0 || (size_t)length >= size - used)
      return p2p_err_set(err, P2P_ERR_TOO_LARGE,
                         "the names of the users have more than %zu characters in all", size);
    used += (size_t)length;
  }
  return P2P_OK;
}

bool p2p_users_include(const char *list, size_t list_length, const char *name, size_t length) {
  const char *end = list + list_length;
  for (const char *at = list; at < end; at++) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *part = comma == NULL ? end : comma;
    if ((size_t)(part - at) == length && memcmp(at, name, length) == 0) return true;
    at = part;
  }
  return false;
}

int p2p_topic_name(const struct p2p_cluster *cluster, const char *user, char *out, size_t size) {
  int length = strcmp(cluster->owner, user) == 0
                   ? snprintf(out, size, "%s" P2P_TOPIC_SUFFIX, cluster->name)
                   : snprintf(out, size, "%s/%s" P2P_TOPIC_SUFFIX, cluster->owner, cluster->name);
  return length < 0 || (size_t)length >= size ? P2P_ERR_TOO_LARGE : P2P_OK;
}

int p2p_topic_open_command(const struct p2p_cluster *cluster, const char *user, const char *access,
                           char *out, size_t size) {
  char topic[P2P_CLUSTER_MAX + sizeof P2P_TOPIC_SUFFIX];
  int code = p2p_topic_name(cluster, user, topic, sizeof topic);
  if (code != P2P_OK) return code;
  int length = access == NULL ? snprintf(out, size, "pipe %s -r", topic)
                              : snprintf(out, size, "pipe %s -r -a %s%s%s", topic, user,
                                         access[0] == '\0' ? "" : ",", access);
  return length < 0 || (size_t)length >= size ? P2P_ERR_TOO_LARGE : P2P_OK;
}

/* A part of the output of `ls`, which is not NUL-terminated. */
struct text {
  const char *at;
  size_t length;
};

/* Removes the next line of a channel from `ls`: what follows its "- ", without CR and LF. */
static bool next_channel(struct text *ls, struct text *channel) {
  while (ls->length > 0) {
    const char *line = ls->at, *newline = memchr(line, '\n', ls->length);
    size_t length = newline == NULL ? ls->length : (size_t)(newline - line);
    size_t trimmed = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
    size_t taken = newline == NULL ? length : length + 1;
    *ls = (struct text){line + taken, ls->length - taken};
    if (trimmed < 2 || memcmp(line, "- ", 2) != 0) continue;
    *channel = (struct text){line + 2, trimmed - 2};
    return true;
  }
  return false;
}

/* What follows the name of the channel in its line of `ls`, or NULL when there is no such channel.
 */
static const char *find_channel(const char *text, size_t length, const char *name,
                                size_t *rest_length) {
  struct text ls = {text, length}, channel;
  size_t skip = strlen(name);
  while (next_channel(&ls, &channel)) {
    if (channel.length < skip || memcmp(channel.at, name, skip) != 0 ||
        (channel.length > skip && channel.at[skip] != ':'))
      continue;
    *rest_length = channel.length - skip;
    return channel.at + skip;
  }
  return NULL;
}

/* The access list within the rest of a channel's line: "bob, carol" of ": (Access List: bob,
 * carol)". NULL when there is none. */
static const char *find_access(const char *rest, size_t length, size_t *access_length) {
  static const char opening[] = ": (Access List: ";
  size_t skip = sizeof opening - 1;
  if (length < skip + 1 || memcmp(rest, opening, skip) != 0 || rest[length - 1] != ')') return NULL;
  *access_length = length - skip - 1;
  return rest + skip;
}

static const char *find_owned(const char *text, size_t length, const struct p2p_cluster *cluster,
                              size_t *rest_length) {
  char channel[CHANNEL_MAX];
  snprintf(channel, sizeof channel, "%s/%s" P2P_TOPIC_SUFFIX, cluster->owner, cluster->name);
  return find_channel(text, length, channel, rest_length);
}

enum p2p_topic_access p2p_topic_find(const char *text, size_t length,
                                     const struct p2p_cluster *cluster, const char *user) {
  size_t rest_length, access_length;
  if (strcmp(cluster->owner, user) == 0) {
    const char *rest = find_owned(text, length, cluster, &rest_length);
    if (rest == NULL) return P2P_TOPIC_ABSENT;
    return find_access(rest, rest_length, &access_length) == NULL ? P2P_TOPIC_OPEN
                                                                  : P2P_TOPIC_LISTED;
  }
  char channel[CHANNEL_MAX];
  snprintf(channel, sizeof channel, "%.63s/%s/%s" P2P_TOPIC_SUFFIX, user, cluster->owner,
           cluster->name);
  return find_channel(text, length, channel, &rest_length) == NULL ? P2P_TOPIC_ABSENT
                                                                   : P2P_TOPIC_PRIVATE;
}

bool p2p_topic_lists_user(const char *text, size_t length, const struct p2p_cluster *cluster,
                          const char *user) {
  size_t rest_length, left, name = strlen(user);
  const char *rest = find_owned(text, length, cluster, &rest_length);
  const char *at = rest == NULL ? NULL : find_access(rest, rest_length, &left);
  if (at == NULL || name == 0) return false;
  while (left > 0) {
    const char *comma = memchr(at, ',', left);
    size_t entry = comma == NULL ? left : (size_t)(comma - at);
    size_t blanks = entry > 0 && at[0] == ' ' ? 1 : 0;
    if (entry - blanks == name && memcmp(at + blanks, user, name) == 0) return true;
    if (comma == NULL) break;
    at += entry + 1;
    left -= entry + 1;
  }
  return false;
}

/* Whether the channel is a cluster of `user` with an access list. Copies its name. */
static bool is_hosted(const struct text *channel, const char *user,
                      char name[static P2P_CLUSTER_NAME_MAX]) {
  static const char suffix[] = P2P_TOPIC_SUFFIX;
  size_t owner = strlen(user), access, whole = 0;
  while (whole < channel->length && channel->at[whole] != ':') whole++;
  if (whole < owner + sizeof suffix || memcmp(channel->at, user, owner) != 0 ||
      channel->at[owner] != '/' ||
      memcmp(channel->at + whole - (sizeof suffix - 1), suffix, sizeof suffix - 1) != 0)
    return false;
  size_t length = whole - owner - sizeof suffix;
  const char *start = channel->at + owner + 1;
  if (!p2p_cluster_name_is_valid(start, length)) return false;
  memcpy(name, start, length);
  name[length] = '\0';
  return find_access(channel->at + whole, channel->length - whole, &access) != NULL;
}

void p2p_topic_list_hosted(const char *text, size_t length, const char *user,
                           char out[static P2P_HOSTED_MAX]) {
  struct text ls = {text, length}, channel;
  char name[P2P_CLUSTER_NAME_MAX];
  size_t used = 0;
  out[0] = '\0';
  while (next_channel(&ls, &channel)) {
    if (!is_hosted(&channel, user, name)) continue;
    size_t needed = strlen(user) + strlen(name) + 2;
    if (needed >= P2P_HOSTED_MAX - used) break;
    used += (size_t)snprintf(out + used, P2P_HOSTED_MAX - used, "%s%s/%s", used > 0 ? " " : "",
                             user, name);
  }
}
