/* Random tokens for R, which never come from R's generator: the password in the URL of a page. */
#include <string.h>

#include "crypto/random.h"
#include "r/ffi.h"
#include "r/ffi_error.h"

enum { TOKEN_BYTES = 20, TOKEN_LENGTH = 2 * TOKEN_BYTES };

/* 160 random bits in hexadecimal digits. */
SEXP ffi_token_new(void) {
  static const char digits[] = "0123456789abcdef";
  uint8_t bytes[TOKEN_BYTES];
  char token[TOKEN_LENGTH + 1];
  if (p2p_crypto_init() != P2P_OK) {
    struct p2p_err err;
    p2p_err_set(&err, P2P_ERR_CRYPTO, "cannot initialize libsodium or libcrypto");
    p2p_ffi_raise(&err);
  }
  p2p_random_bytes(bytes, sizeof bytes);
  for (size_t i = 0; i < TOKEN_BYTES; i++) {
    token[2 * i] = digits[bytes[i] >> 4];
    token[2 * i + 1] = digits[bytes[i] & 15];
  }
  token[TOKEN_LENGTH] = '\0';
  return Rf_mkString(token);
}

/* Whether `given` is the token, compared in a time that does not depend on where they differ. Text
 * of another length is not. */
SEXP ffi_token_is(SEXP token, SEXP given) {
  const char *wanted = CHAR(STRING_ELT(token, 0)), *text = CHAR(STRING_ELT(given, 0));
  bool is_same = strlen(text) == TOKEN_LENGTH && p2p_equal(wanted, text, TOKEN_LENGTH);
  return Rf_ScalarLogical(is_same);
}
