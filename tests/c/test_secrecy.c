/* proc/secrecy: what another process of the same user can open of this one. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* setgroups */
#endif
#include "proc/secrecy.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
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
#endif

TEST(core_files_are_off_until_it_ends) {
  struct rlimit before = {1024, 4096}, now;
  CHECK(setrlimit(RLIMIT_CORE, &before) == 0);
  p2p_secrecy_begin();
  CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 0 && now.rlim_max == 4096);
  p2p_secrecy_end();
  CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 1024 && now.rlim_max == 4096);
}

#ifdef __linux__
UNIT_MAIN("secrecy", UNIT(others_read_nothing_until_it_ends),
          UNIT(core_files_are_off_until_it_ends))
#else
UNIT_MAIN("secrecy", UNIT(core_files_are_off_until_it_ends))
#endif
