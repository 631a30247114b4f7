/* A new root in memory, in which the files of the old one are mounted. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall */
#endif
#include "proc/sandbox_mounts.h"

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/sandbox_paths.h"

#define MOUNT_SETATTR 442 /* the same on all architectures, as the constants below */
#define RECURSIVE 0x8000
#define READ_ONLY 1
#define NO_SUID 2
#define NO_DEVICES 4

#define OLD "/old"     /* where the old root is meanwhile */
#define OWN "size=10%" /* of the memory of the machine, for each folder in memory */
#define ROOT "size=4m,mode=755"

struct attributes {
  uint64_t set, clear, propagation, users;
};

struct entry {
  const char *path; /* as named */
  char *real;       /* without symbolic links */
  bool is_writable, is_folder;
};

struct entries {
  struct entry *all;
  size_t count;
};

static int fail(struct p2p_err *err, const char *what, const char *path) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot %s '%s': %s", what, path, strerror(errno));
}

/* ---- what to mount ---- */

/* What does not exist, or what the account may not reach, is passed over. */
static void add(struct entries *entries, const char *path, bool is_writable) {
  struct stat status;
  char *real = realpath(path, NULL);
  if (real == NULL || stat(real, &status) != 0) {
    free(real);
    return;
  }
  entries->all[entries->count++] = (struct entry){
      .path = path, .real = real, .is_writable = is_writable, .is_folder = S_ISDIR(status.st_mode)};
}

/* A folder before what is in it. */
static int compare(const void *a, const void *b) {
  return strcmp(((const struct entry *)a)->real, ((const struct entry *)b)->real);
}

static size_t count(const char *const *paths) {
  size_t n = 0;
  while (paths[n] != NULL) n++;
  return n;
}

static int collect(const struct p2p_sandbox *sandbox, struct entries *out, struct p2p_err *err) {
  out->all = calloc(count(p2p_sandbox_system) + sandbox->n_paths, sizeof out->all[0]);
  if (out->all == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  for (const char *const *path = p2p_sandbox_system; *path != NULL; path++) add(out, *path, false);
  for (size_t i = 0; i < sandbox->n_paths; i++)
    add(out, sandbox->paths[i].path, sandbox->paths[i].is_writable);
  qsort(out->all, out->count, sizeof out->all[0], compare);
  return P2P_OK;
}

static bool contains(const struct entry *folder, const struct entry *entry) {
  size_t length = strlen(folder->real);
  return strncmp(folder->real, entry->real, length) == 0 &&
         (entry->real[length] == '/' || entry->real[length] == '\0');
}

/* Whether one of the entries before it has the same rights on it. */
static bool is_covered(const struct entries *entries, size_t at) {
  for (size_t i = 0; i < at; i++)
    if (contains(&entries->all[i], &entries->all[at]) &&
        (entries->all[i].is_writable || !entries->all[at].is_writable))
      return true;
  return false;
}

/* ---- mounting ---- */

/* Makes the folders above `path`. */
static bool make_above(const char *path) {
  char above[PATH_MAX];
  snprintf(above, sizeof above, "%s", path);
  for (char *slash = strchr(above + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(above, 0755) != 0 && errno != EEXIST && errno != EROFS) return false;
    *slash = '/';
  }
  return true;
}

static bool make_target(const char *path, bool is_folder) {
  if (access(path, F_OK) == 0) return true;
  if (!make_above(path)) return false;
  if (is_folder) return mkdir(path, 0755) == 0;
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static int bind_path(const char *path, bool is_folder, uint64_t attributes, struct p2p_err *err) {
  char old[PATH_MAX];
  const struct attributes change = {.set = attributes};
  int length = snprintf(old, sizeof old, OLD "%s", path);
  if (length >= (int)sizeof old) errno = ENAMETOOLONG;
  if (length >= (int)sizeof old || !make_target(path, is_folder) ||
      mount(old, path, NULL, MS_BIND | MS_REC, NULL) != 0)
    return fail(err, "mount", path);
  if (syscall(MOUNT_SETATTR, AT_FDCWD, path, RECURSIVE, &change, sizeof change) != 0)
    return fail(err, "restrict the mount of", path);
  return P2P_OK;
}

static int bind_entries(const struct entries *entries, struct p2p_err *err) {
  int code = P2P_OK;
  for (size_t i = 0; code == P2P_OK && i < entries->count; i++) {
    const struct entry *entry = &entries->all[i];
    if (is_covered(entries, i)) continue;
    code = bind_path(entry->real, entry->is_folder,
                     NO_SUID | NO_DEVICES | (entry->is_writable ? 0 : READ_ONLY), err);
  }
  /* Names that are symbolic links, or below one. */
  for (size_t i = 0; code == P2P_OK && i < entries->count; i++) {
    const struct entry *entry = &entries->all[i];
    if (access(entry->path, F_OK) == 0 || !make_above(entry->path)) continue;
    (void)!symlink(entry->real, entry->path);
  }
  return code;
}

static int mount_memory(const char *path, const char *options, struct p2p_err *err) {
  if ((mkdir(path, 0755) == 0 || errno == EEXIST) &&
      mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0)
    return P2P_OK;
  return fail(err, "mount", path);
}

static bool is_device(const char *path) {
  struct stat status;
  char old[PATH_MAX];
  int length = snprintf(old, sizeof old, OLD "%s", path);
  return length < (int)sizeof old && lstat(old, &status) == 0 && S_ISCHR(status.st_mode);
}

static int make_devices(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  int code = mkdir("/dev", 0755) == 0 ? P2P_OK : fail(err, "make", "/dev");
  for (size_t i = 0; code == P2P_OK && p2p_sandbox_devices[i] != NULL; i++)
    code = bind_path(p2p_sandbox_devices[i], false, NO_SUID, err);
  for (size_t i = 0; code == P2P_OK && i < sandbox->n_devices; i++)
    if (is_device(sandbox->devices[i])) code = bind_path(sandbox->devices[i], false, NO_SUID, err);
  if (code != P2P_OK) return code;
  (void)!symlink("/proc/self/fd", "/dev/fd");
  (void)!symlink("/proc/self/fd/0", "/dev/stdin");
  (void)!symlink("/proc/self/fd/1", "/dev/stdout");
  (void)!symlink("/proc/self/fd/2", "/dev/stderr");
  return mount_memory("/dev/shm", OWN, err);
}

/* Needs the old /proc, which must show all of it: where a container hides some, it is refused. */
static int mount_proc(struct p2p_err *err) {
  if (mkdir("/proc", 0755) == 0 &&
      mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) == 0)
    return P2P_OK;
  return fail(err, "mount", "/proc");
}

static int change_root(struct p2p_err *err) {
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    return fail(err, "separate the mounts of", "/");
  int code = mount_memory("/tmp", ROOT, err);
  if (code != P2P_OK) return code;
  if (chdir("/tmp") != 0 || mkdir("." OLD, 0700) != 0 ||
      syscall(SYS_pivot_root, ".", "." OLD) != 0 || chdir("/") != 0)
    return fail(err, "change", "/");
  return P2P_OK;
}

static int leave_old_root(struct p2p_err *err) {
  const struct attributes change = {.set = READ_ONLY};
  if (umount2(OLD, MNT_DETACH) != 0 || rmdir(OLD) != 0) return fail(err, "remove", OLD);
  if (syscall(MOUNT_SETATTR, AT_FDCWD, "/", 0, &change, sizeof change) != 0)
    return fail(err, "restrict the mount of", "/");
  return P2P_OK;
}

static int mount_all(const struct p2p_sandbox *sandbox, const struct entries *entries,
                     struct p2p_err *err) {
  int code = change_root(err);
  if (code == P2P_OK) code = mount_proc(err);
  if (code == P2P_OK) code = make_devices(sandbox, err);
  if (code == P2P_OK) code = mount_memory("/tmp", OWN ",mode=1777", err);
  if (code == P2P_OK) code = bind_entries(entries, err);
  return code == P2P_OK ? leave_old_root(err) : code;
}

int p2p_sandbox_mounts_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  char folder[PATH_MAX];
  struct entries entries = {NULL, 0};
  if (getcwd(folder, sizeof folder) == NULL) snprintf(folder, sizeof folder, "/");
  int code = collect(sandbox, &entries, err);
  if (code == P2P_OK) code = mount_all(sandbox, &entries, err);
  if (code == P2P_OK && chdir(folder) != 0) (void)!chdir("/");
  for (size_t i = 0; i < entries.count; i++) free(entries.all[i].real);
  free(entries.all);
  return code;
}

#endif
