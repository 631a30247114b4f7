/* Questions about packages, also those of strangers. */
#include "worker/packages.h"

#include <stdlib.h>

#include "unit.h"

#define INSTALLED "a=1.2.3;data.table=1.14.8;c=0.9;ab=7;"

static int code;
static const char *answer_of(const char *installed, const char *question, size_t length) {
  static char text[256];
  struct p2p_buf out;
  char *copy = malloc(length + (length == 0)); /* of its own length, so that a byte read too many is seen */
  if (length > 0) memcpy(copy, question, length);
  p2p_buf_init(&out, 200);
  code = p2p_packages_answer(installed, copy, length, &out);
  snprintf(text, sizeof text, "%.*s", (int)p2p_buf_len(&out), p2p_buf_len(&out) > 0 ? (const char *)p2p_buf_data(&out) : "");
  p2p_buf_clear(&out);
  free(copy);
  return text;
}
static const char *answer(const char *question) { return answer_of(INSTALLED, question, strlen(question)); }

TEST(versions_are_told_and_absent_ones_are_empty) {
  CHECK_STR(answer("a;b;c"), "a=1.2.3;b=;c=0.9");
  CHECK(code == P2P_OK);
  CHECK_STR(answer("data.table"), "data.table=1.14.8");
  CHECK_STR(answer("ab"), "ab=7");
  CHECK_STR(answer("data"), "data=");
  CHECK_STR(answer("1.2.3"), "1.2.3=");
  CHECK_STR(answer(""), "");
  CHECK(code == P2P_OK);
  CHECK_STR(answer_of(NULL, "a", 1), "a=");
  CHECK_STR(answer_of("a=1", "a", 1), "a=1");
}

TEST(what_is_no_question_is_refused) {
  static const char *const bad[] = {";", "a;", ";a", "a;;b", "a b", "a=1", "a\n", "../a", "a_b", "\xc3\xa4"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    answer(bad[i]);
    CHECK(code == P2P_ERR_PARSE);
  }
  answer_of(INSTALLED, "a\0b", 3);
  CHECK(code == P2P_ERR_PARSE);
}

TEST(too_many_and_too_long_ones_are_refused) {
  char many[2 * P2P_PACKAGES_MOST + 2], name[130];
  struct p2p_buf out;
  for (size_t i = 0; i <= P2P_PACKAGES_MOST; i++) memcpy(many + 2 * i, "a;", 2);
  p2p_buf_init(&out, 65536);
  CHECK(p2p_packages_answer(INSTALLED, many, 2 * P2P_PACKAGES_MOST - 1, &out) == P2P_OK);
  CHECK(p2p_packages_answer(INSTALLED, many, 2 * P2P_PACKAGES_MOST + 1, &out) == P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
  memset(name, 'x', sizeof name);
  answer_of(INSTALLED, name, 129);
  CHECK(code == P2P_ERR_PARSE);
  p2p_buf_init(&out, 10);
  CHECK(p2p_packages_answer(INSTALLED, "abcdefghij", 10, &out) == P2P_ERR_TOO_LARGE);
  p2p_buf_clear(&out);
}

UNIT_MAIN("packages", UNIT(versions_are_told_and_absent_ones_are_empty), UNIT(what_is_no_question_is_refused),
          UNIT(too_many_and_too_long_ones_are_refused))
