/* `host` and `ssh_args`: what is understood, and what is an error. */
#include "board/address.h"

#include "unit.h"

static struct p2p_address address;
static struct p2p_err err;

static int parse_host(const char *host) { return p2p_address_parse(host, NULL, 0, &address, &err); }

#define PARSE_ARGS(...)                                                                           \
  (args_ = (const char *const[]){__VA_ARGS__},                                                    \
   p2p_address_parse("board", args_, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), \
                     &address, &err))
static const char *const *args_;

TEST(a_host_has_a_name_and_optionally_a_port_and_a_user) {
  CHECK(parse_host(NULL) == P2P_OK);
  CHECK_STR(address.host, "pipe.pico.sh");
  CHECK(address.port == 0 && address.login[0] == '\0');
  CHECK(parse_host("localhost:2222") == P2P_OK);
  CHECK_STR(address.host, "localhost");
  CHECK(address.port == 2222);
  CHECK(parse_host("bob@lab.example.org:22") == P2P_OK);
  CHECK_STR(address.host, "lab.example.org");
  CHECK_STR(address.login, "bob");
  CHECK(parse_host("[::1]:2222") == P2P_OK);
  CHECK_STR(address.host, "::1");
  CHECK(address.port == 2222);
  CHECK(parse_host("bob@[fe80::1%eth0]") == P2P_OK);
  CHECK_STR(address.host, "fe80::1%eth0");
  CHECK_STR(address.login, "bob");
  CHECK(address.port == 0);
}

TEST(an_invalid_host_is_an_error) {
  const char *bad[] = {"",          ":22", "a:",  "a:0",  "a:65536", "a:99999999999", "a:2x",
                       "a: 22",     "@a",  "b@",  "::1",  "[::1",    "[]:22",         "[::1]22",
                       "-oProxy=x", "a b", "a\n", "b@-x", "-b@a",    "a:22:33",       "[::1]:"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    strcpy(address.host, "untouched");
    CHECK(parse_host(bad[i]) == P2P_ERR_INVALID);
    CHECK(strstr(err.message, "is not a valid host") != NULL);
    CHECK_STR(address.host, "untouched");
  }
  char text[400];
  memset(text, 'a', sizeof text);
  text[399] = '\0';
  CHECK(parse_host(text) == P2P_ERR_INVALID);
  text[100] = '@';
  text[120] = '\0';
  CHECK(parse_host(text) == P2P_ERR_INVALID);
}

TEST(ssh_args_are_understood_attached_or_separate) {
  CHECK(PARSE_ARGS("-i", "/k1", "-i/k2", "-p", "22", "-l", "bob", "-o", "IdentitiesOnly=yes",
                   "-oUserKnownHostsFile=/kh", "-o", "IdentityFile=/k3", "-o",
                   "identityfile /k 4") == P2P_OK);
  CHECK(address.n_identities == 4);
  CHECK_STR(address.identities[0], "/k1");
  CHECK_STR(address.identities[1], "/k2");
  CHECK_STR(address.identities[2], "/k3");
  CHECK_STR(address.identities[3], "/k 4");
  CHECK(address.port == 22 && address.identities_only);
  CHECK_STR(address.login, "bob");
  CHECK_STR(address.known_hosts, "/kh");
  CHECK(PARSE_ARGS("-p22", "-lbob", "-oPort=23", "-oUser=carol") == P2P_OK);
  CHECK(address.port == 22);
  CHECK_STR(address.login, "bob");
  CHECK(PARSE_ARGS("-oPort=23", "-o", "User=carol", "-oIdentitiesOnly=no") == P2P_OK);
  CHECK(address.port == 23 && !address.identities_only && address.by_program);
  CHECK_STR(address.login, "carol");
}

TEST(the_first_known_hosts_counts_and_tokens_need_the_program) {
  CHECK(PARSE_ARGS("-oUserKnownHostsFile=/a", "-oUserKnownHostsFile=/b") == P2P_OK);
  CHECK_STR(address.known_hosts, "/a");
  CHECK(!address.by_program);
  CHECK(PARSE_ARGS("-oUserKnownHostsFile=~/a b") == P2P_OK && !address.by_program);
  const char *const odd[] = {"/a/%h", "${HOME}/a", "~bob/a"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    char option[64];
    snprintf(option, sizeof option, "-oUserKnownHostsFile=%s", odd[i]);
    CHECK(PARSE_ARGS(option) == P2P_OK && address.by_program);
  }
}

TEST(host_wins_over_ssh_args) {
  const char *const args[] = {"-p", "23", "-l", "carol"};
  CHECK(p2p_address_parse("bob@board:22", args, 4, &address, &err) == P2P_OK);
  CHECK(address.port == 22);
  CHECK_STR(address.login, "bob");
}

TEST(other_arguments_are_errors_that_name_them) {
  CHECK(PARSE_ARGS("-W", "there:22") == P2P_ERR_INVALID);
  CHECK(strstr(err.message, "'-W'") != NULL);
  CHECK(PARSE_ARGS("-A") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-o", "StrictHostKeyChecking=no") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-oStrictHostKeyChecking accept-new") == P2P_ERR_INVALID);
  CHECK_STR(err.reason, "strict_host_key");
  CHECK(PARSE_ARGS("-o", "stricthostkeychecking=yes") == P2P_OK && !address.by_program);
  CHECK(PARSE_ARGS("-o", "StrictHostKeyChecking=ask") == P2P_OK && !address.by_program);
  CHECK(PARSE_ARGS("-oIdentitiesOnly=maybe") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-oIdentitiesOnly") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-i") == P2P_ERR_INVALID);
  CHECK(strstr(err.message, "'-i'") != NULL);
  CHECK(PARSE_ARGS("-p", "x") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-l", "-x") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("bob") == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-i", "") == P2P_ERR_INVALID);
}

TEST(lengths_and_counts_are_capped) {
  char text[2000];
  memset(text, 'a', sizeof text);
  text[1999] = '\0';
  CHECK(PARSE_ARGS("-i", text) == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-l", text) == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS(text) == P2P_ERR_INVALID);
  char option[2100];
  snprintf(option, sizeof option, "UserKnownHostsFile=%s", text);
  CHECK(PARSE_ARGS("-o", option) == P2P_ERR_INVALID);
  CHECK(PARSE_ARGS("-i1", "-i2", "-i3", "-i4", "-i5", "-i6", "-i7", "-i8") == P2P_OK);
  CHECK(PARSE_ARGS("-i1", "-i2", "-i3", "-i4", "-i5", "-i6", "-i7", "-i8", "-i9") ==
        P2P_ERR_INVALID);
  const char *many[P2P_SSH_ARGS_MAX + 1];
  for (size_t i = 0; i <= P2P_SSH_ARGS_MAX; i++) many[i] = "-C";
  CHECK(p2p_address_parse("board", many, P2P_SSH_ARGS_MAX, &address, &err) == P2P_OK);
  CHECK(p2p_address_parse("board", many, P2P_SSH_ARGS_MAX + 1, &address, &err) == P2P_ERR_INVALID);
}

TEST(pico_sh_knows_the_accounts_of_the_public_board) {
  char host[256];
  CHECK(parse_host("pipe.pico.sh") == P2P_OK);
  p2p_address_account_host(&address, host, sizeof host);
  CHECK_STR(host, "pico.sh");
  CHECK(!p2p_address_may_vouch(&address));
  CHECK(parse_host("pipe.example.org") == P2P_OK);
  p2p_address_account_host(&address, host, sizeof host);
  CHECK_STR(host, "pipe.example.org");
  CHECK(p2p_address_may_vouch(&address));
}

UNIT_MAIN("address", UNIT(a_host_has_a_name_and_optionally_a_port_and_a_user),
          UNIT(an_invalid_host_is_an_error), UNIT(ssh_args_are_understood_attached_or_separate),
          UNIT(the_first_known_hosts_counts_and_tokens_need_the_program),
          UNIT(host_wins_over_ssh_args), UNIT(other_arguments_are_errors_that_name_them),
          UNIT(lengths_and_counts_are_capped), UNIT(pico_sh_knows_the_accounts_of_the_public_board))
