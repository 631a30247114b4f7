/* Rules by Landlock. The constants of newer versions are here, since the headers of a system may be
 * older than its kernel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH */
#endif
#include "proc/sandbox_landlock.h"

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/sandbox_paths.h"

/* The numbers of the system calls are the same on all architectures. */
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#define RULESET_VERSION 1
#define RULE_PATH_BENEATH 1

/* Rights, by their bits. */
#define EXECUTE (UINT64_C(1) << 0)
#define WRITE_FILE (UINT64_C(1) << 1)
#define READ_FILE (UINT64_C(1) << 2)
#define READ_DIR (UINT64_C(1) << 3)
#define MAKE_CHAR (UINT64_C(1) << 6)
#define MAKE_BLOCK (UINT64_C(1) << 11)
#define FIRST_VERSION ((UINT64_C(1) << 13) - 1)
#define REFER (UINT64_C(1) << 13)
#define TRUNCATE (UINT64_C(1) << 14)
#define IOCTL_DEV (UINT64_C(1) << 15)
#define OF_FILES (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define TO_READ (EXECUTE | READ_FILE | READ_DIR)
#define TCP UINT64_C(3)    /* bind, connect */
#define SCOPES UINT64_C(3) /* abstract sockets, signals: none beyond the sandbox */

struct ruleset {
  uint64_t files, net, scopes;
};

struct rule {
  uint64_t rights;
  int32_t folder;
} __attribute__((packed));

int p2p_sandbox_landlock_version(void) {
  long version = syscall(CREATE_RULESET, NULL, 0, RULESET_VERSION);
  return version < 0 ? 0 : (int)version;
}

static uint64_t rights_of_version(int version) {
  uint64_t rights = FIRST_VERSION;
  if (version >= 2) rights |= REFER;
  if (version >= 3) rights |= TRUNCATE;
  if (version >= 5) rights |= IOCTL_DEV;
  return rights;
}

static int make_ruleset(int version, bool net) {
  const struct ruleset ruleset = {
      .files = rights_of_version(version), .net = net ? 0 : TCP, .scopes = SCOPES};
  size_t size = version >= 6   ? sizeof ruleset
                : version >= 4 ? 2 * sizeof(uint64_t)
                               : sizeof(uint64_t);
  return (int)syscall(CREATE_RULESET, &ruleset, size, 0);
}

/* What does not exist, or what the account itself may not open, needs no rule. */
static int add_rule(int ruleset, const char *path, uint64_t rights, struct p2p_err *err) {
  struct stat status;
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return P2P_OK;
  if (fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode)) rights &= OF_FILES;
  const struct rule rule = {rights, fd};
  long failed = syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);
  int code = errno;
  close(fd);
  if (failed == 0) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot add '%s' to the rules of Landlock: %s", path,
                     strerror(code));
}

static bool is_device(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0 && S_ISCHR(status.st_mode);
}

/* The folders in memory. Read-only mounts in them stay read-only. */
static const char *const own_folders[] = {"/tmp", "/dev/shm", NULL};

static bool has_own_files(const struct p2p_sandbox *sandbox) {
  return sandbox->level == P2P_SANDBOX_NAMESPACES;
}

static int add_rules(int ruleset, const struct p2p_sandbox *sandbox, uint64_t known,
                     struct p2p_err *err) {
  const uint64_t to_write = known & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV);
  int code = add_rule(ruleset, has_own_files(sandbox) ? "/" : "/proc", TO_READ, err);
  /* Own files: the rule for "/" has said it. */
  for (size_t i = 0; !has_own_files(sandbox) && code == P2P_OK && p2p_sandbox_system[i] != NULL;
       i++)
    code = add_rule(ruleset, p2p_sandbox_system[i], TO_READ, err);
  for (size_t i = 0; code == P2P_OK && p2p_sandbox_devices[i] != NULL; i++)
    code =
        add_rule(ruleset, p2p_sandbox_devices[i], (READ_FILE | WRITE_FILE | TRUNCATE) & known, err);
  for (size_t i = 0; code == P2P_OK && i < sandbox->n_devices; i++)
    if (is_device(sandbox->devices[i]))
      code =
          add_rule(ruleset, sandbox->devices[i], (READ_FILE | WRITE_FILE | IOCTL_DEV) & known, err);
  for (size_t i = 0; code == P2P_OK && i < sandbox->n_paths; i++)
    code = add_rule(ruleset, sandbox->paths[i].path,
                    sandbox->paths[i].is_writable ? to_write : TO_READ, err);
  for (size_t i = 0; code == P2P_OK && has_own_files(sandbox) && own_folders[i] != NULL; i++)
    code = add_rule(ruleset, own_folders[i], to_write, err);
  return code;
}

int p2p_sandbox_landlock_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  int version = p2p_sandbox_landlock_version();
  if (version == 0 && has_own_files(sandbox)) return P2P_OK;
  if (version == 0) return p2p_err_set(err, P2P_ERR_SYSTEM, "the kernel does not offer Landlock");
  int ruleset = make_ruleset(version, sandbox->net);
  if (ruleset < 0)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot use Landlock: %s", strerror(errno));
  int code = add_rules(ruleset, sandbox, rights_of_version(version), err);
  if (code == P2P_OK && syscall(RESTRICT_SELF, ruleset, 0) != 0)
    code = p2p_err_set(err, P2P_ERR_SYSTEM, "cannot apply Landlock: %s", strerror(errno));
  close(ruleset);
  return code;
}

#else
int p2p_sandbox_landlock_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  (void)sandbox;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "this system does not offer Landlock");
}
#endif
