/* The accounts of a board: which lines of a users file are accepted, and which are refused with the
 * number of the line. */
#include <stdbool.h>

#include "server/accounts.h"
#include "unit.h"

#define KEY_A "AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWku"
#define KEY_B "AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWkv"

static struct p2p_accounts *accounts;
static struct p2p_err err;

static int parse(const char *text) {
  return p2p_accounts_parse(text, strlen(text), &accounts, &err);
}

TEST(keys_are_found_with_their_users) {
  CHECK(parse("# members\n\n  alice ssh-ed25519 " KEY_A
              " alice@laptop and more\r\nbob\tssh-ed25519\t" KEY_B) == P2P_OK);
  CHECK(p2p_accounts_count(accounts) == 2);
  CHECK_STR(p2p_accounts_find(accounts, "ssh-ed25519", KEY_A), "alice");
  CHECK_STR(p2p_accounts_find(accounts, "ssh-ed25519", KEY_B), "bob");
  CHECK(p2p_accounts_find(accounts, "ssh-rsa", KEY_A) == NULL);
  CHECK(p2p_accounts_find(accounts, "ssh-ed25519", "") == NULL);
  p2p_accounts_free(accounts);
}

TEST(a_user_may_have_several_keys) {
  CHECK(parse("alice ssh-ed25519 " KEY_A "\nalice ssh-ed25519 " KEY_B "\nalice ssh-ed25519 " KEY_A
              "\n") == P2P_OK);
  CHECK(p2p_accounts_count(accounts) == 1);
  CHECK_STR(p2p_accounts_find(accounts, "ssh-ed25519", KEY_B), "alice");
  p2p_accounts_free(accounts);
}

TEST(no_users_are_valid) {
  CHECK(parse("") == P2P_OK);
  CHECK(p2p_accounts_count(accounts) == 0);
  p2p_accounts_free(accounts);
}

TEST(a_key_of_two_users_is_refused) {
  CHECK(parse("alice ssh-ed25519 " KEY_A "\nbob ssh-ed25519 " KEY_A "\n") == P2P_ERR_PARSE);
  CHECK(strstr(err.message, "line 2") != NULL && strstr(err.message, "alice") != NULL);
}

TEST(wrong_lines_are_reported_by_number) {
  static const char *const bad[] = {
      "x\nalice\n",
      "x\nalice ssh-ed25519\n",
      "x\nalice ssh-rsa " KEY_A "\n",                 /* not the key's type */
      "x\nalice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5A\n", /* cut */
      "x\nalice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n",  /* nothing but the type */
      "x\nalice ssh-ed25519 AAAA\n",
      "x\nalice ssh-ed25519 not*base64\n",
      "x\nalice ssh-ed25519-cert-v01@openssh.com AAAA\n",
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
    CHECK(strncmp(err.message, "line 2 of the users", 19) == 0);
  }
}

TEST(truncated_text_never_parses) {
  const char *text = "alice ssh-ed25519 " KEY_A;
  for (size_t length = 0; length < strlen(text); length++) {
    int code = p2p_accounts_parse(text, length, &accounts, &err);
    CHECK(code == (length == 0 ? P2P_OK : P2P_ERR_PARSE));
    if (code == P2P_OK) p2p_accounts_free(accounts);
  }
}

static bool are_equal(const char *one, const char *two) {
  struct p2p_accounts *first;
  CHECK(parse(one) == P2P_OK);
  first = accounts;
  CHECK(parse(two) == P2P_OK);
  bool result = p2p_accounts_are_equal(first, accounts);
  p2p_accounts_free(first);
  p2p_accounts_free(accounts);
  return result;
}

TEST(accounts_are_equal_when_users_and_keys_are) {
  const char *alice = "alice ssh-ed25519 " KEY_A "\n";
  CHECK(are_equal("", "# nobody\n"));
  CHECK(are_equal(alice, "# alice\nalice  ssh-ed25519 " KEY_A " alice@laptop\n"));
  CHECK(!are_equal(alice, ""));
  CHECK(!are_equal(alice, "bob ssh-ed25519 " KEY_A "\n"));
  CHECK(!are_equal(alice, "alice ssh-ed25519 " KEY_B "\n"));
}

TEST(an_oversized_line_is_refused) {
  static char text[40000];
  memset(text, 'a', sizeof text);
  memcpy(text, "alice ssh-ed25519 ", 18);
  CHECK(p2p_accounts_parse(text, sizeof text, &accounts, &err) == P2P_ERR_PARSE);
  CHECK(strstr(err.message, "longer than") != NULL);
}

UNIT_MAIN("accounts", UNIT(keys_are_found_with_their_users), UNIT(a_user_may_have_several_keys),
          UNIT(no_users_are_valid), UNIT(a_key_of_two_users_is_refused),
          UNIT(wrong_lines_are_reported_by_number), UNIT(truncated_text_never_parses),
          UNIT(accounts_are_equal_when_users_and_keys_are), UNIT(an_oversized_line_is_refused))
