/* Questions about packages, also those of strangers. */
#include "worker/package_library.h"

#include "sshd_fixture.h"

static struct site site;
static char libraries[256];
static int code;

static void add_package(const char *library, const char *name, const char *description) {
  char path[64];
  mkdir(site_path(&site, library), 0700);
  snprintf(path, sizeof path, "%s/%s", library, name);
  mkdir(site_path(&site, path), 0700);
  snprintf(path, sizeof path, "%s/%s/DESCRIPTION", library, name);
  site_write(&site, path, "%s", description);
}

TEST(prepare) {
  site_open(&site);
  add_package("one", "a", "Package: a\nVersion: 1.2.3\nBuilt: R 4.2.2\n");
  add_package("one", "data.table",
              "Package: data.table\nTitle: Version: 7,\n Version: 8\nVersion:\t1.14-8 \r\n");
  add_package("one", "none", "Package: none\nVersion: $(id)\n");
  add_package("two", "a", "Package: a\nVersion: 0.1\n");
  add_package("two", "c", "Version: 0.9");
  site_write(&site, "DESCRIPTION", "Version: 6.6.6\n");
  snprintf(libraries, sizeof libraries, "%s\n\n%s/missing\n%s", site_path(&site, "one"), site.dir,
           site_path(&site, "two"));
}

static const char *answer_of(const char *from, const char *question, size_t length) {
  static char text[256];
  struct p2p_buf out;
  char *copy =
      malloc(length + (length == 0)); /* of its own length, so that a byte read too many is seen */
  if (length > 0) memcpy(copy, question, length);
  p2p_buf_init(&out, 200);
  code = p2p_package_library_answer(from, copy, length, &out);
  snprintf(text, sizeof text, "%.*s", (int)p2p_buf_len(&out),
           p2p_buf_len(&out) > 0 ? (const char *)p2p_buf_data(&out) : "");
  p2p_buf_clear(&out);
  free(copy);
  return text;
}
static const char *answer(const char *question) {
  return answer_of(libraries, question, strlen(question));
}

TEST(versions_are_told_and_absent_ones_are_empty) {
  CHECK_STR(answer("a;b;c"), "a=1.2.3;b=;c=0.9");
  CHECK(code == P2P_OK);
  CHECK_STR(answer("data.table"), "data.table=1.14-8");
  CHECK_STR(answer("data"), "data=");
  CHECK_STR(answer("none"), "none=");
  CHECK_STR(answer(""), "");
  CHECK(code == P2P_OK);
  CHECK_STR(answer_of(NULL, "a", 1), "a=");
  CHECK_STR(answer_of("", "a", 1), "a=");
}

TEST(what_was_installed_since_is_told_too) {
  CHECK_STR(answer("late"), "late=");
  add_package("two", "late", "Version: 2.0\n");
  CHECK_STR(answer("late"), "late=2.0");
}

TEST(what_is_no_question_is_refused) {
  static const char *const bad[] = {";",  "a;", ";a",      "a;;b", "a b", "a=1", "a\n",     "../a",
                                    "..", ".",  "a/../..", "1a",   ".a",  "a_b", "\xc3\xa4"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    answer(bad[i]);
    CHECK(code == P2P_ERR_PARSE);
  }
  answer_of(libraries, "a\0b", 3);
  CHECK(code == P2P_ERR_PARSE);
}

TEST(too_many_and_too_long_ones_are_refused) {
  char many[2 * P2P_PACKAGE_REQUEST_MAX + 2], name[130], far[5000];
  struct p2p_buf out;
  for (size_t i = 0; i <= P2P_PACKAGE_REQUEST_MAX; i++) memcpy(many + 2 * i, "a;", 2);
  p2p_buf_init(&out, 65536);
  CHECK(p2p_package_library_answer(libraries, many, 2 * P2P_PACKAGE_REQUEST_MAX - 1, &out) ==
        P2P_OK);
  CHECK(p2p_package_library_answer(libraries, many, 2 * P2P_PACKAGE_REQUEST_MAX + 1, &out) ==
        P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
  memset(name, 'x', sizeof name);
  answer_of(libraries, name, 129);
  CHECK(code == P2P_ERR_PARSE);
  p2p_buf_init(&out, 10);
  CHECK(p2p_package_library_answer(libraries, "abcdefghij", 10, &out) == P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
  memset(far, '/', sizeof far - 1);
  far[sizeof far - 1] = '\0';
  CHECK_STR(answer_of(far, "a", 1), "a=");
}

TEST(nothing_is_left) { site_close(&site); }

UNIT_MAIN("packages", UNIT(prepare), UNIT(versions_are_told_and_absent_ones_are_empty),
          UNIT(what_was_installed_since_is_told_too), UNIT(what_is_no_question_is_refused),
          UNIT(too_many_and_too_long_ones_are_refused), UNIT(nothing_is_left))
