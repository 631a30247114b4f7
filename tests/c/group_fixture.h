/* A control group of its own for a test process, where this machine lets us make one: as root, with
 * cgroup v2 that can be written to. Its groups limit memory if the kernel offers that there. */
#ifndef P2P_TESTS_GROUP_FIXTURE_H
#define P2P_TESTS_GROUP_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include "unit.h"

static char place[128]; /* the group of the test process */
static bool has_groups, has_memory;

static const char *below_place(const char *name) {
  static char path[192];
  snprintf(path, sizeof path, "%s/%s", place, name);
  return path;
}

static bool put_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0) close(fd);
  return done;
}

/* "": it cannot be read. */
static const char *text_of(const char *path) {
  static char text[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[length > 0 ? length : 0] = '\0';
  return text;
}

static void remove_place(void) { rmdir(place); }

static void find_place(void) {
#ifdef __linux__
  static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  for (size_t i = 0; i < sizeof roots / sizeof roots[0] && !has_groups; i++) {
    struct statfs status;
    if (statfs(roots[i], &status) != 0 || status.f_type != CGROUP2_SUPER_MAGIC) continue;
    snprintf(place, sizeof place, "%s/p2p-unit-%ld", roots[i], (long)getpid());
    has_groups = mkdir(place, 0755) == 0;
  }
  if (!has_groups) return;
  has_memory = strstr(text_of(below_place("cgroup.controllers")), "memory") != NULL;
  atexit(remove_place);
#endif
}

/* Whether all checks pass in a process of its own, in a group of its own, in which it leaves
 * nothing. */
static bool passes_in_place(void (*fn)(void)) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    unit_bad = 0;
    CHECK(put_text(below_place("cgroup.procs"), "0"));
    fn();
    exit(unit_bad); /* with the check for leaks; but not with remove_place() */
  }
  waitpid(child, &status, 0);
  for (int i = 0; i < 500 && rmdir(place) != 0; i++) usleep(10000); /* until all have ended */
  bool is_clean = access(place, F_OK) != 0;
  CHECK(is_clean);
  CHECK(!is_clean || mkdir(place, 0755) == 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct group_test {
  const char *name;
  void (*fn)(void);
  bool needs_groups, needs_memory;
};

#define GROUP_TEST(fn, needs_groups, needs_memory) \
  { #fn, fn, needs_groups, needs_memory }

static int run_group_tests(const char *program, const struct group_test *tests, size_t count) {
  int passed = 0, failed = 0, skipped = 0;
  find_place();
  for (size_t i = 0; i < count; i++) {
    const struct group_test *test = &tests[i];
    if ((test->needs_groups && !has_groups) || (test->needs_memory && !has_memory)) {
      skipped++;
      continue;
    }
    unit_bad = 0;
    if (test->needs_groups)
      CHECK(passes_in_place(test->fn));
    else
      test->fn();
    if (unit_bad) fprintf(stderr, "FAILED: %s: %s\n", program, test->name);
    *(unit_bad ? &failed : &passed) += 1;
  }
  printf("units %s: %d passed, %d failed, %d skipped\n", program, passed, failed, skipped);
  return failed != 0;
}

#endif
