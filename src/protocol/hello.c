/* Owns the text of a link's HELLO frame. */
#include "protocol/hello.h"

#include <stdio.h>
#include <string.h>

long p2p_hello_write(const char *from, const char *r_version, const char *future_version, char *out,
                     size_t size) {
  int length = snprintf(out, size, "from=%s\nr=%s\nfuture=%s\n", from, r_version, future_version);
  return length < 0 || (size_t)length >= size ? P2P_ERR_TOO_LARGE : length;
}

/* Copies the value of `key` from `text`, whose lines end with '\n'. False: not there, or too long.
 */
static bool get(const char *text, const char *key, char *out, size_t size) {
  size_t key_length = strlen(key);
  while (*text != '\0') {
    size_t length = strcspn(text, "\n");
    if (length > key_length && memcmp(text, key, key_length) == 0 && text[key_length] == '=') {
      size_t value_length = length - key_length - 1;
      if (value_length >= size) return false;
      memcpy(out, text + key_length + 1, value_length);
      out[value_length] = '\0';
      return true;
    }
    text += length + (text[length] == '\n');
  }
  return false;
}

int p2p_hello_read(const void *bytes, size_t length, struct p2p_hello *out, struct p2p_err *err) {
  char text[P2P_HELLO_MAX + 1], slots[16];
  struct p2p_hello greeting = {0};
  if (length > P2P_HELLO_MAX || memchr(bytes, '\0', length) != NULL) {
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "the worker's greeting over the link is not text of at most %d bytes",
                       P2P_HELLO_MAX);
  }
  memcpy(text, bytes, length);
  text[length] = '\0';
  if (!get(text, "from", greeting.from, sizeof greeting.from) ||
      !p2p_member_name_is_valid(greeting.from) ||
      !get(text, "r", greeting.r_version, sizeof greeting.r_version) ||
      !p2p_versions_is_version(greeting.r_version) ||
      !get(text, "future", greeting.future_version, sizeof greeting.future_version) ||
      !p2p_versions_is_version(greeting.future_version) ||
      !get(text, "slots", slots, sizeof slots) ||
      !p2p_count_parse(slots, P2P_WORKER_SLOTS_MAX, &greeting.slots)) {
    return p2p_err_set(
        err, P2P_ERR_PROTOCOL,
        "the worker's greeting over the link lacks who it is, its versions or its slots");
  }
  *out = greeting;
  return P2P_OK;
}
