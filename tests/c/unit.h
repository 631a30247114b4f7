/* A small frame for unit tests: TEST(name) { CHECK(...); } and a main that runs what is listed. A
 * program prints each failure with its place and closes with "units NAME: N passed, N failed". */
#ifndef P2P_TESTS_UNIT_H
#define P2P_TESTS_UNIT_H

#include <stdio.h>
#include <string.h>

static int unit_bad;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      unit_bad = 1;                                                           \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                         \
  } while (0)
#define CHECK_STR(is, expected)                                                          \
  do {                                                                                   \
    const char *is_ = (is), *expected_ = (expected);                                     \
    if (is_ == NULL || strcmp(is_, expected_) != 0) {                                    \
      unit_bad = 1;                                                                      \
      fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #is, \
              is_ ? is_ : "(null)", expected_);                                          \
    }                                                                                    \
  } while (0)

#define TEST(name) static void name(void)

struct unit_test {
  const char *name;
  void (*fn)(void);
};

#define UNIT(fn) \
  { #fn, fn }
#define UNIT_MAIN(program, ...)                                          \
  int main(void) {                                                       \
    static const struct unit_test tests[] = {__VA_ARGS__};               \
    int passed = 0, failed = 0;                                          \
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {        \
      unit_bad = 0;                                                      \
      tests[i].fn();                                                     \
      if (unit_bad) {                                                    \
        failed++;                                                        \
        fprintf(stderr, "FAILED: %s: %s\n", program, tests[i].name);     \
      } else {                                                           \
        passed++;                                                        \
      }                                                                  \
    }                                                                    \
    printf("units %s: %d passed, %d failed\n", program, passed, failed); \
    return failed != 0;                                                  \
  }

#endif
