/* Replies to requests for packages, well-formed and hostile. */
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

static const char *reply_from(const char *from, const char *request, size_t length) {
  static char text[256];
  struct p2p_buf out;
  char *copy = malloc(length + (length == 0)); /* of this length: ASan finds a read beyond it */
  if (length > 0) memcpy(copy, request, length);
  p2p_buf_init(&out, 200);
  code = p2p_package_library_reply(from, copy, length, &out);
  snprintf(text, sizeof text, "%.*s", (int)p2p_buf_len(&out),
           p2p_buf_len(&out) > 0 ? (const char *)p2p_buf_data(&out) : "");
  p2p_buf_clear(&out);
  free(copy);
  return text;
}
static const char *reply(const char *request) {
  return reply_from(libraries, request, strlen(request));
}

TEST(reply_has_versions_or_nothing) {
  CHECK_STR(reply("a;b;c"), "a=1.2.3;b=;c=0.9");
  CHECK(code == P2P_OK);
  CHECK_STR(reply("data.table"), "data.table=1.14-8");
  CHECK_STR(reply("data"), "data=");
  CHECK_STR(reply("none"), "none=");
  CHECK_STR(reply(""), "");
  CHECK(code == P2P_OK);
  CHECK_STR(reply_from(NULL, "a", 1), "a=");
  CHECK_STR(reply_from("", "a", 1), "a=");
}

TEST(later_installations_are_found) {
  CHECK_STR(reply("late"), "late=");
  add_package("two", "late", "Version: 2.0\n");
  CHECK_STR(reply("late"), "late=2.0");
}

/* A test that hangs is killed by the alarm. */
TEST(only_regular_files_are_read) {
  alarm(20);
  add_package("one", "fifo", "");
  CHECK(unlink(site_path(&site, "one/fifo/DESCRIPTION")) == 0);
  CHECK(mkfifo(site_path(&site, "one/fifo/DESCRIPTION"), 0600) == 0);
  CHECK(mkdir(site_path(&site, "one/folder"), 0700) == 0);
  CHECK(mkdir(site_path(&site, "one/folder/DESCRIPTION"), 0700) == 0);
  CHECK_STR(reply("fifo;folder;c"), "fifo=;folder=;c=0.9");
  alarm(0);
}

TEST(long_descriptions_are_read_in_part) {
  FILE *file;
  add_package("two", "long", "Package: long\n");
  file = fopen(site_path(&site, "two/long/DESCRIPTION"), "a");
  CHECK(file != NULL);
  for (int i = 0; i < 3000; i++) fprintf(file, "Line: %d\n", i);
  fprintf(file, "Version: 1.0\n");
  fclose(file);
  CHECK_STR(reply("long"), "long=");
}

TEST(malformed_requests_are_refused) {
  static const char *const bad[] = {";",  "a;", ";a",      "a;;b", "a b", "a=1", "a\n",     "../a",
                                    "..", ".",  "a/../..", "1a",   ".a",  "a_b", "\xc3\xa4"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    reply(bad[i]);
    CHECK(code == P2P_ERR_PARSE);
  }
  reply_from(libraries, "a\0b", 3);
  CHECK(code == P2P_ERR_PARSE);
}

TEST(oversized_requests_are_refused) {
  char many[2 * P2P_PACKAGE_REQUEST_MAX + 2], name[130], far[5000];
  struct p2p_buf out;
  for (size_t i = 0; i <= P2P_PACKAGE_REQUEST_MAX; i++) memcpy(many + 2 * i, "a;", 2);
  p2p_buf_init(&out, 65536);
  CHECK(p2p_package_library_reply(libraries, many, 2 * P2P_PACKAGE_REQUEST_MAX - 1, &out) ==
        P2P_OK);
  CHECK(p2p_package_library_reply(libraries, many, 2 * P2P_PACKAGE_REQUEST_MAX + 1, &out) ==
        P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
  memset(name, 'x', sizeof name);
  reply_from(libraries, name, 129);
  CHECK(code == P2P_ERR_PARSE);
  p2p_buf_init(&out, 10);
  CHECK(p2p_package_library_reply(libraries, "abcdefghij", 10, &out) == P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
  memset(far, '/', sizeof far - 1);
  far[sizeof far - 1] = '\0';
  CHECK_STR(reply_from(far, "a", 1), "a=");
}

TEST(nothing_is_left) { site_close(&site); }

UNIT_MAIN("package_library", UNIT(prepare), UNIT(reply_has_versions_or_nothing),
          UNIT(later_installations_are_found), UNIT(only_regular_files_are_read),
          UNIT(long_descriptions_are_read_in_part), UNIT(malformed_requests_are_refused),
          UNIT(oversized_requests_are_refused), UNIT(nothing_is_left))
