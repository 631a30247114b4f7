/* Three processes: the one that was called, which its parent signals and waits for; the first one
 * of the new namespace, which the kernel does not let die by its own signals, so that a program
 * would behave in it as nowhere else; and the program. When the second one ends, the kernel kills
 * all of the namespace. All three are in one process group, so that a signal to it reaches the
 * program. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include "proc/sandbox_namespaces.h"

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/sandbox_mounts.h"
#include "proc/sandbox_privileges.h"
#include "proc/wait_status.h"

#define CLONE3 435 /* the same on all architectures */
#define ALWAYS (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

static int fail(struct p2p_err *err, const char *what) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot %s: %s", what, strerror(errno));
}

static bool write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0) close(fd);
  return done;
}

/* The account keeps its numbers. All others are unknown. */
static bool map_account(uid_t user, gid_t group) {
  char users[64], groups[64];
  snprintf(users, sizeof users, "%u %u 1\n", (unsigned)user, (unsigned)user);
  snprintf(groups, sizeof groups, "%u %u 1\n", (unsigned)group, (unsigned)group);
  return write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", users) &&
         write_text("/proc/self/gid_map", groups);
}

static int unshare_all(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  uid_t user = geteuid();
  gid_t group = getegid();
  if (unshare(ALWAYS | (sandbox->net ? 0 : CLONE_NEWNET)) != 0)
    return fail(err, "create namespaces");
  return map_account(user, group) ? P2P_OK : fail(err, "map the account into a user namespace");
}

/* The network of the sandbox has this interface only, and it is down. */
static void start_loopback(void) {
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
  if (fd < 0) return;
  (void)!ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
}

/* The files of the program are open in it alone, so that their ends can be seen. */
static void close_files(int except) {
  for (int fd = 0; fd <= 4; fd++)
    if (fd != except) close(fd);
}

/* `report` is the pipe through which the second process tells how the program has ended. It ends
 * then, too, but the kernel may take a while to remove its namespaces. */
static void wait_outside(pid_t child, int report) {
  int status = 0;
  ssize_t length;
  signal(SIGINT, SIG_IGN);
  close_files(report);
  do length = read(report, &status, sizeof status);
  while (length < 0 && errno == EINTR);
  if (length != sizeof status)
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  p2p_wait_status_repeat(status);
}

static void wait_inside(pid_t program, int report) {
  struct p2p_err err;
  int status = 0;
  pid_t ended;
  close_files(-1);
  if (dup2(report, 3) != 3 || p2p_sandbox_privileges_drop(&err) != P2P_OK) _exit(1);
  do ended = waitpid(-1, &status, 0);
  while (ended != program && (ended > 0 || errno == EINTR));
  (void)!write(3, &status, sizeof status);
  _exit(0);
}

/* As fork(). The number of the new process, in this namespace, is `number`, if the kernel can do
 * that (Linux 5.5). */
static pid_t fork_as(pid_t number) {
  const struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, numbers,
        n_numbers;
  } arguments = {.exit_signal = SIGCHLD, .numbers = (uintptr_t)&number, .n_numbers = 1};
  long child = syscall(CLONE3, &arguments, sizeof arguments);
  return child < 0 ? fork() : (pid_t)child;
}

/* In the second process. Returns in the program, which has the number of the first one, so that it
 * differs between sandboxes and is the one that others see. */
static int start_program(const struct p2p_sandbox *sandbox, pid_t number, int report,
                         struct p2p_err *err) {
  struct sigaction before, ignore = {.sa_handler = SIG_IGN};
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (!sandbox->net) start_loopback();
  int code = p2p_sandbox_mounts_enter(sandbox, err);
  if (code != P2P_OK) return code;
  sigaction(SIGINT, &ignore, &before);
  pid_t program = fork_as(number);
  if (program < 0) return fail(err, "start a process");
  if (program > 0) wait_inside(program, report);
  sigaction(SIGINT, &before, NULL);
  close(report);
  return P2P_OK;
}

int p2p_sandbox_namespaces_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  int report[2];
  pid_t number = getpid();
  int code = unshare_all(sandbox, err);
  if (code != P2P_OK) return code;
  if (pipe2(report, O_CLOEXEC) != 0) return fail(err, "open a pipe");
  /* Away from the descriptors that the program has, which may be closed here. */
  for (int i = 0; i < 2; i++) {
    int high = fcntl(report[i], F_DUPFD_CLOEXEC, 5);
    close(report[i]);
    if (high < 0) return fail(err, "open a pipe");
    report[i] = high;
  }
  pid_t child = fork();
  if (child < 0) return fail(err, "start a process");
  if (child > 0) {
    close(report[1]);
    wait_outside(child, report[0]);
  }
  close(report[0]);
  return start_program(sandbox, number, report[1], err);
}

#else
int p2p_sandbox_namespaces_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  (void)sandbox;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "this system does not offer namespaces");
}
#endif
