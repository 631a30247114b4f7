/* The memory limit, in a child process, since it cannot be raised again. The limit is large,
 * because sanitizers reserve memory of their own. */
#include "proc/core_limit.h"
#include "proc/memory_limit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define MIB ((size_t)1 << 20)

static bool can_map(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  munmap(memory, bytes);
  return true;
}

static int in_child(void) {
  struct p2p_err err;
  if (!can_map(512 * MIB)) return 1;
  if (p2p_memory_limit_set(256 * MIB, &err) != P2P_OK) return 2;
  if (!can_map(128 * MIB)) return 3;
  if (can_map(512 * MIB)) return 4;
  if (p2p_memory_limit_set(1024 * MIB, &err) != P2P_OK) return 5; /* not raised, without an error */
  if (can_map(512 * MIB)) return 6;
  return 0;
}

TEST(memory_beyond_the_limit_is_refused) {
#ifdef __linux__
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) _exit(in_child());
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

TEST(core_files_are_off_for_good) {
  struct rlimit limit = {.rlim_cur = 1};
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    p2p_core_limit_set();
    _exit(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0
                                                                                            : 1);
  }
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

UNIT_MAIN("limits", UNIT(memory_beyond_the_limit_is_refused), UNIT(core_files_are_off_for_good))
