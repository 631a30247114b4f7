/* Names of packages, and the payloads of PACKAGES. */
#include "protocol/package_list.h"

#include <string.h>

#include "protocol/list.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool consists_of(const char *text, size_t length, const char *characters) {
  for (size_t i = 0; i < length; i++)
    if (text[i] == '\0' || strchr(characters, text[i]) == NULL) return false;
  return true;
}

bool p2p_package_name_is_valid(const char *text, size_t length) {
  return length > 0 && length < P2P_PACKAGE_NAME_MAX && consists_of(text, 1, LETTERS) &&
         consists_of(text, length, LETTERS DIGITS ".");
}

static bool version_is_valid(const char *text, size_t length) {
  return length < P2P_PACKAGE_VERSION_MAX && consists_of(text, length, LETTERS DIGITS "._-");
}

/* ---- lists ---- */

bool p2p_package_list_is_valid(const char *list) {
  const char *name;
  size_t length;
  while (p2p_list_next(&list, &name, &length))
    if (!p2p_package_name_is_valid(name, length)) return false;
  return true;
}

static void copy(char *out, size_t size, const char *text, size_t length) {
  if (length >= size) length = size - 1;
  memcpy(out, text, length);
  out[length] = '\0';
}

bool p2p_package_list_next(const char **list, char name[static P2P_PACKAGE_NAME_MAX]) {
  if (**list == '\0') return false;
  size_t length = strcspn(*list, ";");
  copy(name, P2P_PACKAGE_NAME_MAX, *list, length);
  *list += length + ((*list)[length] == ';');
  return true;
}

/* ---- writing ---- */

int p2p_package_request_put(struct p2p_buf *out, const char *name) {
  char entry[1 + P2P_PACKAGE_NAME_MAX];
  size_t length = strlen(name), used = 0;
  if (!p2p_package_name_is_valid(name, length)) return P2P_ERR_INVALID;
  if (p2p_buf_len(out) > 0) entry[used++] = ';';
  memcpy(entry + used, name, length);
  return p2p_buf_put(out, entry, used + length);
}

int p2p_package_reply_put(struct p2p_buf *out, const char *name, const char *version) {
  char entry[1 + P2P_PACKAGE_NAME_MAX + P2P_PACKAGE_VERSION_MAX];
  size_t name_length = strlen(name), version_length = strlen(version), used = 0;
  if (!p2p_package_name_is_valid(name, name_length) || !version_is_valid(version, version_length))
    return P2P_ERR_INVALID;
  if (p2p_buf_len(out) > 0) entry[used++] = ';';
  memcpy(entry + used, name, name_length);
  used += name_length;
  entry[used++] = '=';
  memcpy(entry + used, version, version_length);
  return p2p_buf_put(out, entry, used + version_length);
}

/* ---- reading ---- */

void p2p_package_reader_init(struct p2p_package_reader *reader, const void *payload,
                             size_t length) {
  *reader = (struct p2p_package_reader){
      .at = payload, .end = (const char *)payload + length, .is_done = length == 0};
}

/* The bytes up to the next ';' or the end. */
static int next_entry(struct p2p_package_reader *reader, const char **entry, size_t *length) {
  if (reader->is_done) return 0;
  if (reader->count++ == P2P_PACKAGE_REQUEST_MAX) return P2P_ERR_TOO_LARGE;
  size_t left = (size_t)(reader->end - reader->at);
  const char *separator = left == 0 ? NULL : memchr(reader->at, ';', left);
  *entry = reader->at;
  *length = separator != NULL ? (size_t)(separator - reader->at) : left;
  reader->is_done = separator == NULL;
  if (separator != NULL) reader->at = separator + 1;
  return 1;
}

int p2p_package_request_next(struct p2p_package_reader *reader, struct p2p_package *out) {
  const char *entry;
  size_t length;
  int code = next_entry(reader, &entry, &length);
  if (code != 1) return code;
  if (!p2p_package_name_is_valid(entry, length)) return P2P_ERR_PARSE;
  copy(out->name, sizeof out->name, entry, length);
  out->version[0] = '\0';
  return 1;
}

int p2p_package_reply_next(struct p2p_package_reader *reader, struct p2p_package *out) {
  const char *entry;
  size_t length;
  int code = next_entry(reader, &entry, &length);
  if (code != 1) return code;
  const char *equals = length == 0 ? NULL : memchr(entry, '=', length);
  if (equals == NULL) return P2P_ERR_PARSE;
  size_t name_length = (size_t)(equals - entry), version_length = length - name_length - 1;
  if (!p2p_package_name_is_valid(entry, name_length) ||
      !version_is_valid(equals + 1, version_length))
    return P2P_ERR_PARSE;
  copy(out->name, sizeof out->name, entry, name_length);
  copy(out->version, sizeof out->version, equals + 1, version_length);
  return 1;
}
