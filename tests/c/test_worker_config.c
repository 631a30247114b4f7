/* The configuration of a worker: its limits. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/file_limit.h"
#include "worker/worker_config.h"

static const char *const ARGV[] = {"R", NULL}, *const ENV[] = {"A=1", NULL};

static struct p2p_worker_config config_with(uint32_t slots) {
  return (struct p2p_worker_config){
      .slots = slots, .evaluator_argv = ARGV, .evaluator_env = ENV, .scratch = "/tmp"};
}

/* In a child, since a hard limit cannot be raised again. Returns 0, or the number of the check that
 * failed. */
static int check_file_limits(void) {
  struct rlimit limit = {64, 400};
  struct p2p_err err = {0};
  struct p2p_worker_config two = config_with(2), ninety = config_with(90);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  if (p2p_file_limit_raise(10) != 64) return 2; /* never lowered */
  if (p2p_worker_config_check(&two, &err) != P2P_OK) return 3;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != 372) return 4;
  if (p2p_worker_config_check(&ninety, &err) != P2P_ERR_SYSTEM) return 5;
  if (strcmp(err.message, "90 slots need 404 open files, and the limit of this process is 400") !=
      0)
    return 6;
  return strcmp(err.reason, "files_for_slots") == 0 ? 0 : 7;
}

TEST(the_limit_on_open_files_is_raised_and_must_suffice_for_the_slots) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) _exit(check_file_limits());
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(the_number_of_slots_has_a_range) {
  struct p2p_err err = {0};
  struct p2p_worker_config none = config_with(0), many = config_with(P2P_WORKER_SLOTS_MAX + 1);
  CHECK(p2p_worker_config_check(&none, &err) == P2P_ERR_INVALID);
  CHECK(p2p_worker_config_check(&many, &err) == P2P_ERR_INVALID);
}

UNIT_MAIN("worker_config", UNIT(the_limit_on_open_files_is_raised_and_must_suffice_for_the_slots),
          UNIT(the_number_of_slots_has_a_range))
