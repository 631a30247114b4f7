/* Wormhole codes: made and checked. */
#include "wormhole/code.h"
#include "wormhole/wordlist.h"

#include "crypto/random.h"
#include "unit.h"

static int check(const char *code) {
  char nameplate[P2P_NAMEPLATE_MAX];
  return p2p_code_check(code, nameplate, NULL);
}

TEST(a_code_for_people_has_two_words) {
  char code[P2P_CODE_MAX], nameplate[P2P_NAMEPLATE_MAX], first[P2P_CODE_MAX];
  bool has_first = false, has_second = false;

  p2p_code_make("42", true, code);
  CHECK(p2p_code_check(code, nameplate, NULL) == P2P_OK);
  CHECK_STR(nameplate, "42");
  const char *second = strrchr(code, '-') + 1;
  snprintf(first, sizeof first, "%.*s", (int)(second - 1 - (code + 3)), code + 3);
  for (size_t i = 0; i < P2P_WORDLIST_LENGTH; i++) {
    has_first = has_first || strcmp(first, p2p_wordlist[i]) == 0;
    has_second = has_second || strcmp(second, p2p_wordlist[i]) == 0;
  }
  CHECK(has_first && has_second);
}

TEST(other_codes_have_128_random_bits) {
  char a[P2P_CODE_MAX], b[P2P_CODE_MAX];

  p2p_code_make("7", false, a);
  p2p_code_make("7", false, b);
  CHECK(strlen(a) == 34 && strncmp(a, "7-", 2) == 0);
  CHECK(strspn(a + 2, "0123456789abcdef") == 32);
  CHECK(strcmp(a, b) != 0);
}

TEST(a_code_needs_a_nameplate_and_a_password) {
  char code[P2P_CODE_MAX + 1], nameplate[P2P_NAMEPLATE_MAX];
  const char *good = "7-guitar-wizard";

  CHECK(check(good) == P2P_OK);
  for (size_t length = 0; length < strlen(good); length++) {
    snprintf(code, sizeof code, "%.*s", (int)length, good);
    CHECK(check(code) == (length > 2 ? P2P_OK : P2P_ERR_INVALID));
  }
  CHECK(check("guitar-wizard") == P2P_ERR_INVALID);
  CHECK(check("7 guitar") == P2P_ERR_INVALID);
  CHECK(check("7-guitar wizard") == P2P_ERR_INVALID);
  CHECK(check("7-guitar\n") == P2P_ERR_INVALID);
  CHECK(check("7-\x7f") == P2P_ERR_INVALID);
  CHECK(check("12345678901234567-a") == P2P_ERR_INVALID);
  CHECK(p2p_code_check("1234567890123456-\xc3\xa4", nameplate, NULL) == P2P_OK);
  CHECK_STR(nameplate, "1234567890123456");
  memset(code, 'a', sizeof code);
  memcpy(code, "7-", 2);
  code[P2P_CODE_MAX - 1] = '\0';
  CHECK(check(code) == P2P_OK);
  code[P2P_CODE_MAX - 1] = 'a';
  code[P2P_CODE_MAX] = '\0';
  CHECK(check(code) == P2P_ERR_INVALID);
}

TEST(an_error_does_not_quote_the_code) {
  char nameplate[P2P_NAMEPLATE_MAX];
  struct p2p_err err;

  CHECK(p2p_code_check("secret", nameplate, &err) == P2P_ERR_INVALID);
  CHECK(strstr(err.message, "secret") == NULL);
}

TEST(words_are_easy_to_tell_apart) {
  for (size_t i = 0; i < P2P_WORDLIST_LENGTH; i++) {
    size_t length = strlen(p2p_wordlist[i]);
    CHECK(length >= 4 && length <= 7);
    CHECK(strspn(p2p_wordlist[i], "abcdefghijklmnopqrstuvwxyz") == length);
    if (i > 0) CHECK(strncmp(p2p_wordlist[i - 1], p2p_wordlist[i], 4) < 0);
  }
}

TEST(prepare) { CHECK(p2p_crypto_init() == P2P_OK); }

UNIT_MAIN("code", UNIT(prepare), UNIT(a_code_for_people_has_two_words),
          UNIT(other_codes_have_128_random_bits), UNIT(a_code_needs_a_nameplate_and_a_password),
          UNIT(an_error_does_not_quote_the_code), UNIT(words_are_easy_to_tell_apart))
