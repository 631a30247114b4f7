/* Who has an account: what is taken from the text of users, and what is refused with the number of
 * its line. */
#include <stdbool.h>

#include "server/accounts.h"
#include "unit.h"

#define KEY_A "AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWku"
#define KEY_B "AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWkv"

static struct p2p_accounts *users;
static struct p2p_err err;

static int parse(const char *text) { return p2p_accounts_parse(text, strlen(text), &users, &err); }

TEST(keys_are_found_with_their_users) {
  CHECK(parse("# who may come\n\n  alice ssh-ed25519 " KEY_A
              " alice@laptop and more\r\nbob\tssh-ed25519\t" KEY_B) == P2P_OK);
  CHECK(p2p_accounts_count(users) == 2);
  CHECK_STR(p2p_accounts_find(users, "ssh-ed25519", KEY_A), "alice");
  CHECK_STR(p2p_accounts_find(users, "ssh-ed25519", KEY_B), "bob");
  CHECK(p2p_accounts_find(users, "ssh-rsa", KEY_A) == NULL);
  CHECK(p2p_accounts_find(users, "ssh-ed25519", "") == NULL);
  p2p_accounts_free(users);
}

TEST(a_user_may_have_several_keys) {
  CHECK(parse("alice ssh-ed25519 " KEY_A "\nalice ssh-ed25519 " KEY_B "\nalice ssh-ed25519 " KEY_A
              "\n") == P2P_OK);
  CHECK(p2p_accounts_count(users) == 1);
  CHECK_STR(p2p_accounts_find(users, "ssh-ed25519", KEY_B), "alice");
  p2p_accounts_free(users);
}

TEST(no_users_is_fine) {
  CHECK(parse("") == P2P_OK);
  CHECK(p2p_accounts_count(users) == 0);
  p2p_accounts_free(users);
}

TEST(a_key_of_two_users_is_refused) {
  CHECK(parse("alice ssh-ed25519 " KEY_A "\nbob ssh-ed25519 " KEY_A "\n") == P2P_ERR_PARSE);
  CHECK(strstr(err.message, "Line 2") != NULL && strstr(err.message, "alice") != NULL);
}

TEST(bad_lines_are_named) {
  static const char *const bad[] = {
      "x\nalice\n",
      "x\nalice ssh-ed25519\n",
      "x\nalice ssh-rsa " KEY_A "\n",                 /* another type than the key's */
      "x\nalice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5A\n", /* cut */
      "x\nalice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n",  /* nothing but the type */
      "x\nalice ssh-ed25519 AAAA\n",
      "x\nalice ssh-ed25519 not*base64\n",
      "x\nal/ice ssh-ed25519 " KEY_A "\n",
      "x\nal,ice ssh-ed25519 " KEY_A "\n",
      "x\n-alice ssh-ed25519 " KEY_A "\n",
      "x\n.alice ssh-ed25519 " KEY_A "\n",
      "x\npublic ssh-ed25519 " KEY_A "\n",
      "x\nssh-ed25519 " KEY_A " alice\n",
      "x\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ssh-ed25519 " KEY_A "\n",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[1024];
    snprintf(text, sizeof text, "#%s", bad[i]);
    err.message[0] = '\0';
    CHECK(parse(text) == P2P_ERR_PARSE);
    CHECK(strncmp(err.message, "Line 2 of the users", 19) == 0);
  }
}

TEST(truncated_text_never_parses) {
  const char *text = "alice ssh-ed25519 " KEY_A;
  for (size_t length = 0; length < strlen(text); length++) {
    int code = p2p_accounts_parse(text, length, &users, &err);
    CHECK(code == (length == 0 ? P2P_OK : P2P_ERR_PARSE));
    if (code == P2P_OK) p2p_accounts_free(users);
  }
}

TEST(an_oversized_line_is_refused) {
  static char text[40000];
  memset(text, 'a', sizeof text);
  memcpy(text, "alice ssh-ed25519 ", 18);
  CHECK(p2p_accounts_parse(text, sizeof text, &users, &err) == P2P_ERR_PARSE);
  CHECK(strstr(err.message, "too long") != NULL);
}

UNIT_MAIN("users", UNIT(keys_are_found_with_their_users), UNIT(a_user_may_have_several_keys),
          UNIT(no_users_is_fine), UNIT(a_key_of_two_users_is_refused), UNIT(bad_lines_are_named),
          UNIT(truncated_text_never_parses), UNIT(an_oversized_line_is_refused))
