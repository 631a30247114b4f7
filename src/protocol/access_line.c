/* The access line of a cluster's host. */
#include "protocol/access_line.h"

#include <string.h>

#include "protocol/list.h"
#include "protocol/member_name.h"

/* One line holds no more names: each takes at least two bytes. */
#define USERS_MAX (P2P_LINE_MAX / 2)

/* "a;b;c" of exactly n_users names; "" for none. */
static bool is_user_list(const char *users, size_t n_users) {
  const char *user;
  size_t length, count = 0;
  if (*users == '\0') return n_users == 0;
  for (; p2p_list_next(&users, &user, &length); count++)
    if (!p2p_user_name_is_valid(user, length)) return false;
  return count == n_users;
}

static bool is_valid(const struct p2p_access_line *access) {
  return p2p_user_name_is_valid(access->owner, access->owner_length) &&
         is_user_list(access->users, access->n_users);
}

int p2p_access_line_write(struct p2p_line *out, const struct p2p_access_line *access, time_t now) {
  p2p_line_init(out);
  if (!is_valid(access)) return P2P_ERR_INVALID;
  int code = p2p_line_put_when(out, now);
  if (code == P2P_OK)
    code = p2p_line_putf(out, "owner", "%.*s", (int)access->owner_length, access->owner);
  if (code == P2P_OK) code = p2p_line_putf(out, "nusers", "%zu", access->n_users);
  if (code == P2P_OK) code = p2p_line_put(out, "users", access->users);
  if (code == P2P_OK) code = p2p_line_put_expires(out, now, P2P_ACCESS_LINE_VALID_S);
  if (code != P2P_OK) p2p_line_init(out);
  return code;
}

int p2p_access_line_read(const struct p2p_line *line, struct p2p_access_line *out) {
  const char *owner = p2p_line_get(line, "owner"), *count = p2p_line_get(line, "nusers");
  const char *users = p2p_line_get(line, "users");
  uint32_t n_users = 0;
  if (owner == NULL || p2p_line_get(line, "type") != NULL) return P2P_ERR_CANCELED;
  if (count == NULL || users == NULL) return P2P_ERR_PARSE;
  if (strcmp(count, "0") != 0 && !p2p_count_parse(count, USERS_MAX, &n_users)) return P2P_ERR_PARSE;
  struct p2p_access_line access = {owner, strlen(owner), n_users, users};
  if (!is_valid(&access)) return P2P_ERR_PARSE;
  *out = access;
  return P2P_OK;
}
