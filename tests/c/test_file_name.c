/* The name of a received file. */
#include "transfer/file_name.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/sanitize.h"
#include "unit.h"

static void check(const char *sent, const char *expected) {
  char name[P2P_FILE_NAME_MAX];
  p2p_file_name_clean(sent, name);
  CHECK_STR(name, expected);
}

TEST(usual_names_are_kept) {
  static const char *const USUAL[] = {
      "results.rds", "my file (2).tar.gz", "caf\xc3\xa9", "a", "R-4.2.2_win.zip", "1", "a.b.c",
      "x~",          "console.log"};
  for (size_t i = 0; i < sizeof USUAL / sizeof USUAL[0]; i++) check(USUAL[i], USUAL[i]);
}

TEST(hostile_names_stay_in_the_directory_and_visible) {
  check("../../x", "x");
  check("/etc/passwd", "passwd");
  check("C:\\Windows\\x.dll", "x.dll");
  check("", "file");
  check(".", "file");
  check("..", "file");
  check("...", "file");
  check("dir/", "file");
  check("a/..", "file");
  check("  . ", "file");
  check(" ", "file");
  check("a\nb", "a_b");
  check("\x1b[2Ja", "_[2Ja");
  check("txt.\xe2\x80\xae"
        "exe",
        "txt._exe");
  check(".bashrc", "_bashrc");
  check("..hidden", "_.hidden");
  check("-rf", "_rf");
  check("~root", "_root");
  check(" -x ", "_x");
  check("a:b*c?.txt", "a_b_c_.txt");
  check("\xff\xfe.csv", "__.csv");
  check("caf\xe9", "caf_");
  check("x. . ", "x");
}

TEST(names_of_devices_are_not_used) {
  check("NUL", "_NUL");
  check("con.txt", "_con.txt");
  check("Com1", "_Com1");
  check("lpt9.log.gz", "_lpt9.log.gz");
  check("com", "com");
  check("comb.txt", "comb.txt");
  check("nulls", "nulls");
}

/* Every prefix of a name of three-byte characters, with an extension that must survive. */
TEST(long_names_are_cut_between_characters_and_keep_their_extension) {
  char sent[1300], name[P2P_FILE_NAME_MAX], again[P2P_FILE_NAME_MAX];
  for (size_t n = 1; n <= 400; n++) {
    sent[0] = '\0';
    for (size_t i = 0; i < n; i++) strcat(sent, n % 2 ? "\xe2\x82\xac" : "a");
    strcat(sent, ".tar.gz");
    p2p_file_name_clean(sent, name);
    size_t length = strlen(name);
    CHECK(length < P2P_FILE_NAME_MAX);
    if (strlen(sent) < 1000) CHECK(strcmp(name + length - 7, ".tar.gz") == 0);
    p2p_sanitize(name, length, again, sizeof again);
    CHECK_STR(name, again);
  }
  memset(sent, 'a', 300);
  sent[300] = '\0';
  p2p_file_name_clean(sent, name);
  CHECK(strlen(name) == P2P_FILE_NAME_MAX - 1);
  sent[1] = '.'; /* not an extension: too long */
  p2p_file_name_clean(sent, name);
  CHECK(strlen(name) == P2P_FILE_NAME_MAX - 1);
}

TEST(a_number_is_inserted_before_the_extension) {
  CHECK(p2p_file_name_stem("results.rds") == 7);
  CHECK(p2p_file_name_stem("a.tar.gz") == 1);
  CHECK(p2p_file_name_stem("Makefile") == 8);
  CHECK(p2p_file_name_stem("_.tar.gz") == 1);
  CHECK(p2p_file_name_stem(".tar.gz") == 4);
  CHECK(p2p_file_name_stem("a.a long sentence follows") == 25);
}

TEST(no_name_of_two_bytes_is_dangerous) {
  char sent[4] = "", name[P2P_FILE_NAME_MAX];
  for (int a = 0; a < 256; a++)
    for (int b = 0; b < 256; b++) {
      sent[0] = (char)a;
      sent[1] = (char)b;
      p2p_file_name_clean(sent, name);
      bool is_safe = name[0] != '\0' && strpbrk(name, "/\\\n\r\t\x1b\x7f:*?\"<>|") == NULL &&
                     strchr(".-~ ", name[0]) == NULL;
      CHECK(is_safe);
    }
}

UNIT_MAIN("file_name", UNIT(usual_names_are_kept),
          UNIT(hostile_names_stay_in_the_directory_and_visible),
          UNIT(names_of_devices_are_not_used),
          UNIT(long_names_are_cut_between_characters_and_keep_their_extension),
          UNIT(a_number_is_inserted_before_the_extension), UNIT(no_name_of_two_bytes_is_dangerous))
