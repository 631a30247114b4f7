/* The output of `attest` and `attested`. */
#include "board/attestation.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"

#define DONE "attested"
#define USERS "users="

static void write_command(const char *verb, const struct p2p_sign_public *key,
                          char out[P2P_ATTEST_COMMAND_MAX]) {
  char text[P2P_BASE64_LEN(P2P_SIGN_KEY_LEN) + 1];
  p2p_base64url_encode(key->bytes, sizeof key->bytes, text);
  snprintf(out, P2P_ATTEST_COMMAND_MAX, "%s %s", verb, text);
}

/* The length without the line end. */
static size_t trim(const char *text, size_t length) {
  if (length > 0 && text[length - 1] == '\n') length--;
  if (length > 0 && text[length - 1] == '\r') length--;
  return length;
}

void p2p_attest_command(const struct p2p_sign_public *key, char out[P2P_ATTEST_COMMAND_MAX]) {
  write_command("attest", key, out);
}

bool p2p_attest_is_done(const char *text, size_t length) {
  length = trim(text, length);
  return length == strlen(DONE) && memcmp(text, DONE, length) == 0;
}

void p2p_attested_command(const struct p2p_sign_public *key, char out[P2P_ATTEST_COMMAND_MAX]) {
  write_command("attested", key, out);
}

bool p2p_attested_lists(const char *text, size_t length, const char *user) {
  size_t name = strlen(user);
  const char *end = text + trim(text, length);
  if ((size_t)(end - text) < strlen(USERS) || memcmp(text, USERS, strlen(USERS)) != 0) return false;
  for (const char *at = text + strlen(USERS); at < end; at++) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *part = comma == NULL ? end : comma;
    if ((size_t)(part - at) == name && memcmp(at, user, name) == 0) return true;
    at = part;
  }
  return false;
}
