/* The program `sandbox`, by which a worker starts its evaluators. It enters the sandbox and becomes
 * the evaluator:
 *
 *   sandbox [--cgroup] [--probe] [--net] [--read=PATH ...] [--write=PATH ...] [--device=PATH ...]
 *           LEVEL PROGRAM [ARGUMENT ...]
 *
 * LEVEL is "namespaces" or "landlock", or "seatbelt" on macOS. The folder that has $TMPDIR is
 * writable, too, and $TMPDIR is the home folder of the program. With --probe, it ends instead of
 * starting the program, or, with "seatbelt", lets it only print its version. LEVEL "none" confines
 * nothing, but leaves a keeper (proc/keeper), with descriptor 4 as its lifeline.
 * With --cgroup, it first moves into the control group by descriptor 5 (see p2p_cgroup_open()).
 * Exit status: that of the program, or 126 and a line on standard error. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include "proc/keeper.h"
#include "proc/sandbox.h"
#include "proc/sandbox_seatbelt.h"

#define FAILED 126
#define LIFELINE 4
#define GROUP 5

struct command {
  struct p2p_sandbox sandbox;
  struct p2p_sandbox_path *paths;
  const char **devices;
  char *scratch;
  bool is_probe;
  bool has_group;
  bool is_none;   /* no sandbox, but a keeper */
  char **program; /* NULL-terminated */
};

static int fail(const struct p2p_err *err) {
  dprintf(STDERR_FILENO, "cannot set up the sandbox: %s\n", err->message);
  return FAILED;
}

static void add_path(struct command *command, const char *path, bool is_writable) {
  command->paths[command->sandbox.n_paths++] =
      (struct p2p_sandbox_path){.path = path, .is_writable = is_writable};
}

static bool read_flag(struct command *command, const char *flag) {
  if (strcmp(flag, "--probe") == 0)
    command->is_probe = true;
  else if (strcmp(flag, "--cgroup") == 0)
    command->has_group = true;
  else if (strcmp(flag, "--net") == 0)
    command->sandbox.net = true;
  else if (strncmp(flag, "--read=/", 8) == 0)
    add_path(command, flag + 7, false);
  else if (strncmp(flag, "--write=/", 9) == 0)
    add_path(command, flag + 8, true);
  else if (strncmp(flag, "--device=/", 10) == 0)
    command->devices[command->sandbox.n_devices++] = flag + 9;
  else
    return false;
  return true;
}

/* The folder above $TMPDIR. */
static bool add_scratch(struct command *command) {
  const char *tmp = getenv("TMPDIR");
  char *slash;
  if (tmp == NULL || tmp[0] != '/') return true;
  if ((command->scratch = strdup(tmp)) == NULL || setenv("HOME", tmp, 1) != 0) return false;
  slash = strrchr(command->scratch, '/');
  if (slash == command->scratch) return true; /* it is "/tmp", of all */
  *slash = '\0';
  add_path(command, command->scratch, true);
  return true;
}

static bool read_level(struct command *command, const char *level) {
  if (strcmp(level, "none") == 0)
    command->is_none = true;
  else if (strcmp(level, "namespaces") == 0)
    command->sandbox.level = P2P_SANDBOX_NAMESPACES;
  else if (strcmp(level, "landlock") == 0)
    command->sandbox.level = P2P_SANDBOX_LANDLOCK;
  else if (strcmp(level, "seatbelt") == 0)
    command->sandbox.level = P2P_SANDBOX_SEATBELT;
  else
    return false;
  return true;
}

static int read_command(struct command *command, int argc, char **argv, struct p2p_err *err) {
  int next = 1;
  command->paths = calloc((size_t)argc + 1, sizeof command->paths[0]);
  command->devices = calloc((size_t)argc + 1, sizeof command->devices[0]);
  if (command->paths == NULL || command->devices == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  while (next < argc && read_flag(command, argv[next])) next++;
  if (argc - next < 2) return p2p_err_set(err, P2P_ERR_INVALID, "the command is not complete");
  if (!read_level(command, argv[next]))
    return p2p_err_set(err, P2P_ERR_INVALID, "'%s' is not a level", argv[next]);
  if (!command->is_none && !add_scratch(command))
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  command->sandbox.paths = command->paths;
  command->sandbox.devices = command->devices;
  command->sandbox.supervisor = getppid();
  command->program = argv + next + 1;
  return P2P_OK;
}

/* Only a program that runs by the rules shows that macOS takes them, and that its loader can. */
static int run_in_seatbelt(struct command *command, struct p2p_err *err) {
  char *probe[] = {command->program[0], "--version", NULL};
  return p2p_sandbox_seatbelt_become(&command->sandbox,
                                     command->is_probe ? probe : command->program, err);
}

static int join_group(struct p2p_err *err) {
  bool done = write(GROUP, "0", 1) == 1;
  int number = errno;
  close(GROUP);
  return done ? P2P_OK
              : p2p_err_set(err, P2P_ERR_SYSTEM, "cannot join the control group: %s",
                            strerror(number));
}

static int run(struct command *command, struct p2p_err *err) {
  int code = command->has_group ? join_group(err) : P2P_OK;
  if (code != P2P_OK) return code;
  if (!command->is_none && command->sandbox.level == P2P_SANDBOX_SEATBELT)
    return run_in_seatbelt(command, err);
#ifdef __linux__
  /* An evaluator that is stopped cannot see that its supervisor has died. With Landlock it goes on,
   * sees it, and kills its group; the end of this process ends all of a namespace. */
  int signal = command->sandbox.level == P2P_SANDBOX_LANDLOCK ? SIGCONT : SIGKILL;
  if (!command->is_none) prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
#endif
  code = command->is_none ? p2p_keeper_enter(LIFELINE, err)
                          : p2p_sandbox_enter(&command->sandbox, err);
  if (code != P2P_OK) return code;
  if (access(command->program[0], X_OK) == 0) {
    if (command->is_probe) return P2P_OK;
    execv(command->program[0], command->program);
  }
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot start '%s': %s", command->program[0],
                     strerror(errno));
}

int main(int argc, char **argv) {
  struct command command = {.is_probe = false};
  struct p2p_err err;
  int code = read_command(&command, argc, argv, &err);
  if (code == P2P_OK) code = run(&command, &err);
  free(command.paths);
  free(command.devices);
  free(command.scratch);
  return code == P2P_OK ? 0 : fail(&err);
}
