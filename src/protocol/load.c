/* The payload of LOAD. */
#include "protocol/load.h"

#include <stdio.h>
#include <string.h>

#include "protocol/list.h"
#include "protocol/machine.h"
#include "protocol/pairs.h"

/* 0: not a valid list, or an empty one. */
static size_t count_users(const char *list) {
  const char *user;
  size_t length, count = 0;
  for (; p2p_list_next(&list, &user, &length); count++)
    if (!p2p_user_name_is_valid(user, length)) return 0;
  return count;
}

bool p2p_load_users_are_valid(const char *list) {
  size_t count = count_users(list);
  return count > 0 && count <= P2P_LOAD_USERS_MAX;
}

void p2p_load_add_user(struct p2p_load *load, const char *user) {
  size_t used = strlen(load->users);
  if (p2p_list_contains(load->users, user) || count_users(load->users) >= P2P_LOAD_USERS_MAX ||
      !p2p_user_name_is_valid(user, strlen(user)))
    return;
  snprintf(load->users + used, sizeof load->users - used, "%s%s", used > 0 ? ";" : "", user);
}

bool p2p_load_is_same(const struct p2p_load *a, const struct p2p_load *b) {
  return a->busy == b->busy && a->waiting == b->waiting &&
         p2p_amounts_are_same(&a->reserved, &b->reserved) && strcmp(a->users, b->users) == 0 &&
         strcmp(a->state, b->state) == 0;
}

bool p2p_load_state_is_valid(const char *state) {
  size_t length = strlen(state);
  return state[0] >= 'a' && state[0] <= 'z' && length < P2P_LOAD_STATE_MAX &&
         strspn(state, "abcdefghijklmnopqrstuvwxyz0123456789: ") == length;
}

size_t p2p_load_write(const struct p2p_load *load, char out[static P2P_LOAD_MAX]) {
  char *at = out, *end = out + P2P_LOAD_MAX; /* room for all lines */
  const struct {
    const char *key;
    uint32_t count;
  } counts[] = {{"busy", load->busy},
                {"waiting", load->waiting},
                {"cores", load->reserved.cores},
                {"memory", load->reserved.memory_mib},
                {"gpu", load->reserved.gpus}};
  *at = '\0';
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    if (counts[i].count > 0)
      at += snprintf(at, (size_t)(end - at), "%s=%u\n", counts[i].key, (unsigned)counts[i].count);
  if (load->users[0] != '\0') at += snprintf(at, (size_t)(end - at), "users=%s\n", load->users);
  if (load->state[0] != '\0') at += snprintf(at, (size_t)(end - at), "state=%s\n", load->state);
  return (size_t)(at - out);
}

static bool read_users(const void *payload, size_t length, char out[P2P_LOAD_USERS_LEN]) {
  const char *users;
  if (!p2p_pairs_get_optional(payload, length, "users", out, P2P_LOAD_USERS_LEN, &users))
    return false;
  return users == NULL || p2p_load_users_are_valid(users);
}

static bool read_state(const void *payload, size_t length, char out[P2P_LOAD_STATE_MAX]) {
  const char *state;
  return p2p_pairs_get_optional(payload, length, "state", out, P2P_LOAD_STATE_MAX, &state) &&
         (state == NULL || p2p_load_state_is_valid(state));
}

int p2p_load_read(const void *payload, size_t length, struct p2p_load *out) {
  struct p2p_load load = {0};
  if (length >= P2P_LOAD_MAX ||
      !p2p_pairs_get_count(payload, length, "busy", P2P_WORKER_SLOTS_MAX, &load.busy) ||
      !p2p_pairs_get_count(payload, length, "waiting", P2P_LOAD_WAITING_MAX, &load.waiting) ||
      !p2p_pairs_get_count(payload, length, "cores", P2P_CORES_MAX, &load.reserved.cores) ||
      !p2p_pairs_get_count(payload, length, "memory", P2P_MEMORY_MAX, &load.reserved.memory_mib) ||
      !p2p_pairs_get_count(payload, length, "gpu", P2P_GPUS_MAX, &load.reserved.gpus) ||
      !read_users(payload, length, load.users) || !read_state(payload, length, load.state))
    return P2P_ERR_PROTOCOL;
  *out = load;
  return P2P_OK;
}
