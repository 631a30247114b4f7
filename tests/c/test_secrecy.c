/* proc/secrecy: what another process of the same user can open of this one. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* setgroups */
#endif
#include "proc/secrecy.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "unit.h"

#ifdef __linux__
#define USER 12345

/* In a child: a file of its parent. */
static int try_to_open(const char *name) {
  char path[64], byte;
  snprintf(path, sizeof path, "/proc/%d/%s", (int)getppid(), name);
  int fd = open(path, O_RDONLY);
  return fd >= 0 && read(fd, &byte, 1) == 1;
}

/* How many of the files a child can read. */
static int readable(void) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) _exit(try_to_open("environ") + try_to_open("maps") + try_to_open("fd/9"));
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Returns the number of the first step that was not so; 0: all were. */
static int check_steps(void) {
  if (readable() != 3) return 1;
  p2p_secrecy_begin();
  if (readable() != 0) return 2;
  p2p_secrecy_begin();
  p2p_secrecy_end();
  if (readable() != 0) return 3;
  p2p_secrecy_end();
  return readable() == 3 ? 0 : 4;
}

/* Root may read everything, so it becomes somebody else. */
static int become_user(void) {
  if (getuid() != 0) return 0;
  if (setgroups(0, NULL) != 0 || setgid(USER) != 0 || setuid(USER) != 0) return -1;
  return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as after exec */
}

TEST(others_read_nothing_until_it_ends) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    int fd = open("/dev/zero", O_RDONLY);
    if (fd < 0 || dup2(fd, 9) != 9 || become_user() != 0) _exit(9);
    _exit(check_steps());
  }
  waitpid(child, &status, 0);
  if (status != 0) fprintf(stderr, "status %x\n", status);
  CHECK(status == 0);
}

/* Whether a child that ends by a signal leaves a core file. 9: it could not try. */
static int leaves_core(const char *folder, bool is_secret, bool is_over) {
  const struct rlimit all = {1 << 20, 1 << 20};
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    if (chdir(folder) != 0 || setrlimit(RLIMIT_CORE, &all) != 0) _exit(9);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (is_secret) p2p_secrecy_begin();
    if (is_over) p2p_secrecy_end();
    signal(SIGQUIT, SIG_DFL);
    raise(SIGQUIT);
    _exit(9);
  }
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WCOREDUMP(status) != 0 : 9;
}

TEST(no_core_file_until_it_ends) {
  char folder[] = "/tmp/p2p-secrecy-XXXXXX", command[64];
  CHECK(mkdtemp(folder) != NULL);
  int without = leaves_core(folder, false, false); /* 0: this system writes none */
  CHECK(without != 9);
  CHECK(leaves_core(folder, true, false) == 0);
  CHECK(leaves_core(folder, true, true) == without);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  CHECK(system(command) == 0);
}

TEST(programs_that_it_starts_keep_their_limit) {
  const struct rlimit before = {1024, 4096};
  struct rlimit now;
  CHECK(setrlimit(RLIMIT_CORE, &before) == 0);
  p2p_secrecy_begin();
  CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 1024 && now.rlim_max == 4096);
  p2p_secrecy_end();
}

UNIT_MAIN("secrecy", UNIT(others_read_nothing_until_it_ends), UNIT(no_core_file_until_it_ends),
          UNIT(programs_that_it_starts_keep_their_limit))
#else
TEST(core_files_are_off_until_it_ends) {
  struct rlimit before = {1024, 4096}, now;
  CHECK(setrlimit(RLIMIT_CORE, &before) == 0);
  p2p_secrecy_begin();
  CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 0 && now.rlim_max == 4096);
  p2p_secrecy_end();
  CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 1024 && now.rlim_max == 4096);
}

UNIT_MAIN("secrecy", UNIT(core_files_are_off_until_it_ends))
#endif
