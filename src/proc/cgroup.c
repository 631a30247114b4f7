/* Groups are folders of the kernel's file system, and what they do is in their files. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECTORY */
#endif
#include "proc/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#endif

#include "base/clock.h"
#include "proc/cgroup_text.h"

#define OWN "supervisor"
#define CHILD "evaluator-"
#define NAME_MAX_ 32
#define FILE_MAX 1024
#define CGROUP_FILE_MAX (64 * 1024) /* a line for each hierarchy of version 1 */
#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define WAIT_MS 1000

struct p2p_cgroups {
  char path[P2P_CGROUP_PATH_MAX];
  int folder;
  unsigned next;             /* number of the next group */
  struct p2p_cgroup *ending; /* freed, but not removed yet */
};

struct p2p_cgroup {
  struct p2p_cgroups *groups;
  struct p2p_cgroup *next;
  char name[NAME_MAX_];
};

static int fail(struct p2p_err *err, const char *what, const char *name) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot %s '%s': %s", what, name, strerror(errno));
}

/* ---- files of a group ---- */

/* `group`: its name below `folder`, or ".". -1: no such file, or another error. */
static int open_in(int folder, const char *group, const char *file, int flags) {
  char path[NAME_MAX_ + 32];
  snprintf(path, sizeof path, "%s/%s", group, file);
  return openat(folder, path, flags | O_CLOEXEC);
}

/* Returns the length, or -1, also if the file is larger. */
static ssize_t read_all(int fd, char *out, size_t size) {
  size_t length = 0;
  ssize_t n = fd < 0 ? -1 : 1;
  while (n > 0 && length < size && (n = read(fd, out + length, size - length)) > 0)
    length += (size_t)n;
  if (fd >= 0) close(fd);
  return n == 0 ? (ssize_t)length : -1;
}

static bool write_in(int folder, const char *group, const char *file, const char *text) {
  int fd = open_in(folder, group, file, O_WRONLY);
  bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  int number = errno;
  if (fd >= 0) close(fd);
  errno = number;
  return done;
}

static bool has_controller(int folder, const char *name) {
  char text[FILE_MAX];
  ssize_t length =
      read_all(open_in(folder, ".", "cgroup.controllers", O_RDONLY), text, sizeof text);
  return length > 0 && p2p_cgroup_text_has(text, (size_t)length, name);
}

/* Whether its processes are exactly these, a line for each. */
static bool has_processes(int folder, const char *group, const char *lines) {
  char text[FILE_MAX];
  ssize_t length = read_all(open_in(folder, group, "cgroup.procs", O_RDONLY), text, sizeof text);
  return length == (ssize_t)strlen(lines) && memcmp(text, lines, (size_t)length) == 0;
}

static bool is_populated(int events) {
  char text[FILE_MAX];
  uint64_t number = 0;
  ssize_t length = pread(events, text, sizeof text, 0);
  return length > 0 && p2p_cgroup_text_number(text, (size_t)length, "populated", &number) &&
         number > 0;
}

static bool remove_group(int folder, const char *name) {
  return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* The kernel says when the last process has ended. */
static bool remove_when_empty(int folder, const char *name, uint64_t until_ms) {
  int events = open_in(folder, name, "cgroup.events", O_RDONLY);
  uint64_t now_ms;
  (void)write_in(folder, name, "cgroup.kill", "1");
  while (events >= 0 && is_populated(events) && (now_ms = p2p_clock_ms()) < until_ms) {
    struct pollfd change = {.fd = events, .events = POLLPRI};
    poll(&change, 1, (int)(until_ms - now_ms));
  }
  if (events >= 0) close(events);
  return remove_group(folder, name);
}

/* ---- the groups ---- */

#ifdef __linux__
/* systemd changes the groups of its units as it likes, except for those that it has marked (since
 * version 251): https://systemd.io/CGROUP_DELEGATION. */
static int check_delegation(const char *path, struct p2p_err *err) {
  const char *end = strrchr(path, '.');
  char mark = '0';
  if (end == NULL || (strcmp(end, ".scope") != 0 && strcmp(end, ".service") != 0)) return P2P_OK;
  if (getxattr(path, "user.delegate", &mark, 1) == 1 && mark == '1') return P2P_OK;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "systemd has not delegated control group '%s'", path);
}

/* The places that systemd uses. That the group there is ours shows by its processes. */
static int find_own(char out[static P2P_CGROUP_PATH_MAX], struct p2p_err *err) {
  static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  char *text = malloc(CGROUP_FILE_MAX), path[P2P_CGROUP_PATH_MAX];
  if (text == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  ssize_t length = read_all(open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC), text, CGROUP_FILE_MAX);
  bool found = length > 0 && p2p_cgroup_text_path(text, (size_t)length, path);
  free(text);
  for (size_t i = 0; found && i < sizeof roots / sizeof roots[0]; i++) {
    struct statfs status;
    if (statfs(roots[i], &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC &&
        snprintf(out, P2P_CGROUP_PATH_MAX, "%s%s", roots[i], path) < P2P_CGROUP_PATH_MAX)
      return check_delegation(out, err);
  }
  return p2p_err_set(err, P2P_ERR_SYSTEM, "this process is in no control group of version 2");
}
#else
static int find_own(char out[static P2P_CGROUP_PATH_MAX], struct p2p_err *err) {
  (void)out;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "this system has no control groups");
}
#endif

/* Whether this process may take over the group: nobody else is there, nor was there before it. */
static int check(const struct p2p_cgroups *groups, bool needs_memory, struct p2p_err *err) {
  char own[32];
  snprintf(own, sizeof own, "%ld\n", (long)getpid());
  if (needs_memory && !has_controller(groups->folder, "memory"))
    return p2p_err_set(err, P2P_ERR_SYSTEM, "control group '%s' does not limit memory",
                       groups->path);
  if (!has_processes(groups->folder, ".", own))
    return p2p_err_set(err, P2P_ERR_SYSTEM, "control group '%s' has other processes", groups->path);
  if (mkdirat(groups->folder, OWN, 0755) != 0 && errno != EEXIST)
    return fail(err, "make a group in", groups->path);
  return has_processes(groups->folder, OWN, "")
             ? P2P_OK
             : p2p_err_set(err, P2P_ERR_SYSTEM, "control group '%s' is in use", groups->path);
}

static void sweep(const struct p2p_cgroups *groups) {
  uint64_t until_ms = p2p_clock_ms() + WAIT_MS;
  DIR *entries = opendir(groups->path);
  struct dirent *entry;
  while (entries != NULL && (entry = readdir(entries)) != NULL)
    if (strncmp(entry->d_name, CHILD, strlen(CHILD)) == 0 && strlen(entry->d_name) < NAME_MAX_)
      (void)remove_when_empty(groups->folder, entry->d_name, until_ms);
  if (entries != NULL) closedir(entries);
}

static void move_back(const struct p2p_cgroups *groups) {
  (void)write_in(groups->folder, ".", "cgroup.subtree_control", "-memory");
  (void)write_in(groups->folder, ".", "cgroup.subtree_control", "-pids");
  (void)write_in(groups->folder, ".", "cgroup.procs", "0");
  (void)remove_group(groups->folder, OWN);
}

static int enter(const struct p2p_cgroups *groups, bool needs_memory, struct p2p_err *err) {
  int code = check(groups, needs_memory, err);
  if (code != P2P_OK) return code;
  sweep(groups);
  if (!write_in(groups->folder, OWN, "cgroup.procs", "0")) {
    code = fail(err, "move into a group in", groups->path);
  } else if (needs_memory && !write_in(groups->folder, ".", "cgroup.subtree_control", "+memory")) {
    code = fail(err, "limit memory in", groups->path);
  } else {
    (void)write_in(groups->folder, ".", "cgroup.subtree_control", "+pids"); /* if there */
    return P2P_OK;
  }
  move_back(groups);
  return code;
}

int p2p_cgroups_new(const char *path, bool needs_memory, struct p2p_cgroups **out,
                    struct p2p_err *err) {
  struct p2p_cgroups *groups = calloc(1, sizeof *groups);
  int code = P2P_OK;
  if (groups == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (path != NULL)
    snprintf(groups->path, sizeof groups->path, "%s", path);
  else
    code = find_own(groups->path, err);
  groups->folder = code == P2P_OK ? open(groups->path, FOLDER) : -1;
  if (code == P2P_OK)
    code = groups->folder < 0 ? fail(err, "open", groups->path) : enter(groups, needs_memory, err);
  if (code == P2P_OK) {
    *out = groups;
    return P2P_OK;
  }
  if (groups->folder >= 0) close(groups->folder);
  free(groups);
  return code;
}

const char *p2p_cgroups_path(const struct p2p_cgroups *groups) { return groups->path; }

void p2p_cgroups_free(struct p2p_cgroups *groups) {
  if (groups == NULL) return;
  uint64_t until_ms = p2p_clock_ms() + WAIT_MS;
  for (struct p2p_cgroup *group = groups->ending, *next; group != NULL; group = next) {
    next = group->next;
    (void)remove_when_empty(groups->folder, group->name, until_ms);
    free(group);
  }
  move_back(groups);
  close(groups->folder);
  free(groups);
}

/* ---- one of them ---- */

static void remove_ended(struct p2p_cgroups *groups) {
  for (struct p2p_cgroup **at = &groups->ending, *group; (group = *at) != NULL;) {
    if (!remove_group(groups->folder, group->name)) {
      at = &group->next;
      continue;
    }
    *at = group->next;
    free(group);
  }
}

int p2p_cgroup_new(struct p2p_cgroups *groups, struct p2p_cgroup **out, struct p2p_err *err) {
  char most[16];
  struct p2p_cgroup *group = calloc(1, sizeof *group);
  if (group == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  remove_ended(groups);
  group->groups = groups;
  snprintf(group->name, sizeof group->name, CHILD "%u", ++groups->next);
  if (mkdirat(groups->folder, group->name, 0755) != 0) {
    int code = fail(err, "make a group in", groups->path);
    free(group);
    return code;
  }
  snprintf(most, sizeof most, "%d", P2P_CGROUP_PROCESSES_MAX);
  (void)write_in(groups->folder, group->name, "pids.max", most); /* if there */
  *out = group;
  return P2P_OK;
}

int p2p_cgroup_open(const struct p2p_cgroup *group, int *out, struct p2p_err *err) {
  *out = open_in(group->groups->folder, group->name, "cgroup.procs", O_WRONLY);
  return *out >= 0 ? P2P_OK : fail(err, "open a group in", group->groups->path);
}

int p2p_cgroup_limit(const struct p2p_cgroup *group, uint64_t bytes, struct p2p_err *err) {
  int folder = group->groups->folder;
  char most[24];
  snprintf(most, sizeof most, "%llu", (unsigned long long)bytes);
  (void)write_in(folder, group->name, "memory.swap.max", "0");  /* if there is swap */
  (void)write_in(folder, group->name, "memory.oom.group", "1"); /* Linux 4.19 */
  return write_in(folder, group->name, "memory.max", most)
             ? P2P_OK
             : fail(err, "limit a group in", group->groups->path);
}

/* Processes are also killed when the machine, or a group around this one, has no more memory. */
bool p2p_cgroup_was_full(const struct p2p_cgroup *group) {
  char text[FILE_MAX];
  uint64_t full = 0, killed = 0;
  ssize_t length = read_all(open_in(group->groups->folder, group->name, "memory.events", O_RDONLY),
                            text, sizeof text);
  return length > 0 && p2p_cgroup_text_number(text, (size_t)length, "oom", &full) && full > 0 &&
         p2p_cgroup_text_number(text, (size_t)length, "oom_kill", &killed) && killed > 0;
}

void p2p_cgroup_free(struct p2p_cgroup *group) {
  if (group == NULL) return;
  struct p2p_cgroups *groups = group->groups;
  (void)write_in(groups->folder, group->name, "cgroup.kill", "1");
  group->next = groups->ending;
  groups->ending = group;
  remove_ended(groups);
}
