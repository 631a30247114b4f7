/* The payload of LOAD. */
#include "protocol/load.h"

#include <stdio.h>
#include <string.h>

#include "protocol/machine.h"
#include "protocol/pairs.h"

/* Returns the number of names in a valid list, or 0; sets *found when one of them is `user`. */
static size_t count_users(const char *list, const char *user, bool *found) {
  for (size_t count = 1;; count++) {
    size_t length = strcspn(list, ";");
    if (!p2p_user_name_is_valid(list, length)) return 0;
    if (strlen(user) == length && memcmp(list, user, length) == 0) *found = true;
    if (list[length] == '\0') return count;
    list += length + 1;
  }
}

void p2p_load_add_user(struct p2p_load *load, const char *user) {
  bool is_listed = false;
  size_t used = strlen(load->users), count = count_users(load->users, user, &is_listed);
  if (is_listed || count >= P2P_LOAD_USERS_MAX || !p2p_user_name_is_valid(user, strlen(user)))
    return;
  snprintf(load->users + used, sizeof load->users - used, "%s%s", used > 0 ? ";" : "", user);
}

bool p2p_load_is_same(const struct p2p_load *a, const struct p2p_load *b) {
  return a->busy == b->busy && a->waiting == b->waiting && strcmp(a->users, b->users) == 0;
}

size_t p2p_load_write(const struct p2p_load *load, char out[static P2P_LOAD_MAX]) {
  char *at = out, *end = out + P2P_LOAD_MAX; /* room for all three lines */
  *at = '\0';
  if (load->busy > 0) at += snprintf(at, (size_t)(end - at), "busy=%u\n", (unsigned)load->busy);
  if (load->waiting > 0)
    at += snprintf(at, (size_t)(end - at), "waiting=%u\n", (unsigned)load->waiting);
  if (load->users[0] != '\0') at += snprintf(at, (size_t)(end - at), "users=%s\n", load->users);
  return (size_t)(at - out);
}

/* A missing count is 0. */
static bool read_count(const void *payload, size_t length, const char *key, uint32_t max,
                       uint32_t *out) {
  char space[16];
  const char *text;
  return p2p_pairs_get_optional(payload, length, key, space, sizeof space, &text) &&
         (text == NULL || p2p_count_parse(text, max, out));
}

static bool read_users(const void *payload, size_t length, char out[P2P_LOAD_USERS_LEN]) {
  const char *users;
  bool unused;
  if (!p2p_pairs_get_optional(payload, length, "users", out, P2P_LOAD_USERS_LEN, &users))
    return false;
  if (users == NULL) return true;
  size_t count = count_users(users, "", &unused);
  return count > 0 && count <= P2P_LOAD_USERS_MAX;
}

int p2p_load_read(const void *payload, size_t length, struct p2p_load *out) {
  struct p2p_load load = {0};
  if (length >= P2P_LOAD_MAX ||
      !read_count(payload, length, "busy", P2P_WORKER_SLOTS_MAX, &load.busy) ||
      !read_count(payload, length, "waiting", P2P_LOAD_WAITING_MAX, &load.waiting) ||
      !read_users(payload, length, load.users))
    return P2P_ERR_PROTOCOL;
  *out = load;
  return P2P_OK;
}
