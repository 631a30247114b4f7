/* The table of installed packages is one text: it is asked rarely. */
#include "worker/packages.h"

#include <stdbool.h>
#include <string.h>

#define NAME_MAX_LENGTH 128

static bool is_name(const char *name, size_t length) {
  static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.";
  for (size_t i = 0; i < length; i++)
    if (name[i] == '\0' || strchr(letters, name[i]) == NULL) return false;
  return length > 0 && length <= NAME_MAX_LENGTH;
}

/* The version; "" when it is not there. */
static const char *find(const char *installed, const char *name, size_t length, size_t *version_length) {
  *version_length = 0;
  for (const char *at = installed; at != NULL && *at != '\0';) {
    size_t entry = strcspn(at, ";");
    if (entry > length && at[length] == '=' && memcmp(at, name, length) == 0) {
      *version_length = entry - length - 1;
      return at + length + 1;
    }
    at += entry + (at[entry] == ';');
  }
  return "";
}

static int answer_one(const char *installed, const char *name, size_t length, bool first, struct p2p_buf *out) {
  size_t version_length;
  if (!is_name(name, length)) return P2P_ERR_PARSE;
  const char *version = find(installed, name, length, &version_length);
  int code = first ? P2P_OK : p2p_buf_put(out, ";", 1);
  if (code == P2P_OK) code = p2p_buf_put(out, name, length);
  if (code == P2P_OK) code = p2p_buf_put(out, "=", 1);
  if (code == P2P_OK && version_length > 0) code = p2p_buf_put(out, version, version_length);
  return code;
}

int p2p_packages_answer(const char *installed, const void *question, size_t length, struct p2p_buf *out) {
  const char *at = question, *end = at + length;
  for (size_t count = 0; length > 0; count++) {
    const char *stop = memchr(at, ';', (size_t)(end - at));
    size_t name_length = (size_t)((stop != NULL ? stop : end) - at);
    if (count == P2P_PACKAGES_MOST) return P2P_ERR_TOO_LARGE;
    int code = answer_one(installed, at, name_length, count == 0, out);
    if (code != P2P_OK || stop == NULL) return code;
    at = stop + 1;
  }
  return P2P_OK;
}
