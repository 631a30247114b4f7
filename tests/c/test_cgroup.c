/* Control groups: of this machine where it lets us make some, and, for what is written to their
 * files, folders that look like them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proc/cgroup.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/xattr.h>
#endif

#include "group_fixture.h"

#define MIB (1024 * 1024)

/* ---- folders that look like groups ---- */

static char folder[64];

static const char *in_folder(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void make_file(const char *name, const char *text) {
  int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

/* As a group of this process, which can limit memory. */
static void make_folder(void) {
  char own[32];
  snprintf(folder, sizeof folder, "/tmp/p2p-unit-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  snprintf(own, sizeof own, "%ld\n", (long)getpid());
  make_file("cgroup.procs", own);
  make_file("cgroup.controllers", "cpu memory pids\n");
  make_file("cgroup.subtree_control", "");
  CHECK(mkdir(in_folder("supervisor"), 0700) == 0);
  make_file("supervisor/cgroup.procs", "");
}

static void remove_folder(void) {
  char command[96];
  snprintf(command, sizeof command, "rm -r '%s'", folder);
  CHECK(system(command) == 0);
}

/* Why the folder is refused; nothing in it has changed. */
static const char *refused(void) {
  static struct p2p_err err;
  struct p2p_cgroups *groups = NULL;
  CHECK(p2p_cgroups_new(folder, true, &groups, &err) == P2P_ERR_SYSTEM && groups == NULL);
  CHECK_STR(text_of(in_folder("supervisor/cgroup.procs")), "");
  CHECK_STR(text_of(in_folder("cgroup.subtree_control")), "");
  p2p_cgroups_free(groups);
  return strrchr(err.message, '\'') + 1;
}

TEST(a_group_without_limits_on_memory_is_refused) {
  make_folder();
  make_file("cgroup.controllers", "cpu pids\n");
  CHECK_STR(refused(), " does not limit memory");
  unlink(in_folder("cgroup.controllers"));
  CHECK_STR(refused(), " does not limit memory");
  remove_folder();
}

TEST(a_group_of_others_is_refused) {
  char both[64];
  make_folder();
  snprintf(both, sizeof both, "%ld\n%ld\n", (long)getppid(), (long)getpid());
  make_file("cgroup.procs", both);
  CHECK_STR(refused(), " has other processes");
  make_file("cgroup.procs", "");
  CHECK_STR(refused(), " has other processes");
  remove_folder();
}

TEST(a_group_in_which_a_worker_runs_is_refused) {
  struct p2p_err err;
  struct p2p_cgroups *groups;
  make_folder();
  make_file("supervisor/cgroup.procs", "1\n");
  CHECK(p2p_cgroups_new(folder, true, &groups, &err) == P2P_ERR_SYSTEM);
  CHECK(strstr(err.message, "is in use") != NULL);
  remove_folder();
}

TEST(a_folder_that_is_missing_is_refused) {
  struct p2p_err err;
  struct p2p_cgroups *groups;
  CHECK(p2p_cgroups_new("/no/such/group", true, &groups, &err) == P2P_ERR_SYSTEM);
  CHECK_STR(err.message, "cannot open '/no/such/group': No such file or directory");
}

TEST(limits_are_written) {
  struct p2p_err err;
  struct p2p_cgroups *groups = NULL;
  struct p2p_cgroup *group = NULL;
  int fd = -1;
  make_folder();
  CHECK(p2p_cgroups_new(folder, true, &groups, &err) == P2P_OK);
  CHECK_STR(text_of(in_folder("supervisor/cgroup.procs")), "0");
  CHECK(p2p_cgroup_new(groups, &group, &err) == P2P_OK);
  CHECK(p2p_cgroup_open(group, &fd, &err) == P2P_ERR_SYSTEM);
  CHECK(p2p_cgroup_limit(group, 1, &err) == P2P_ERR_SYSTEM);
  CHECK(!p2p_cgroup_was_full(group));
  make_file("evaluator-1/memory.max", "");
  CHECK(p2p_cgroup_limit(group, UINT64_C(3) << 40, &err) == P2P_OK);
  make_file("evaluator-1/memory.swap.max", "");
  make_file("evaluator-1/memory.oom.group", "");
  make_file("evaluator-1/cgroup.kill", "");
  CHECK(p2p_cgroup_limit(group, UINT64_C(3) << 40, &err) == P2P_OK);
  CHECK_STR(text_of(in_folder("evaluator-1/memory.max")), "3298534883328");
  CHECK_STR(text_of(in_folder("evaluator-1/memory.swap.max")), "0");
  CHECK_STR(text_of(in_folder("evaluator-1/memory.oom.group")), "1");
  make_file("evaluator-1/memory.events", "max 5\noom 0\noom_kill 1\n"); /* the machine was full */
  CHECK(!p2p_cgroup_was_full(group));
  make_file("evaluator-1/memory.events", "max 5\noom 1\noom_kill 0\n");
  CHECK(!p2p_cgroup_was_full(group));
  make_file("evaluator-1/memory.events", "max 5\noom 1\noom_kill 1\n");
  CHECK(p2p_cgroup_was_full(group));
  p2p_cgroup_free(group);
  CHECK_STR(text_of(in_folder("evaluator-1/cgroup.kill")), "1");
  p2p_cgroups_free(groups);
  remove_folder();
}

TEST(a_group_that_cannot_be_removed_yet_is_removed_later) {
  struct p2p_err err;
  struct p2p_cgroups *groups = NULL;
  struct p2p_cgroup *group = NULL;
  make_folder();
  CHECK(p2p_cgroups_new(folder, true, &groups, &err) == P2P_OK);
  CHECK(p2p_cgroup_new(groups, &group, &err) == P2P_OK);
  make_file("evaluator-1/busy", "");
  p2p_cgroup_free(group);
  CHECK(access(in_folder("evaluator-1"), F_OK) == 0);
  unlink(in_folder("evaluator-1/busy"));
  CHECK(p2p_cgroup_new(groups, &group, &err) == P2P_OK);
  CHECK(access(in_folder("evaluator-1"), F_OK) != 0 && access(in_folder("evaluator-2"), F_OK) == 0);
  make_file("evaluator-2/busy", "");
  p2p_cgroup_free(group);
  unlink(in_folder("evaluator-2/busy"));
  p2p_cgroups_free(groups);
  CHECK(access(in_folder("evaluator-2"), F_OK) != 0);
  remove_folder();
}

/* ---- groups of this machine, as a process in `place` ---- */

static struct p2p_cgroups *enter(void) {
  struct p2p_err err = {0};
  struct p2p_cgroups *groups = NULL;
  int code = p2p_cgroups_new(NULL, has_memory, &groups, &err);
  if (code != P2P_OK) fprintf(stderr, "%s\n", err.message);
  CHECK(code == P2P_OK);
  if (code != P2P_OK) exit(1);
  CHECK_STR(p2p_cgroups_path(groups), place);
  return groups;
}

/* Whether this process is in the group of this name below `place`. */
static bool is_in(const char *name) {
  char expected[192];
  snprintf(expected, sizeof expected, "%s%s%s\n", strrchr(place, '/'), name[0] ? "/" : "", name);
  const char *line = strstr(text_of("/proc/self/cgroup"), "0::");
  return line != NULL && strcmp(line + 3, expected) == 0;
}

/* Runs it in a new group. `ends`: reaches its end when no process of the group is left. */
static pid_t start(struct p2p_cgroups *groups, void (*run)(void), struct p2p_cgroup **group,
                   int *end) {
  struct p2p_err err;
  int fd = -1, pipes[2];
  char byte;
  CHECK(p2p_cgroup_new(groups, group, &err) == P2P_OK && pipe2(pipes, O_CLOEXEC) == 0);
  CHECK(p2p_cgroup_open(*group, &fd, &err) == P2P_OK);
  pid_t child = fork();
  if (child == 0) {
    if (write(fd, "0", 1) != 1) _exit(99);
    if (write(pipes[1], "x", 1) != 1) _exit(98);
    run();
    for (;;) pause();
  }
  close(fd);
  close(pipes[1]);
  CHECK(read(pipes[0], &byte, 1) == 1);
  *end = pipes[0];
  return child;
}

static bool has_ended(int end) {
  struct pollfd closed = {.fd = end, .events = POLLIN};
  char byte;
  bool done = poll(&closed, 1, 20000) == 1 && read(end, &byte, 1) == 0;
  close(end);
  return done;
}

static int status_of(pid_t process) {
  int status = 0;
  CHECK(waitpid(process, &status, 0) == process);
  return status;
}

static bool was_killed(pid_t process) {
  int status = status_of(process);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void start_daemon(void) {
  if (fork() != 0) return;
  setsid();
  if (fork() != 0) _exit(0);
}

TEST(all_that_a_process_starts_is_killed_with_its_group) {
  struct p2p_cgroups *groups = enter();
  struct p2p_cgroup *group, *other;
  int end, end_of_other;
  CHECK(is_in("supervisor"));
  pid_t process = start(groups, start_daemon, &group, &end);
  pid_t sibling = start(groups, start_daemon, &other, &end_of_other);
  CHECK_STR(text_of(below_place("supervisor/cgroup.events")), "populated 1\nfrozen 0\n");
  if (access(below_place("evaluator-1/pids.max"), F_OK) == 0)
    CHECK_STR(text_of(below_place("evaluator-1/pids.max")), "4096\n");
  p2p_cgroup_free(group);
  CHECK(was_killed(process) && has_ended(end));
  CHECK(waitpid(sibling, NULL, WNOHANG) == 0);
  p2p_cgroup_free(other);
  p2p_cgroups_free(groups); /* waits for the sibling */
  CHECK(was_killed(sibling) && has_ended(end_of_other));
  CHECK(is_in(""));
  CHECK(access(below_place("supervisor"), F_OK) != 0);
  CHECK(access(below_place("evaluator-1"), F_OK) != 0);
  CHECK(access(below_place("evaluator-2"), F_OK) != 0);
  p2p_cgroups_free(enter()); /* once more */
  CHECK(is_in(""));
}

TEST(a_group_with_another_process_stays_as_it_is) {
  struct p2p_err err;
  struct p2p_cgroups *groups;
  pid_t other = fork();
  if (other == 0)
    for (;;) pause();
  CHECK(p2p_cgroups_new(NULL, has_memory, &groups, &err) == P2P_ERR_SYSTEM);
  CHECK(is_in("") && access(below_place("supervisor"), F_OK) != 0);
  kill(other, SIGKILL);
  CHECK(was_killed(other));
}

/* `place`/a.scope stands for one. */
TEST(a_group_of_systemd_must_be_delegated) {
#ifdef __linux__
  struct p2p_err err;
  struct p2p_cgroups *groups = NULL;
  CHECK(mkdir(below_place("a.scope"), 0755) == 0);
  CHECK(put_text(below_place("a.scope/cgroup.procs"), "0"));
  CHECK(!has_memory || put_text(below_place("cgroup.subtree_control"), "+memory"));
  CHECK(p2p_cgroups_new(NULL, has_memory, &groups, &err) == P2P_ERR_SYSTEM);
  CHECK(strstr(err.message, "systemd has not delegated control group '") == err.message);
  CHECK(is_in("a.scope"));
  CHECK(setxattr(below_place("a.scope"), "user.delegate", "1", 1, 0) == 0); /* Linux 5.7 */
  CHECK(p2p_cgroups_new(NULL, has_memory, &groups, &err) == P2P_OK);
  CHECK(is_in("a.scope/supervisor"));
  p2p_cgroups_free(groups);
  put_text(below_place("cgroup.subtree_control"), "-memory");
  CHECK(put_text(below_place("cgroup.procs"), "0"));
  CHECK(rmdir(below_place("a.scope")) == 0);
#endif
}

/* The process that has made the groups is killed; what it has left is ours to remove. */
TEST(what_a_killed_process_has_left_is_removed) {
  struct p2p_cgroup *group;
  int end, pipes[2];
  char byte;
  CHECK(pipe2(pipes, O_CLOEXEC) == 0);
  CHECK(mkdir(below_place("earlier"), 0755) == 0);
  put_text(below_place("earlier/cgroup.procs"), "0");
  pid_t earlier = fork();
  if (earlier == 0) {
    CHECK(put_text(below_place("cgroup.procs"), "0"));
    (void)start(enter(), start_daemon, &group, &end);
    if (write(pipes[1], unit_bad ? "n" : "y", 1) != 1) _exit(1);
    for (;;) pause();
  }
  CHECK(read(pipes[0], &byte, 1) == 1 && byte == 'y');
  close(pipes[1]);
  CHECK(has_memory || put_text(below_place("cgroup.procs"), "0"));
  if (!has_memory) {
    struct p2p_err err;
    struct p2p_cgroups *groups;
    CHECK(p2p_cgroups_new(NULL, false, &groups, &err) == P2P_ERR_SYSTEM);
    CHECK(strstr(err.message, "is in use") != NULL);
  }
  kill(earlier, SIGKILL);
  CHECK(was_killed(earlier));
  put_text(below_place("cgroup.subtree_control"), "-memory");
  put_text(below_place("cgroup.subtree_control"), "-pids");
  CHECK(put_text(below_place("cgroup.procs"), "0"));
  CHECK(rmdir(below_place("earlier")) == 0);
  CHECK(access(below_place("evaluator-1"), F_OK) == 0);
  struct p2p_cgroups *groups = enter();
  CHECK(has_ended(pipes[0])); /* the daemons had it, too */
  CHECK(access(below_place("evaluator-1"), F_OK) != 0);
  p2p_cgroups_free(groups);
}

/* ---- where groups limit memory ---- */

static void take(size_t bytes, int flags) {
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) memset(memory, 1, bytes);
}

static int gate[2]; /* opens when the limit is set */
static void wait_for_gate(void) {
  char byte;
  close(gate[1]);
  (void)!read(gate[0], &byte, 1);
}
static void take_much(void) {
  start_daemon();
  wait_for_gate();
  take(160 * MIB, MAP_PRIVATE);
}
static void take_much_shared(void) {
  wait_for_gate();
  take(160 * MIB, MAP_SHARED);
}
static void take_much_in_two(void) {
  fork();
  wait_for_gate();
  take(80 * MIB, MAP_PRIVATE);
}
static void take_little(void) {
  wait_for_gate();
  take(20 * MIB, MAP_PRIVATE);
  kill(getpid(), SIGKILL);
}

/* With a limit of 128 MiB; all of them end by SIGKILL. Returns whether that was for the limit. */
static bool is_full_after(void (*run)(void)) {
  struct p2p_err err;
  struct p2p_cgroups *groups = enter();
  struct p2p_cgroup *group;
  int end;
  CHECK(pipe2(gate, O_CLOEXEC) == 0);
  pid_t process = start(groups, run, &group, &end);
  CHECK(p2p_cgroup_limit(group, 128 * MIB, &err) == P2P_OK);
  CHECK(!p2p_cgroup_was_full(group));
  close(gate[0]);
  close(gate[1]);
  CHECK(was_killed(process));
  bool is_full = p2p_cgroup_was_full(group);
  CHECK(!is_full || has_ended(end)); /* the daemon, too */
  p2p_cgroup_free(group);
  p2p_cgroups_free(groups);
  return is_full;
}

TEST(a_group_is_killed_at_its_limit) {
  CHECK(is_full_after(take_much));
  CHECK(is_full_after(take_much_shared));
  CHECK(is_full_after(take_much_in_two));
}

TEST(a_process_that_is_killed_below_the_limit_was_not_killed_for_it) {
  CHECK(!is_full_after(take_little));
}

int main(void) {
  static const struct group_test tests[] = {
      GROUP_TEST(a_group_without_limits_on_memory_is_refused, false, false),
      GROUP_TEST(a_group_of_others_is_refused, false, false),
      GROUP_TEST(a_group_in_which_a_worker_runs_is_refused, false, false),
      GROUP_TEST(a_folder_that_is_missing_is_refused, false, false),
      GROUP_TEST(limits_are_written, false, false),
      GROUP_TEST(a_group_that_cannot_be_removed_yet_is_removed_later, false, false),
      GROUP_TEST(all_that_a_process_starts_is_killed_with_its_group, true, false),
      GROUP_TEST(a_group_with_another_process_stays_as_it_is, true, false),
      GROUP_TEST(a_group_of_systemd_must_be_delegated, true, false),
      GROUP_TEST(what_a_killed_process_has_left_is_removed, true, false),
      GROUP_TEST(a_group_is_killed_at_its_limit, true, true),
      GROUP_TEST(a_process_that_is_killed_below_the_limit_was_not_killed_for_it, true, true)};
  return run_group_tests("cgroup", tests, sizeof tests / sizeof tests[0]);
}
