/* proc/sandbox_profile and proc/sandbox_seatbelt: the rules of macOS and the command line that
 * applies them, as texts. Whether macOS takes them, only a Mac can tell. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mkdtemp, realpath */
#endif
#include "proc/sandbox_profile.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/sandbox_seatbelt.h"
#include "unit.h"

#define RULES_MAX 16384

static const struct p2p_sandbox_path two[] = {{"/Users/carol/data", false},
                                              {"/private/work", true}};

/* The rules for these paths, NUL-terminated. */
static const char *rules_of(const struct p2p_sandbox_path *paths, size_t n, bool net) {
  static char text[RULES_MAX];
  struct p2p_buf out;
  p2p_buf_init(&out, RULES_MAX - 1);
  const struct p2p_sandbox sandbox = {.net = net, .paths = paths, .n_paths = n};
  CHECK(p2p_sandbox_profile_write(&sandbox, &out) == P2P_OK);
  memcpy(text, p2p_buf_data(&out), p2p_buf_len(&out));
  text[p2p_buf_len(&out)] = '\0';
  p2p_buf_clear(&out);
  return text;
}

static bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }

/* Parentheses and quotes are in pairs, and each rule begins on a line of its own. */
static bool is_well_formed(const char *text) {
  int depth = 0;
  bool is_quoted = false;
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '"') is_quoted = !is_quoted;
    if (is_quoted && *at == '\n') return false;
    if (is_quoted) continue;
    if (*at == '(' && depth++ == 0 && at != text && at[-1] != '\n') return false;
    if (*at == ')' && --depth < 0) return false;
    if (depth == 0 && *at != ')' && *at != '\n') return false;
  }
  return depth == 0 && !is_quoted;
}

TEST(all_is_refused_first_and_some_again_at_last) {
  static const char first[] = "(version 1)\n(deny default)\n";
  static const char last[] =
      "(deny file-write-setugid)\n"
      "(deny mach-lookup (xpc-service-name-prefix \"\"))\n"
      "(when (defined? 'file-link) (deny file-link))\n"
      "(when (defined? 'file-clone) (deny file-clone))\n"
      "(when (defined? 'system-fcntl) (deny system-fcntl (fcntl-command 80 110)))\n";
  for (int net = 0; net < 2; net++) {
    const char *rules = rules_of(two, 2, net != 0);
    CHECK(is_well_formed(rules));
    CHECK(strncmp(rules, first, sizeof first - 1) == 0);
    CHECK_STR(rules + strlen(rules) - strlen(last), last);
  }
}

TEST(paths_are_parameters) {
  CHECK(has(rules_of(two, 2, false),
            "(allow file-read* file-test-existence file-map-executable process-exec*\n"
            "  (subpath (param \"path0\")))\n"
            "(allow file-read-metadata file-test-existence (literal (param \"name0\"))\n"
            "  (path-ancestors (param \"name0\")) (path-ancestors (param \"path0\")))\n"
            "(allow file-read* file-test-existence file-map-executable process-exec* file-write*\n"
            "  (subpath (param \"path1\")))\n"
            "(allow file-read-metadata file-test-existence (literal (param \"name1\"))\n"
            "  (path-ancestors (param \"name1\")) (path-ancestors (param \"path1\")))\n"));
  const struct p2p_sandbox_path evil[] = {{"/\")) (allow default) ((\"", false},
                                          {"/x\\\"\n", true}};
  char harmless[RULES_MAX];
  snprintf(harmless, sizeof harmless, "%s", rules_of(two, 2, false));
  CHECK_STR(rules_of(evil, 2, false), harmless);
}

TEST(the_root_has_no_folder_above) {
  const struct p2p_sandbox_path root = {"/", false};
  CHECK(has(rules_of(&root, 1, false), "(subpath (param \"path0\")))\n"));
  CHECK(!has(rules_of(&root, 1, false), "name0"));
}

/* What would open too much, or name something of a user. */
TEST(the_system_is_open_in_parts_only) {
  static const char *const never[] = {
      "(allow default",   "file-read*)",       "allow file-read-metadata)",
      "file-write*)",     "process-exec*)",    "mach-lookup)",
      "sysctl-read)",     "signal)",           "\"/System\"",
      "Volumes/Data",     "\"/private\"",      "\"/private/etc\"",
      "\"/private/var\"", "\"/usr\"",          "\"/usr/local\"",
      "\"/Library\"",     "\"/opt/homebrew\"", "/Users",
      "/dev/tty",         "\"/dev\"",          "SecurityServer",
      "pasteboard",       "appleevent",        "iokit-open"};
  for (int net = 0; net < 2; net++)
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
      bool is_there = has(rules_of(NULL, 0, net != 0), never[i]);
      if (is_there) fprintf(stderr, "%s\n", never[i]);
      CHECK(!is_there);
    }
  CHECK(!has(rules_of(NULL, 0, false), "file-write* "));
}

TEST(the_network_is_closed_unless_asked_for) {
  CHECK(!has(rules_of(two, 2, false), "network"));
  CHECK(!has(rules_of(two, 2, false), "mDNSResponder"));
  CHECK(has(rules_of(two, 2, true), "(allow network* (local ip) (remote ip))\n"));
}

TEST(a_full_buffer_is_an_error) {
  struct p2p_buf out;
  p2p_buf_init(&out, 64);
  CHECK(p2p_sandbox_profile_write(&(struct p2p_sandbox){.n_paths = 0}, &out) == P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
}

/* --- the command --- */

static char *program[] = {"/usr/bin/R", "-e", "cat(\"a b\\n\")", NULL};

/* Checks what follows the rules; the expected texts end with NULL. */
static void check_command(const struct p2p_sandbox_path *paths, size_t n,
                          const char *const *expected) {
  const struct p2p_sandbox sandbox = {
      .level = P2P_SANDBOX_SEATBELT, .paths = paths, .n_paths = n, .supervisor = 1};
  struct p2p_err err;
  char **command = NULL;
  CHECK(p2p_sandbox_seatbelt_command(&sandbox, program, &command, &err) == P2P_OK);
  if (command == NULL) return;
  CHECK_STR(command[0], "/usr/bin/sandbox-exec");
  CHECK_STR(command[1], "-p");
  CHECK(is_well_formed(command[2]));
  size_t i = 3;
  for (; *expected != NULL && command[i] != NULL; i++) CHECK_STR(command[i], *expected++);
  CHECK(*expected == NULL);
  for (size_t k = 0; program[k] != NULL; k++, i++) CHECK_STR(command[i], program[k]);
  CHECK(command[i] == NULL);
  p2p_sandbox_seatbelt_free(command);
}

/* Its name has no links: /tmp is one on macOS. */
static void make_folder(char out[static 64]) {
  char name[] = "/tmp/p2p-profile-XXXXXX",
       *real = mkdtemp(name) == NULL ? NULL : realpath(name, NULL);
  CHECK(real != NULL);
  snprintf(out, 64, "%s", real == NULL ? "" : real);
  free(real);
}

TEST(any_character_of_a_path_arrives) {
  static const char *const names[] = {"plain",     "a \"b\" c", "back\\slash",   "(allow default)",
                                      "new\nline", "k=v",       "z\xc3\xbcrich", "#|;"};
  char folder[64];
  make_folder(folder);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[128], parameter[160], name[160];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    snprintf(parameter, sizeof parameter, "path0=%s", path);
    snprintf(name, sizeof name, "name0=%s", path);
    CHECK(mkdir(path, 0700) == 0);
    check_command(&(struct p2p_sandbox_path){path, true}, 1,
                  (const char *const[]){"-D", parameter, "-D", name, NULL});
    CHECK(rmdir(path) == 0);
  }
  CHECK(rmdir(folder) == 0);
}

TEST(links_are_resolved_and_what_does_not_exist_is_passed_over) {
  char folder[64], target[80], link[80], missing[80], parameters[4][96];
  make_folder(folder);
  snprintf(target, sizeof target, "%s/target", folder);
  snprintf(link, sizeof link, "%s/link", folder);
  snprintf(missing, sizeof missing, "%s/missing", folder);
  CHECK(mkdir(target, 0700) == 0 && symlink("target", link) == 0);
  snprintf(parameters[0], sizeof parameters[0], "path0=%s", target);
  snprintf(parameters[1], sizeof parameters[1], "name0=%s", link);
  snprintf(parameters[2], sizeof parameters[2], "path1=%s", target);
  snprintf(parameters[3], sizeof parameters[3], "name1=%s", target);
  const struct p2p_sandbox_path paths[] = {{missing, false}, {link, true}, {target, false}};
  check_command(paths, 3,
                (const char *const[]){"-D", parameters[0], "-D", parameters[1], "-D", parameters[2],
                                      "-D", parameters[3], NULL});
  check_command(paths, 1, (const char *const[]){NULL});
  CHECK(unlink(link) == 0 && rmdir(target) == 0 && rmdir(folder) == 0);
}

static void check_refused(const char *path, const char *message) {
  const struct p2p_sandbox_path one = {path, false};
  const struct p2p_sandbox sandbox = {.paths = &one, .n_paths = 1};
  struct p2p_err err;
  char **command = NULL;
  CHECK(p2p_sandbox_seatbelt_command(&sandbox, program, &command, &err) == P2P_ERR_INVALID);
  CHECK(has(err.message, message) && command == NULL);
}

TEST(relative_and_long_paths_are_refused) {
  char path[P2P_SANDBOX_SEATBELT_PATH_MAX + 1];
  check_refused("etc/ssl", "the path 'etc/ssl' is not absolute");
  check_refused("", "is not absolute");
  memset(path, '/', sizeof path - 1); /* the root, by many names */
  path[sizeof path - 1] = '\0';
  check_refused(path, "is too long");
  path[sizeof path - 2] = '\0';
  char parameter[sizeof path + 8];
  snprintf(parameter, sizeof parameter, "name0=%s", path);
  check_command(&(struct p2p_sandbox_path){path, false}, 1,
                (const char *const[]){"-D", "path0=/", "-D", parameter, NULL});
}

#ifndef __APPLE__
TEST(other_systems_do_not_offer_it) {
  struct p2p_err err;
  CHECK(p2p_sandbox_seatbelt_become(&(struct p2p_sandbox){.n_paths = 0}, program, &err) ==
        P2P_ERR_SYSTEM);
  CHECK_STR(err.message, "only macOS offers Seatbelt");
}
#define ON_THIS_SYSTEM UNIT(other_systems_do_not_offer_it)
#else
/* The rules, on a Mac: a program starts in them. */
TEST(macos_takes_the_rules) {
  static char *trivial[] = {"/usr/bin/true", NULL};
  struct p2p_err err;
  char **command = NULL;
  int status = -1;
  CHECK(p2p_sandbox_seatbelt_command(&(struct p2p_sandbox){.n_paths = 0}, trivial, &command,
                                     &err) == P2P_OK);
  pid_t child = fork();
  if (child == 0) _exit(execv(command[0], command));
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  p2p_sandbox_seatbelt_free(command);
}
#define ON_THIS_SYSTEM UNIT(macos_takes_the_rules)
#endif

UNIT_MAIN("sandbox_profile", UNIT(all_is_refused_first_and_some_again_at_last),
          UNIT(paths_are_parameters), UNIT(the_root_has_no_folder_above),
          UNIT(the_system_is_open_in_parts_only), UNIT(the_network_is_closed_unless_asked_for),
          UNIT(a_full_buffer_is_an_error), UNIT(any_character_of_a_path_arrives),
          UNIT(links_are_resolved_and_what_does_not_exist_is_passed_over),
          UNIT(relative_and_long_paths_are_refused), ON_THIS_SYSTEM)
