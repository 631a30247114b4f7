/* The lines of ssh_config (5) that libssh passes over or tells only in part. This file finds them;
 * what they mean is for ssh_session.c and ssh_login.c. */
#include "board/ssh_config.h"

#include <fnmatch.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TEXT_MAX (1024 * 1024)
#define WORD_MAX 1024

/* ---- files ---- */

/* Like OpenSSH and libssh: the home of the account, and HOME only where there is none. */
static const char *home_directory(char *out, size_t size) {
  struct passwd entry, *found = NULL;
  char strings[4096];
  if (getpwuid_r(getuid(), &entry, strings, sizeof strings, &found) != 0) found = NULL;
  const char *home = found != NULL ? found->pw_dir : getenv("HOME");
  snprintf(out, size, "%s", home == NULL ? "" : home);
  return out;
}

void p2p_ssh_config_expand(const char *path, char *out, size_t size) {
  char home[512];
  if (strncmp(path, "~/", 2) == 0)
    snprintf(out, size, "%s/%s", home_directory(home, sizeof home), path + 2);
  else
    snprintf(out, size, "%s", path);
}

bool p2p_ssh_config_is_plain(const char *path) {
  return strpbrk(path, "%$'\\") == NULL && (path[0] != '~' || path[1] == '/') &&
         strcmp(path, "SSH_AUTH_SOCK") != 0;
}

char *p2p_ssh_config_read(const char *given) {
  char path[1600];
  if (strcmp(given, "none") == 0) return NULL;
  p2p_ssh_config_expand(given[0] == '\0' ? "~/.ssh/config" : given, path, sizeof path);
  FILE *file = fopen(path, "re");
  char *text = file == NULL ? NULL : malloc(TEXT_MAX + 1);
  size_t length = text == NULL ? 0 : fread(text, 1, TEXT_MAX, file);
  bool is_whole = text != NULL && feof(file) != 0 && ferror(file) == 0;
  if (file != NULL) fclose(file);
  if (!is_whole) {
    free(text);
    return NULL;
  }
  text[length] = '\0';
  return text;
}

/* ---- lines ---- */

#define BLANKS " \t\r"

/* The next word of the line, without its quotes; false at its end, or where a comment begins. After
 * the keyword one '=' is a blank as well. */
static bool next_word(const char **at, bool is_keyword, char *word, size_t size) {
  const char *text = *at + strspn(*at, BLANKS);
  bool is_quoted = *text == '"';
  if (*text == '#') return false;
  if (is_quoted) text++;
  size_t length = strcspn(text, is_quoted ? "\"\n" : is_keyword ? BLANKS "=\n" : BLANKS "\n");
  if (length == 0 && !is_quoted) return false;
  snprintf(word, size, "%.*s", (int)length, text);
  text += length;
  if (is_quoted && *text == '"') text++;
  if (is_keyword) {
    text += strspn(text, BLANKS);
    if (*text == '=') text++;
  }
  *at = text;
  return true;
}

/* `at` is after the word Host. One that begins with '!' and matches decides alone. */
static bool host_matches(const char *at, const char *host) {
  char pattern[WORD_MAX];
  bool matches = false;
  while (next_word(&at, false, pattern, sizeof pattern)) {
    bool is_negated = pattern[0] == '!';
    if (fnmatch(pattern + is_negated, host, FNM_NOESCAPE) != 0) continue;
    if (is_negated) return false;
    matches = true;
  }
  return matches;
}

/* Fills `out` like p2p_ssh_config_find and returns what follows in the line; NULL: there is none.
 */
static const char *find_line(const char *text, const char *host, const char *keyword, unsigned nth,
                             char *out, size_t size) {
  char word[WORD_MAX], value[WORD_MAX];
  bool is_for_host = true;
  for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
    const char *at = line;
    if (!next_word(&at, true, word, sizeof word)) continue;
    if (strcasecmp(word, "Host") == 0) is_for_host = host_matches(at, host);
    if (strcasecmp(word, "Match") == 0) is_for_host = true; /* it begins a part of its own */
    if (is_for_host && strcasecmp(word, keyword) == 0 &&
        next_word(&at, false, value, sizeof value) && nth-- == 0) {
      snprintf(out, size, "%s", value);
      return at;
    }
  }
  return NULL;
}

bool p2p_ssh_config_find(const char *text, const char *host, const char *keyword, unsigned nth,
                         char *out, size_t size) {
  return find_line(text, host, keyword, nth, out, size) != NULL;
}

/* libssh takes the first of several files, and has tokens of its own. */
static bool has_odd_known_hosts(const char *text, const char *host) {
  char word[WORD_MAX];
  const char *at = find_line(text, host, "UserKnownHostsFile", 0, word, sizeof word);
  return at != NULL && (!p2p_ssh_config_is_plain(word) || next_word(&at, false, word, sizeof word));
}

bool p2p_ssh_config_needs_program(const char *text, const char *host) {
  static const char *const keywords[] = {
      "AddressFamily",   "BindAddress",    "BindInterface",  "CanonicalizeHostname",
      "CertificateFile", "HostKeyAlias",   "Include",        "KnownHostsCommand",
      "Match",           "PKCS11Provider", "RevokedHostKeys"};
  static const char *const proxies[] = {"ProxyCommand", "ProxyJump"};
  char value[WORD_MAX];
  for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
    if (p2p_ssh_config_find(text, host, keywords[i], 0, value, sizeof value)) return true;
  for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++)
    if (p2p_ssh_config_find(text, host, proxies[i], 0, value, sizeof value) &&
        strcasecmp(value, "none") != 0)
      return true;
  if (p2p_ssh_config_find(text, host, "IdentityAgent", 0, value, sizeof value) &&
      !p2p_ssh_config_is_plain(value))
    return true;
  return has_odd_known_hosts(text, host);
}
