/* Which users have attested which device keys: a list of the connections that have done so. */
#include "server/attested_keys.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool has_key(const struct p2p_attested_keys *keys, const uint8_t *key) {
  for (size_t i = 0; i < keys->n_keys; i++)
    if (memcmp(keys->keys[i], key, P2P_ATTESTED_KEY_LEN) == 0) return true;
  return false;
}

int p2p_attested_keys_add(struct p2p_attested_keys *keys, struct p2p_attested_keys **all,
                          const uint8_t key[static P2P_ATTESTED_KEY_LEN]) {
  if (has_key(keys, key)) return P2P_OK;
  if (keys->n_keys == P2P_BOARD_ATTESTED_MAX) return P2P_ERR_TOO_LARGE;
  if (keys->n_keys == 0) {
    keys->next = *all;
    keys->link = all;
    if (keys->next != NULL) keys->next->link = &keys->next;
    *all = keys;
  }
  memcpy(keys->keys[keys->n_keys++], key, P2P_ATTESTED_KEY_LEN);
  return P2P_OK;
}

void p2p_attested_keys_clear(struct p2p_attested_keys *keys) {
  if (keys->n_keys == 0) return;
  *keys->link = keys->next;
  if (keys->next != NULL) keys->next->link = keys->link;
  keys->n_keys = 0;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the names, and appends each once. */
static int put_names(const char **names, size_t n, struct p2p_buf *out) {
  int code = P2P_OK;
  qsort(names, n, sizeof *names, compare_names);
  for (size_t i = 0; i < n && code == P2P_OK; i++) {
    if (i > 0 && strcmp(names[i], names[i - 1]) == 0) continue;
    if (i > 0) code = p2p_buf_put(out, ",", 1);
    if (code == P2P_OK) code = p2p_buf_put(out, names[i], strlen(names[i]));
  }
  return code;
}

int p2p_attested_keys_list_users(const struct p2p_attested_keys *all,
                                 const uint8_t key[static P2P_ATTESTED_KEY_LEN],
                                 struct p2p_buf *out) {
  size_t n = 0;
  for (const struct p2p_attested_keys *at = all; at != NULL; at = at->next) n += has_key(at, key);
  if (n == 0) return P2P_OK;
  const char **names = calloc(n, sizeof *names);
  if (names == NULL) return P2P_ERR_MEMORY;
  n = 0;
  for (const struct p2p_attested_keys *at = all; at != NULL; at = at->next)
    if (has_key(at, key)) names[n++] = at->user;
  int code = put_names(names, n, out);
  free(names);
  return code;
}
