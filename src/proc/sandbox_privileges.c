/* Capabilities, no_new_privs, resource limits and descriptors. There is no limit on the size of a
 * file: many files could take the same place. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall */
#endif
#include "proc/sandbox_privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_OTHER_FD 5 /* after the standard files, the frames and the lifeline */
#define FILES_MAX 4096
#define PROCESSES_MAX 4096 /* all of the account count, except in a user namespace */

#ifdef __linux__
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define CLOSE_RANGE 436 /* the same on all architectures */
#define CAPABILITIES_MAX 64

/* A program of user 0 gets all capabilities of the bounding set, unless SECBIT_NOROOT is set. Both
 * steps need a capability, without which they are not needed. */
static int drop_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  const struct __user_cap_data_struct none[2] = {{0}};
  for (int i = 0; i < CAPABILITIES_MAX && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
    prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
  prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &header, none) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

#else /* the rules of macOS bind root, too, and forbid set-user-id programs */
static int drop_capabilities(void) { return 0; }
#endif

static void limit(int resource, rlim_t most) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) return;
  if (now.rlim_max > most) now.rlim_max = most;
  if (now.rlim_cur > now.rlim_max) now.rlim_cur = now.rlim_max;
  (void)!setrlimit(resource, &now);
}

static void close_other_descriptors(void) {
#ifdef __linux__
  if (syscall(CLOSE_RANGE, FIRST_OTHER_FD, ~0U, 0) == 0) return;
#endif
  for (int fd = FIRST_OTHER_FD; fd < FILES_MAX; fd++) close(fd);
}

int p2p_sandbox_privileges_drop(struct p2p_err *err) {
  close_other_descriptors();
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, FILES_MAX);
  limit(RLIMIT_NPROC, PROCESSES_MAX);
  if (drop_capabilities() == 0) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot give up privileges: %s", strerror(errno));
}
