/* The keys of a host in known_hosts files: what OpenSSH reads, and what it passes over. */
#include "board/known_hosts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/endian.h"
#include "board/ssh_file.h"
#include "unit.h"

#define FILE_NAME "/home/bob/.ssh/known_hosts"

/* ---- keys ---- */

struct key {
  uint8_t blob[256];
  size_t length;
  char word[400]; /* "type base64" */
};

static struct key a, b, rsa;

static void put(struct key *key, const void *bytes, size_t length) {
  p2p_set_u32(key->blob + key->length, (uint32_t)length);
  memcpy(key->blob + key->length + 4, bytes, length);
  key->length += 4 + length;
}

static void make_key(struct key *key, const char *type, char fill) {
  char bytes[32];
  memset(bytes, fill, sizeof bytes);
  key->length = 0;
  put(key, type, strlen(type));
  put(key, bytes, sizeof bytes);
  if (strcmp(type, "ssh-rsa") == 0) put(key, bytes, 20);
  int used = snprintf(key->word, sizeof key->word, "%s ", type);
  p2p_base64_encode(key->blob, key->length, key->word + used);
}

TEST(keys_are_made) {
  make_key(&a, "ssh-ed25519", 'a');
  make_key(&b, "ssh-ed25519", 'b');
  make_key(&rsa, "ssh-rsa", 'r');
}

/* ---- a check ---- */

static char place[200], problem[200];

static struct p2p_known_hosts *read_text(uint16_t port, const char *text, size_t length) {
  struct p2p_known_hosts *known = p2p_known_hosts_new("Board", port);
  char *exact = malloc(length + 1);
  memcpy(exact, text, length);
  CHECK(p2p_known_hosts_add(known, FILE_NAME, exact, length) == P2P_OK);
  free(exact);
  snprintf(problem, sizeof problem, "%s", p2p_known_hosts_problem(known));
  return known;
}

/* The state of key `a` of board:2222 after this text. */
static enum p2p_host_key_state check(const char *format, ...) P2P_PRINTF(1, 2);
static enum p2p_host_key_state check(const char *format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  struct p2p_known_hosts *known = read_text(2222, text, strlen(text));
  enum p2p_host_key_state state =
      p2p_known_hosts_check(known, a.blob, a.length, place, sizeof place);
  p2p_known_hosts_free(known);
  return state;
}

TEST(a_key_is_found_by_name_pattern_and_hash) {
  static const char *const names[] = {
      "[board]:2222",
      "[BOARD]:2222",
      "x,[board]:2222,y",
      "*",
      "[b*d]:22?2",
      "*:2222",
      "board",
      "b*",
      "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|KxYFjSKhIyx/FwEBGtN8I578njA=",
      "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|lBaHJP9Qtzmd04vSw6ojwAcNPyE="};
  static const char *const others[] = {"[board]:22", "x",        "boar", "board?",
                                       "!*",         "!*b*d*,*", "*,!*", "[board]:2222x",
                                       "",           ",",        "?",    "a*d"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    CHECK(check("%s %s\n", names[i], a.word) == P2P_HOST_KEY_KNOWN);
    CHECK(check("\t%s \t%s comment", names[i], a.word) == P2P_HOST_KEY_KNOWN);
    CHECK_STR(problem, "");
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    CHECK(check("%s %s\n", others[i], a.word) == P2P_HOST_KEY_UNKNOWN);
    CHECK_STR(problem, "");
  }
}

TEST(lines_end_with_crlf_and_are_as_long_as_they_are) {
  char *text = malloc(300000);
  CHECK(check("# comment\r\n\r\n[board]:2222 %s\r\nx %s\r\n", a.word, b.word) ==
        P2P_HOST_KEY_KNOWN);
  CHECK_STR(problem, "");
  memset(text, 'x', 100000);
  int used = 100000 + sprintf(text + 100000, ",[board]:2222 %s ", a.word);
  memset(text + used, 'c', 100000);
  struct p2p_known_hosts *known = read_text(2222, text, (size_t)used + 100000);
  CHECK(p2p_known_hosts_check(known, a.blob, a.length, place, sizeof place) == P2P_HOST_KEY_KNOWN);
  p2p_known_hosts_free(known);
  free(text);
}

TEST(another_key_of_the_host_means_that_it_has_changed) {
  CHECK(check("# one\n[board]:2222 %s\n", b.word) == P2P_HOST_KEY_CHANGED);
  CHECK_STR(place, "line 2 of '" FILE_NAME "'");
  CHECK(check("[board]:2222 %s\n", rsa.word) == P2P_HOST_KEY_CHANGED);
  CHECK(check("[board]:2222 %s\n[board]:2222 %s\n", b.word, a.word) == P2P_HOST_KEY_KNOWN);
  CHECK_STR(place, "");
  /* Without the port, another key says nothing; with it, it overrules one without. */
  CHECK(check("board %s\n", b.word) == P2P_HOST_KEY_UNKNOWN);
  CHECK(check("board %s\n[board]:2222 %s\n", a.word, b.word) == P2P_HOST_KEY_CHANGED);
}

TEST(a_revoked_key_is_refused_wherever_the_line_is) {
  CHECK(check("[board]:2222 %s\n@revoked * %s\n", a.word, a.word) == P2P_HOST_KEY_REVOKED);
  CHECK_STR(place, "line 2 of '" FILE_NAME "'");
  CHECK(check("@revoked\t[board]:2222 %s\n[board]:2222 %s\n", a.word, a.word) ==
        P2P_HOST_KEY_REVOKED);
  CHECK(check("board %s\r\n@revoked board %s\r\n", a.word, a.word) == P2P_HOST_KEY_REVOKED);
  CHECK(check("board %s\n@revoked * %s\n@revoked x %s\n", a.word, b.word, a.word) ==
        P2P_HOST_KEY_KNOWN);
}

TEST(lines_that_openssh_passes_over_are_named) {
  static const struct {
    const char *line, *problem;
  } bad[] = {{"[board]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAA", "has no valid key"},
             {"[board]:2222", "has no valid key"},
             {"[board]:2222 ssh-ed25519", "has no valid key"},
             {"[board]:2222 1024 35 1234567", "has no valid key"},
             {"[board]:2222 ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWE=", "has no valid key"},
             {"@revoke * ssh-ed25519 AAAA", "has an unknown marker"},
             {"@revoked", "has an unknown marker"},
             {"@revoked @revoked * x", "has an unknown marker"},
             {"|1|AAEC|AAEC ssh-ed25519 AAAA", "has a malformed hashed name"},
             {"|2|", "has a malformed hashed name"}};
  char expected[200];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(expected, sizeof expected, "line 2 of '" FILE_NAME "' %s", bad[i].problem);
    CHECK(check("x y\n%s\n", bad[i].line) == P2P_HOST_KEY_UNKNOWN);
    CHECK_STR(problem, expected);
    CHECK(check("x y\n%s\n[board]:2222 %s", bad[i].line, a.word) == P2P_HOST_KEY_KNOWN);
  }
  (void)check("@bad *\n@worse *\nboard ssh-rsa AA\n");
  CHECK_STR(problem, "line 3 of '" FILE_NAME "' has no valid key");
}

TEST(a_file_that_cannot_be_read_is_named) {
  struct p2p_known_hosts *known = p2p_known_hosts_new("board", 22);
  p2p_known_hosts_set_problem(known, "/x\x1b", "Permission denied");
  CHECK_STR(p2p_known_hosts_problem(known), "'/x?' cannot be read: Permission denied");
  p2p_known_hosts_free(known);
}

TEST(known_keys_decide_the_order_of_algorithms_and_who_proves_the_host) {
  static const char rest[] = "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521";
  char text[1024], algorithms[P2P_HOST_KEY_ALGORITHMS_MAX], expected[200];
  snprintf(text, sizeof text, "@cert-authority * %s\n@revoked * %s\n", a.word, b.word);
  struct p2p_known_hosts *known = read_text(22, text, strlen(text));
  p2p_known_hosts_algorithms(known, algorithms);
  snprintf(expected, sizeof expected, "ssh-ed25519,%s,rsa-sha2-512,rsa-sha2-256", rest);
  CHECK_STR(algorithms, expected);
  CHECK(p2p_known_hosts_needs_certificate(known));
  snprintf(text, sizeof text, "board %s\n", rsa.word);
  CHECK(p2p_known_hosts_add(known, "b", text, strlen(text)) == P2P_OK);
  p2p_known_hosts_algorithms(known, algorithms);
  snprintf(expected, sizeof expected, "rsa-sha2-512,rsa-sha2-256,ssh-ed25519,%s", rest);
  CHECK_STR(algorithms, expected);
  CHECK(!p2p_known_hosts_needs_certificate(known));
  CHECK(p2p_known_hosts_check(known, rsa.blob, rsa.length, place, sizeof place) ==
        P2P_HOST_KEY_KNOWN);
  CHECK(p2p_known_hosts_check(known, b.blob, b.length, place, sizeof place) ==
        P2P_HOST_KEY_REVOKED);
  p2p_known_hosts_free(known);
}

TEST(a_file_that_is_cut_anywhere_has_no_other_key) {
  char text[2048];
  int length = snprintf(text, sizeof text, "[board]:2222 %s\n@revoked * %s\n", a.word, b.word);
  size_t first = strcspn(text, "\n");
  for (int cut = 0; cut <= length; cut++) {
    struct p2p_known_hosts *known = read_text(2222, text, (size_t)cut);
    enum p2p_host_key_state state =
        p2p_known_hosts_check(known, a.blob, a.length, place, sizeof place);
    CHECK(state == ((size_t)cut < first ? P2P_HOST_KEY_UNKNOWN : P2P_HOST_KEY_KNOWN));
    p2p_known_hosts_free(known);
  }
  text[first / 2] = '\0'; /* the line ends there */
  struct p2p_known_hosts *known = read_text(2222, text, (size_t)length);
  CHECK(p2p_known_hosts_check(known, a.blob, a.length, place, sizeof place) ==
        P2P_HOST_KEY_UNKNOWN);
  CHECK_STR(problem, "line 1 of '" FILE_NAME "' has no valid key");
  p2p_known_hosts_free(known);
}

TEST(a_file_in_another_home_directory_is_shown_whole) {
  char *home = getenv("HOME") == NULL ? NULL : strdup(getenv("HOME"));
  char whole[700], shown[700], account[700];
  p2p_ssh_file_expand("~/x", whole, sizeof whole);
  CHECK(whole[0] == '/');
  setenv("HOME", "/no/such/home", 1);
  p2p_ssh_file_show("~/x", shown, sizeof shown);
  CHECK_STR(shown, whole);
  snprintf(account, sizeof account, "%.*s", (int)strlen(whole) - 2, whole);
  setenv("HOME", account, 1);
  p2p_ssh_file_show("~/x", shown, sizeof shown);
  CHECK_STR(shown, "~/x");
  if (home != NULL) setenv("HOME", home, 1);
  free(home);
}

UNIT_MAIN("known_hosts", UNIT(a_file_in_another_home_directory_is_shown_whole), UNIT(keys_are_made),
          UNIT(a_key_is_found_by_name_pattern_and_hash),
          UNIT(lines_end_with_crlf_and_are_as_long_as_they_are),
          UNIT(another_key_of_the_host_means_that_it_has_changed),
          UNIT(a_revoked_key_is_refused_wherever_the_line_is),
          UNIT(lines_that_openssh_passes_over_are_named), UNIT(a_file_that_cannot_be_read_is_named),
          UNIT(known_keys_decide_the_order_of_algorithms_and_who_proves_the_host),
          UNIT(a_file_that_is_cut_anywhere_has_no_other_key))
