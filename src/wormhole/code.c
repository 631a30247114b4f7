/* Wormhole codes. */
#include "wormhole/code.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "crypto/random.h"
#include "wormhole/wordlist.h"

#define PASSWORD_BYTES 16

void p2p_code_make(const char *nameplate, bool for_people, char out[P2P_CODE_MAX]) {
  uint8_t random[PASSWORD_BYTES];
  char password[P2P_HEX_LEN(PASSWORD_BYTES) + 1];

  if (for_people) {
    snprintf(password, sizeof password, "%s-%s", p2p_wordlist_draw(), p2p_wordlist_draw());
  } else {
    p2p_random_bytes(random, sizeof random);
    p2p_hex_encode(random, sizeof random, password);
    p2p_wipe(random, sizeof random);
  }
  snprintf(out, P2P_CODE_MAX, "%s-%s", nameplate, password);
  p2p_wipe(password, sizeof password);
}

bool p2p_code_password_is_valid(const char *password) {
  if (*password == '\0') return false;
  for (; *password != '\0'; password++)
    if ((unsigned char)*password <= ' ' || *password == 0x7f) return false;
  return true;
}

int p2p_code_check(const char *code, char nameplate[P2P_NAMEPLATE_MAX], struct p2p_err *err) {
  size_t digits = p2p_nameplate_length(code);

  if (digits == 0 || strlen(code) >= P2P_CODE_MAX || !p2p_code_password_is_valid(code + digits + 1))
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "not a wormhole code: expected a number, a dash and words, as in "
                       "7-guitar-wizard");
  memcpy(nameplate, code, digits);
  nameplate[digits] = '\0';
  return P2P_OK;
}
