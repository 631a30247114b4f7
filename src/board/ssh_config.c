/* The lines of ssh_config (5) that libssh ignores or reports only in part. This file finds them;
 * what they mean is for ssh_settings.c and ssh_login.c. */
#include "board/ssh_config.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "board/ssh_file.h"

#define TEXT_MAX (1024 * 1024)
#define WORD_MAX 1024

/* ---- files ---- */

/* The text, NUL-terminated and the caller's, if `code` is P2P_OK; else NULL. Clears `text`. */
static char *finish(struct p2p_buf *text, int code) {
  char *out = code == P2P_OK ? malloc(p2p_buf_len(text) + 1) : NULL;
  if (out != NULL) {
    if (p2p_buf_len(text) > 0) memcpy(out, p2p_buf_data(text), p2p_buf_len(text));
    out[p2p_buf_len(text)] = '\0';
  }
  p2p_buf_clear(text);
  return out;
}

static int set_exposed(const char *path, struct p2p_err *err) {
  return p2p_err_because(
      err, "config_exposed",
      p2p_err_set(err, P2P_ERR_INVALID,
                  "'%.300s' is refused: users other than you can change it, or own it", path));
}

int p2p_ssh_config_read(const char *given, char **out, struct p2p_err *err) {
  char path[1600];
  struct p2p_buf text;
  *out = NULL;
  if (strcmp(given, "none") == 0) return P2P_OK;
  p2p_ssh_file_expand(given[0] == '\0' ? "~/.ssh/config" : given, path, sizeof path);
  if (given[0] == '\0' && !p2p_ssh_file_is_trusted(path)) return set_exposed(path, err);
  p2p_buf_init(&text, TEXT_MAX);
  *out = finish(&text, p2p_ssh_file_read(path, &text));
  return P2P_OK;
}

/* ---- lines ---- */

#define BLANKS " \t\r"

/* The next word of the line, without its quotes; false at the end of the line or at a comment.
 * After the keyword, one '=' counts as a blank. */
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

/* `at` is after the word Host. A matching pattern that starts with '!' overrules all others. */
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

/* Fills `out` as p2p_ssh_config_find does, and returns where that word begins; NULL: none found. */
static const char *find_line(const char *text, const char *host, const char *keyword, unsigned nth,
                             char *out, size_t size) {
  char word[WORD_MAX], value[WORD_MAX];
  bool is_for_host = true;
  for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
    const char *at = line;
    if (!next_word(&at, true, word, sizeof word)) continue;
    if (strcasecmp(word, "Host") == 0) is_for_host = host_matches(at, host);
    if (strcasecmp(word, "Match") == 0) is_for_host = true; /* it ends the part under Host */
    const char *list = at;
    if (is_for_host && strcasecmp(word, keyword) == 0 &&
        next_word(&at, false, value, sizeof value) && nth-- == 0) {
      snprintf(out, size, "%s", value);
      return list;
    }
  }
  return NULL;
}

bool p2p_ssh_config_find(const char *text, const char *host, const char *keyword, unsigned nth,
                         char *out, size_t size) {
  return find_line(text, host, keyword, nth, out, size) != NULL;
}

const char *p2p_ssh_config_find_list(const char *text, const char *host, const char *keyword) {
  char word[WORD_MAX];
  return find_line(text, host, keyword, 0, word, sizeof word);
}

bool p2p_ssh_config_word(const char *list, unsigned nth, char *out, size_t size) {
  do
    if (!next_word(&list, false, out, size)) return false;
  while (nth-- > 0);
  return true;
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
  return p2p_ssh_config_find(text, host, "IdentityAgent", 0, value, sizeof value) &&
         !p2p_ssh_file_is_plain(value);
}

/* ---- the system's files ---- */

#define SYSTEM_DIRECTORY "/etc/ssh/"

/* The included files that can be read; a pattern without a directory is relative to /etc/ssh. */
static int read_included(const char *pattern, struct p2p_buf *text) {
  char path[WORD_MAX + sizeof SYSTEM_DIRECTORY];
  glob_t files;
  int code = P2P_OK;
  snprintf(path, sizeof path, "%s%s", pattern[0] == '/' ? "" : SYSTEM_DIRECTORY, pattern);
  if (glob(path, 0, NULL, &files) != 0) return P2P_OK;
  for (size_t i = 0; i < files.gl_pathc && code == P2P_OK; i++) {
    code = p2p_ssh_file_read(files.gl_pathv[i], text);
    if (code == P2P_ERR_SYSTEM) code = P2P_OK;
    if (code == P2P_OK) code = p2p_buf_put(text, "\n", 1);
  }
  globfree(&files);
  return code;
}

char *p2p_ssh_config_read_system(void) {
  struct p2p_buf own, all;
  char pattern[WORD_MAX];
  p2p_buf_init(&own, TEXT_MAX);
  p2p_buf_init(&all, TEXT_MAX);
  char *text = finish(&own, p2p_ssh_file_read(SYSTEM_DIRECTORY "ssh_config", &own));
  int code = text == NULL ? P2P_ERR_SYSTEM : P2P_OK;
  for (unsigned n = 0; code == P2P_OK; n++) {
    if (!p2p_ssh_config_find(text, "", "Include", n, pattern, sizeof pattern)) break;
    code = read_included(pattern, &all);
  }
  if (code == P2P_OK) code = p2p_buf_put(&all, text, strlen(text));
  free(text);
  return finish(&all, code);
}
