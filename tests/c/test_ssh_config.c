/* The values of an ssh_config file for a host. */
#include "board/ssh_config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board/ssh_file.h"
#include "board/ssh_known_hosts.h"
#include "unit.h"

static char value[64];

static const char *find(const char *text, const char *host, const char *keyword, unsigned nth) {
  snprintf(value, sizeof value, "?");
  return p2p_ssh_config_find(text, host, keyword, nth, value, sizeof value) ? value : "(none)";
}

static const char CONFIG[] = "# IdentityFile /comment\n"
                             "IdentityFile /first\n"
                             "\n"
                             "Host lab *.example.org !bad.example.org\r\n"
                             "  identityfile = \"/with blanks\" # and a comment\r\n"
                             "\tIdentityFile=/third\n"
                             "  IdentitiesOnly\tyes\n"
                             "Host github.com # other is none of them\n"
                             "  IdentitiesOnly no\n"
                             "  HostKeyAlias hub\n"
                             "Host *\n"
                             "  IdentityFile /last";

TEST(values_of_matching_hosts_are_found_in_order) {
  CHECK_STR(find(CONFIG, "lab", "IdentityFile", 0), "/first");
  CHECK_STR(find(CONFIG, "lab", "IdentityFile", 1), "/with blanks");
  CHECK_STR(find(CONFIG, "a.example.org", "IDENTITYFILE", 2), "/third");
  CHECK_STR(find(CONFIG, "lab", "IdentityFile", 3), "/last");
  CHECK_STR(find(CONFIG, "lab", "IdentityFile", 4), "(none)");
  CHECK_STR(find(CONFIG, "bad.example.org", "IdentityFile", 1), "/last");
  CHECK_STR(find(CONFIG, "lab", "IdentitiesOnly", 0), "yes");
  CHECK_STR(find(CONFIG, "github.com", "IdentitiesOnly", 0), "no");
  CHECK_STR(find(CONFIG, "other", "IdentitiesOnly", 0), "(none)");
}

TEST(keywords_that_libssh_does_not_know_need_the_program) {
  CHECK(p2p_ssh_config_needs_program(CONFIG, "github.com"));
  CHECK(!p2p_ssh_config_needs_program(CONFIG, "lab"));
  CHECK_STR(find(CONFIG, "other", "HostKeyAlias", 0), "(none)");
  CHECK(p2p_ssh_config_needs_program("Host lab\nProxyJump gate\n", "lab"));
  CHECK(!p2p_ssh_config_needs_program("Host lab\nProxyJump none\n", "lab"));
  CHECK(!p2p_ssh_config_needs_program("", "lab"));
}

TEST(values_that_are_not_understood_need_the_program) {
  static const char *const odd[] = {"Host other\nMatch user bob\n", "Include ~/.orbstack/config\n",
                                    "IdentityAgent $SOCKET\n", "IdentityAgent SSH_AUTH_SOCK\n"};
  static const char *const plain[] = {"Host other\nInclude x\n", "UserKnownHostsFile /a /b\n",
                                      "IdentityAgent none\n", "IdentityAgent ~/agent\n",
                                      "IdentityFile ~/.ssh/x\n"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
    CHECK(p2p_ssh_config_needs_program(odd[i], "lab"));
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    CHECK(!p2p_ssh_config_needs_program(plain[i], "lab"));
}

static bool known_hosts_are_odd(const char *config, const char *system) {
  static const struct p2p_address address = {.host = "lab"};
  return p2p_ssh_known_hosts_are_odd(&(struct p2p_ssh_texts){&address, config, system});
}

TEST(names_of_known_hosts_files_that_are_not_understood_need_the_program) {
  static const char *const odd[] = {"UserKnownHostsFile ~/known_%h\n",
                                    "UserKnownHostsFile ~bob/x\n", "UserKnownHostsFile '/a b'\n",
                                    "UserKnownHostsFile /a ~bob/x\n",
                                    "Host lab\nGlobalKnownHostsFile /a ${B}\n"};
  static const char *const plain[] = {"UserKnownHostsFile \"/a b\" /c # %h\n",
                                      "UserKnownHostsFile ~/x\n", "UserKnownHostsFile none\n",
                                      "Host other\nGlobalKnownHostsFile %h\n", ""};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    CHECK(known_hosts_are_odd(odd[i], ""));
    CHECK(known_hosts_are_odd("", odd[i]));
  }
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    CHECK(!known_hosts_are_odd(plain[i], ""));
    CHECK(!known_hosts_are_odd("", plain[i]));
  }
  CHECK(!known_hosts_are_odd(plain[0], odd[0])); /* the user's file wins */
}

TEST(the_words_of_a_list_are_found) {
  char word[16];
  const char *list = p2p_ssh_config_find_list("A b\nK = \"a b\" c\t# d\nK x", "lab", "k");
  CHECK(p2p_ssh_config_word(list, 0, word, sizeof word));
  CHECK_STR(word, "a b");
  CHECK(p2p_ssh_config_word(list, 1, word, sizeof word));
  CHECK_STR(word, "c");
  CHECK(!p2p_ssh_config_word(list, 2, word, sizeof word));
  CHECK(p2p_ssh_config_find_list("Host x\nK y", "lab", "K") == NULL);
}

TEST(malformed_lines_are_ignored) {
  CHECK_STR(find("", "lab", "Port", 0), "(none)");
  CHECK_STR(find("Port\nPort=\nPort \"\n\n\n= =\n\"\nPort 22", "lab", "Port", 0), "");
  CHECK_STR(find("Port\nPort=\nPort \"\n\n\n= =\n\"\nPort 22", "lab", "Port", 1), "22");
  CHECK_STR(find("Host\nPort 22", "lab", "Port", 0), "(none)");
  CHECK_STR(find("Host [l] \\* \"lab\n Port 22", "lab", "Port", 0), "22");
  char *text = malloc(200001);
  memset(text, 'a', 200000);
  text[200000] = '\0';
  memcpy(text, "Port ", 5);
  CHECK(strlen(find(text, "lab", "Port", 0)) == sizeof value - 1);
  CHECK_STR(find(text + 1, "lab", "Port", 0), "(none)");
  free(text);
}

TEST(paths_are_expanded_and_files_are_read) {
  char path[600], *text;
  p2p_ssh_file_expand("/x", path, sizeof path);
  CHECK_STR(path, "/x");
  p2p_ssh_file_expand("~/.ssh/x", path, sizeof path);
  CHECK(path[0] == '/' && strstr(path, "/.ssh/x") != NULL);
  CHECK(p2p_ssh_file_is_plain(path) && p2p_ssh_file_is_plain("x") && p2p_ssh_file_is_plain("~/x"));
  CHECK(!p2p_ssh_file_is_plain("%d/.ssh/x") && !p2p_ssh_file_is_plain("~bob/x") &&
        !p2p_ssh_file_is_plain("${HOME}/x"));
  CHECK(p2p_ssh_config_read("none", &text, NULL) == P2P_OK && text == NULL);
  CHECK(p2p_ssh_config_read("/no/such/file", &text, NULL) == P2P_OK && text == NULL);
  CHECK(p2p_ssh_config_read("/dev/zero", &text, NULL) == P2P_OK && text == NULL);
  snprintf(path, sizeof path, "/tmp/p2p-ssh-config-%ld", (long)getpid());
  FILE *file = fopen(path, "w");
  fputs("Host lab\n", file);
  fclose(file);
  CHECK(p2p_ssh_config_read(path, &text, NULL) == P2P_OK);
  CHECK_STR(text, "Host lab\n");
  free(text);
  unlink(path);
}

/* As OpenSSH: nobody else may change a configuration, or read a key. Root has no say in what others
 * do with their keys, as in a secret that is mounted into a container. */
TEST(files_that_others_can_change_or_read_are_found) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/p2p-ssh-file-%ld", (long)getpid());
  CHECK(p2p_ssh_file_is_trusted(path) && p2p_ssh_file_exposed_mode(path) == 0);
  fclose(fopen(path, "w"));
  static const struct {
    unsigned mode;
    bool is_trusted, is_exposed;
  } cases[] = {{0600, true, false}, {0400, true, false}, {0640, true, true},
               {0604, true, true},  {0644, true, true},  {0602, false, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    CHECK(chmod(path, cases[i].mode) == 0);
    CHECK(p2p_ssh_file_is_trusted(path) == cases[i].is_trusted);
    CHECK(p2p_ssh_file_exposed_mode(path) == (cases[i].is_exposed ? cases[i].mode : 0));
  }
  if (getuid() == 0) {
    CHECK(chmod(path, 0660) == 0 && chown(path, 0, 1) == 0);
    CHECK(!p2p_ssh_file_is_trusted(path)); /* not root's own group */
    CHECK(chown(path, 1, 0) == 0 && chmod(path, 0644) == 0);
    CHECK(!p2p_ssh_file_is_trusted(path) && p2p_ssh_file_exposed_mode(path) == 0);
  }
  unlink(path);
}

UNIT_MAIN("ssh_config", UNIT(values_of_matching_hosts_are_found_in_order),
          UNIT(keywords_that_libssh_does_not_know_need_the_program),
          UNIT(values_that_are_not_understood_need_the_program),
          UNIT(names_of_known_hosts_files_that_are_not_understood_need_the_program),
          UNIT(the_words_of_a_list_are_found), UNIT(malformed_lines_are_ignored),
          UNIT(paths_are_expanded_and_files_are_read),
          UNIT(files_that_others_can_change_or_read_are_found))
