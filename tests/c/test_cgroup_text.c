/* What the kernel says about control groups: whole, cut, oversized and hostile. */
#include "proc/cgroup_text.h"

#include <stdlib.h>

#include "unit.h"

static char path[P2P_CGROUP_PATH_MAX];

/* From memory that ends with the bytes, so that a read beyond them is found. */
static bool read_path(const char *bytes, size_t length) {
  char *copy = malloc(length > 0 ? length : 1);
  memcpy(copy, bytes, length);
  bool found = p2p_cgroup_text_path(copy, length, path);
  free(copy);
  return found;
}

static bool path_of(const char *text) { return read_path(text, strlen(text)); }

TEST(the_path_is_that_of_version_2) {
  CHECK(path_of("0::/user.slice/user@1000.service/a.scope\n"));
  CHECK_STR(path, "/user.slice/user@1000.service/a.scope");
  CHECK(path_of("12:memory:/old\n1:name=systemd:/older\n0::/\n"));
  CHECK_STR(path, "/");
  CHECK(path_of("0::/a b:c..d/..e\n")); /* the kernel changes no character */
  CHECK_STR(path, "/a b:c..d/..e");
  CHECK(!path_of(""));
  CHECK(!path_of("\n\n"));
  CHECK(!path_of("4:memory:/a\n10::/b\n"));
}

TEST(a_path_that_is_cut_is_none) {
  const char *text = "4:memory:/a\n0::/b.slice\n";
  for (size_t length = 0; length < strlen(text); length++) CHECK(!read_path(text, length));
  CHECK(path_of(text));
}

TEST(a_path_that_leads_elsewhere_is_none) {
  CHECK(!path_of("0::/..\n"));
  CHECK(!path_of("0::/../a\n"));
  CHECK(!path_of("0::/a/../b\n"));
  CHECK(!path_of("0::/...b/..\n"));
  CHECK(!path_of("0::a\n"));
  CHECK(!path_of("0::\n"));
  CHECK(!read_path("0::/a\0b\n", 8));
}

TEST(a_path_has_a_largest_length) {
  char text[P2P_CGROUP_PATH_MAX + 8];
  memset(text, 'x', sizeof text);
  memcpy(text, "0::/", 4);
  text[3 + P2P_CGROUP_PATH_MAX - 1] = '\n';
  CHECK(read_path(text, sizeof text) && strlen(path) == P2P_CGROUP_PATH_MAX - 1);
  text[3 + P2P_CGROUP_PATH_MAX - 1] = 'x';
  text[3 + P2P_CGROUP_PATH_MAX] = '\n';
  CHECK(!read_path(text, sizeof text));
}

/* UINT64_MAX: none. */
static uint64_t number_of(const char *text, const char *name) {
  uint64_t number = UINT64_MAX - 1;
  bool found = p2p_cgroup_text_number(text, strlen(text), name, &number);
  CHECK(found || number == UINT64_MAX - 1);
  return found ? number : UINT64_MAX;
}

TEST(numbers_are_found_by_their_names) {
  const char *events = "low 0\nhigh 0\nmax 71\noom 2\noom_kill 3\noom_group_kill 1\n";
  CHECK(number_of(events, "oom") == 2);
  CHECK(number_of(events, "oom_kill") == 3);
  CHECK(number_of(events, "low") == 0);
  CHECK(number_of(events, "oom_") == UINT64_MAX);
  CHECK(number_of(events, "populated") == UINT64_MAX);
  CHECK(number_of("", "oom") == UINT64_MAX);
  for (size_t length = 0; length < strlen("oom 12\n"); length++) {
    uint64_t number;
    CHECK(!p2p_cgroup_text_number("oom 12\n", length, "oom", &number));
  }
}

TEST(what_is_not_a_number_is_none) {
  CHECK(number_of("oom 9999999999999999999\n", "oom") == UINT64_C(9999999999999999999));
  CHECK(number_of("oom 10000000000000000000\n", "oom") == UINT64_MAX);
  CHECK(number_of("oom \n", "oom") == UINT64_MAX);
  CHECK(number_of("oom\n", "oom") == UINT64_MAX);
  CHECK(number_of("oom -1\n", "oom") == UINT64_MAX);
  CHECK(number_of("oom 1 \n", "oom") == UINT64_MAX);
  CHECK(number_of("oom max\n", "oom") == UINT64_MAX);
  CHECK(number_of("oom\t1\n", "oom") == UINT64_MAX);
}

static bool has(const char *text, const char *word) {
  return p2p_cgroup_text_has(text, strlen(text), word);
}

TEST(words_are_found_whole) {
  CHECK(has("memory\n", "memory") && has("cpu memory\n", "memory") &&
        has("memory pids\n", "memory"));
  CHECK(has("cpu memory pids\n", "memory"));
  CHECK(!has("\n", "memory") && !has("", "memory") && !has("cpu pids\n", "memory"));
  CHECK(!has("memory_recursiveprot\n", "memory") && !has("xmemory\n", "memory"));
  CHECK(!has("memory", "memory") && !has("cpu\nmemory\n", "memory"));
}

UNIT_MAIN("cgroup_text", UNIT(the_path_is_that_of_version_2), UNIT(a_path_that_is_cut_is_none),
          UNIT(a_path_that_leads_elsewhere_is_none), UNIT(a_path_has_a_largest_length),
          UNIT(numbers_are_found_by_their_names), UNIT(what_is_not_a_number_is_none),
          UNIT(words_are_found_whole))
