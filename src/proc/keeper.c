/* The keeper's loop, and the sweep at its end. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* getpgid, waitid */
#endif
#include "proc/keeper.h"

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/wait_status.h"

static int fail(struct p2p_err *err, const char *what) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot %s: %s", what, strerror(errno));
}

/* No member of a group that is killed at once can escape by starting another process. */
static void kill_with_group(pid_t process) {
  pid_t group = getpgid(process);
  if (group > 0 && group != getpgrp()) kill(-group, SIGKILL);
  kill(process, SIGKILL);
}

/* Children are reaped elsewhere, so their numbers are theirs. False: the kernel has no list of
 * them. A list that is too long is cut: the rest follows in the next call. */
static bool kill_children(void) {
  char path[64], list[4096];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, list, sizeof list - 1);
  if (fd >= 0) close(fd);
  if (length < 0) return false;
  list[length] = '\0';
  for (char *at = list, *blank; (blank = strchr(at, ' ')) != NULL; at = blank + 1)
    kill_with_group((pid_t)strtol(at, NULL, 10));
  return true;
}

/* Each child that ends may leave its own children to us. Returns the status of the program, which
 * has ended and was not reaped. */
static int sweep(pid_t program) {
  int status, end = 0;
  pid_t ended;
  kill(-program, SIGKILL);
  do {
    bool is_known = kill_children();
    do ended = waitpid(is_known ? -1 : program, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended == program) end = status;
  } while (ended > 0);
  return end;
}

/* Reaps orphans. True: the program has ended. It is not reaped yet. */
static bool has_ended(pid_t program) {
  for (;;) {
    siginfo_t end = {0};
    if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid == 0) return false;
    if (end.si_pid == program) return true;
    waitpid(end.si_pid, NULL, 0);
  }
}

static void take_signal(int signals, pid_t program) {
  struct signalfd_siginfo info;
  if (read(signals, &info, sizeof info) != sizeof info) return;
  if (info.ssi_signo == SIGINT) kill(-program, SIGINT);
  if (info.ssi_signo == P2P_KEEPER_STOP) kill(-program, SIGSTOP);
  if (info.ssi_signo == P2P_KEEPER_CONTINUE) kill(-program, SIGCONT);
  if (info.ssi_signo == P2P_KEEPER_KILL) kill_with_group(program);
}

static void keep(pid_t program, int signals, int lifeline) {
  struct pollfd files[] = {{.fd = signals, .events = POLLIN}, {.fd = lifeline, .events = POLLIN}};
  for (int fd = 0; fd <= 4; fd++)
    if (fd != lifeline && fd != signals) close(fd); /* so that the ends of the program's are seen */
  while (!has_ended(program)) {
    if (poll(files, 2, -1) < 0) continue;
    if (files[0].revents != 0) take_signal(signals, program);
    if (files[1].revents == 0) continue;
    kill_with_group(program);
    files[1].fd = -1;
  }
  p2p_wait_status_repeat(sweep(program));
}

int p2p_keeper_enter(int lifeline, struct p2p_err *err) {
  sigset_t handled, before;
  pid_t keeper = getpid();
  sigemptyset(&handled);
  sigaddset(&handled, SIGINT);
  sigaddset(&handled, P2P_KEEPER_KILL);
  sigaddset(&handled, P2P_KEEPER_STOP);
  sigaddset(&handled, P2P_KEEPER_CONTINUE);
  sigaddset(&handled, SIGCHLD);
  int signals = signalfd(-1, &handled, SFD_CLOEXEC);
  if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 ||
      sigprocmask(SIG_BLOCK, &handled, &before) != 0)
    return fail(err, "become a keeper");
  pid_t program = fork();
  if (program < 0) return fail(err, "start a process");
  if (program > 0) keep(program, signals, lifeline);
  close(signals);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != keeper) _exit(1);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return P2P_OK;
}

#else
int p2p_keeper_enter(int lifeline, struct p2p_err *err) {
  (void)lifeline;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "this system has no keepers");
}
#endif
