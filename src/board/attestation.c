/* The output of `attest` and `attested`. */
#include "board/attestation.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "board/topic.h"

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
  size_t key = strlen(USERS);
  length = trim(text, length);
  return length >= key && memcmp(text, USERS, key) == 0 &&
         p2p_users_include(text + key, length - key, user, strlen(user));
}
