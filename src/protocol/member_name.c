/* Names and counts. */
#include "protocol/member_name.h"

#include <stdio.h>
#include <string.h>

#define DIGITS "0123456789"
#define NAME_CHARACTERS DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-"
#define PID_DIGITS_MAX 10
#define COUNT_DIGITS_MAX 9

static bool name_is_valid(const char *text, size_t length, size_t max) {
  if (length == 0 || length >= max || text[0] == '-' || text[0] == '.') return false;
  for (size_t i = 0; i < length; i++)
    if (text[i] == '\0' || strchr(NAME_CHARACTERS, text[i]) == NULL) return false;
  return true;
}

bool p2p_user_name_is_valid(const char *text, size_t length) {
  return name_is_valid(text, length, P2P_USER_NAME_MAX);
}

bool p2p_cluster_name_is_valid(const char *text, size_t length) {
  return name_is_valid(text, length, P2P_CLUSTER_NAME_MAX);
}

bool p2p_member_name_is_valid(const char *text) {
  if (strlen(text) >= P2P_MEMBER_NAME_MAX) return false;
  size_t user = strcspn(text, "@");
  if (text[user] != '@' || !p2p_user_name_is_valid(text, user)) return false;
  const char *host = text + user + 1;
  size_t length = strspn(host, NAME_CHARACTERS);
  if (length == 0 || host[length] != ':') return false;
  const char *pid = host + length + 1;
  size_t digits = strspn(pid, DIGITS);
  return digits > 0 && digits <= PID_DIGITS_MAX && pid[digits] == '\0';
}

void p2p_member_name_user(const char *name, char out[P2P_USER_NAME_MAX]) {
  snprintf(out, P2P_USER_NAME_MAX, "%.*s", (int)strcspn(name, "@"), name);
}

void p2p_cluster_owner(const char *cluster, char out[P2P_USER_NAME_MAX]) {
  snprintf(out, P2P_USER_NAME_MAX, "%.*s", (int)strcspn(cluster, "/"), cluster);
}

bool p2p_cluster_is_personal(const char *cluster) {
  return strcmp(cluster + strcspn(cluster, "/"), "/personal") == 0;
}

bool p2p_count_parse(const char *text, uint32_t max, uint32_t *out) {
  size_t digits = strspn(text, DIGITS);
  if (digits == 0 || digits > COUNT_DIGITS_MAX || text[digits] != '\0' || text[0] == '0')
    return false;
  uint32_t count = 0;
  for (; *text != '\0'; text++) count = count * 10 + (uint32_t)(*text - '0');
  if (count > max) return false;
  *out = count;
  return true;
}

bool p2p_count_parse_optional(const char *text, uint32_t max, uint32_t *out) {
  return text == NULL || p2p_count_parse(text, max, out);
}
