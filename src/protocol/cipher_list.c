/* Names of ciphers, and the choice of one. */
#include "protocol/cipher_list.h"

#include <stdio.h>
#include <string.h>

#include "protocol/list.h"

#define NAME_MAX_LEN 31

static const char *const NAMES[] = {[P2P_CIPHER_NONE] = "secretbox",
                                    [P2P_CIPHER_AES_256_GCM] = "aes256gcm",
                                    [P2P_CIPHER_CHACHA20_POLY1305] = "chacha20poly1305"};

const char *p2p_cipher_list_name(enum p2p_cipher_kind kind) { return NAMES[kind]; }

void p2p_cipher_list_write(const struct p2p_cipher_list *list, char out[P2P_CIPHER_LIST_MAX]) {
  int used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < list->count; i++) /* two names fit */
    used += snprintf(out + used, P2P_CIPHER_LIST_MAX - (size_t)used, "%s%s", i > 0 ? ";" : "",
                     p2p_cipher_list_name(list->kinds[i]));
}

static bool contains(const struct p2p_cipher_list *list, enum p2p_cipher_kind kind) {
  for (size_t i = 0; i < list->count; i++)
    if (list->kinds[i] == kind) return true;
  return false;
}

static void add(struct p2p_cipher_list *list, const char *name, size_t length) {
  for (size_t kind = 1; kind <= P2P_CIPHER_KINDS; kind++)
    if (strlen(NAMES[kind]) == length && memcmp(NAMES[kind], name, length) == 0 &&
        !contains(list, (enum p2p_cipher_kind)kind))
      list->kinds[list->count++] = (enum p2p_cipher_kind)kind;
}

bool p2p_cipher_list_read(const char *text, struct p2p_cipher_list *out) {
  struct p2p_cipher_list list = {.count = 0};
  const char *name;
  size_t length;
  while (p2p_list_next(&text, &name, &length)) {
    if (length == 0 || length > NAME_MAX_LEN ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") < length)
      return false;
    add(&list, name, length);
  }
  *out = list;
  return true;
}

enum p2p_cipher_kind p2p_cipher_list_choose(const struct p2p_cipher_list *worker,
                                            const struct p2p_cipher_list *client) {
  for (size_t i = 0; i < worker->count; i++)
    if (contains(client, worker->kinds[i])) return worker->kinds[i];
  return P2P_CIPHER_NONE;
}
