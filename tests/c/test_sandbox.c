/* proc/sandbox: attempts to leave the sandbox, each in a process of its own, in each level that
 * this machine offers, as this user and, if that is root, as another one; and ordinary work. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proc/sandbox.h"

#include "unit.h"

#ifdef __linux__
#include "sandbox_attempts.h"

#define OTHER_USER 12345
#define SANDBOX_FAILED 99
#define ESCAPED 1

/* ---- the test's side ---- */

static void become(uid_t user) {
  if (user == getuid()) return;
  if (setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0) _exit(SANDBOX_FAILED);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as after exec */
}

static size_t n_devices; /* for what enters from now on */

static void enter(enum p2p_sandbox_level level, uid_t user, bool net) {
  char public_[96];
  snprintf(public_, sizeof public_, "%s/public", outside.folder);
  const struct p2p_sandbox_path paths[] = {{public_, false}, {outside.work, true}};
  const char *const devices[] = {"/dev/tty", "/dev/nvidia-is-not-there", outside.key};
  const struct p2p_sandbox sandbox = {.level = level,
                                      .net = net,
                                      .paths = paths,
                                      .n_paths = 2,
                                      .devices = devices,
                                      .n_devices = n_devices,
                                      .supervisor = outside.pid};
  struct p2p_err err;
  setpgid(0, 0);
  become(user);
  if (p2p_sandbox_enter(&sandbox, &err) == P2P_OK) return;
  fprintf(stderr, "%s\n", err.message);
  _exit(SANDBOX_FAILED);
}

/* Returns the status of waitpid(). */
static int run_in(enum p2p_sandbox_level level, uid_t user, bool net, bool (*run)(void)) {
  pid_t child = fork();
  if (child == 0) {
    enter(level, user, net);
    _exit(run() ? ESCAPED : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

static bool do_nothing(void) { return false; }

static bool is_offered(enum p2p_sandbox_level level, uid_t user) {
  int status = run_in(level, user, false, do_nothing);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void check_attempts(enum p2p_sandbox_level level, uid_t user) {
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    int status = run_in(level, user, false, attempts[i].run);
    bool stopped = WIFEXITED(status) ? WEXITSTATUS(status) == 0
                                     : WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV;
    if (!stopped || *signals > 0)
      fprintf(stderr, "level %d, user %d, %s: status %x, %d signals\n", (int)level, (int)user,
              attempts[i].name, status, *signals);
    CHECK(stopped);
    CHECK(*signals == 0);
  }
  for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
    int status = run_in(level, user, false, works[i].run);
    if (status != ESCAPED << 8)
      fprintf(stderr, "level %d, user %d, %s: status %x\n", (int)level, (int)user, works[i].name,
              status);
    CHECK(status == ESCAPED << 8);
  }
  for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
    int expected = level == P2P_SANDBOX_NAMESPACES ? 0 : ESCAPED << 8;
    int status = run_in(level, user, false, hidden[i].run);
    if (status != expected)
      fprintf(stderr, "level %d, user %d, %s: status %x\n", (int)level, (int)user, hidden[i].name,
              status);
    CHECK(status == expected);
  }
  CHECK(run_in(level, user, true, connect_tcp) == ESCAPED << 8);
  CHECK(run_in(level, user, true, connect_unix) == 0);
  CHECK(run_in(level, user, true, connect_abstract) == 0);
}

/* Without a terminal, it can be found and not opened. */
static bool open_device(void) {
  return open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0 || errno == ENXIO;
}

static void check_devices(enum p2p_sandbox_level level, uid_t user) {
  CHECK(run_in(level, user, false, open_device) == 0);
  n_devices = 3;
  CHECK(run_in(level, user, false, open_device) == ESCAPED << 8);
  CHECK(run_in(level, user, false, read_file) == 0); /* it is in the list, and no device */
  n_devices = 0;
}

/* A grandchild leaves the process group, and is killed with it nevertheless. */
static void check_group(enum p2p_sandbox_level level, uid_t user) {
  int watched[2];
  char byte;
  CHECK(pipe(watched) == 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(watched[1], 4);
    enter(level, user, false);
    if (fork() == 0) {
      setsid();
      setpgid(0, 0);
      if (write(4, "x", 1) != 1) _exit(1);
    }
    for (;;) pause();
  }
  close(watched[1]);
  CHECK(read(watched[0], &byte, 1) == 1);
  CHECK(kill(-child, SIGKILL) == 0);
  struct pollfd end = {.fd = watched[0], .events = POLLIN};
  CHECK(poll(&end, 1, 10000) == 1 && read(watched[0], &byte, 1) == 0);
  close(watched[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static bool end_by_signal(void) { return raise(SIGSEGV) != 0; }
static bool end_by_kill(void) { return kill(getpid(), SIGKILL) != 0; }
static bool end_with_seven(void) { _exit(7); }

static void check_ends(enum p2p_sandbox_level level, uid_t user) {
  int status = run_in(level, user, false, end_with_seven);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  signal(SIGSEGV, SIG_DFL); /* instead of the sanitizer's handler */
  status = run_in(level, user, false, end_by_signal);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  status = run_in(level, user, false, end_by_kill);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void make_file(const char *path, mode_t mode, uid_t user) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  CHECK(fd >= 0 && write(fd, "text", 4) == 4 && fchmod(fd, mode) == 0 &&
        fchown(fd, user, user == 0 ? 0 : (gid_t)user) == 0);
  close(fd);
}

static int listen_at(int family, int type, const void *address, socklen_t length) {
  int fd = socket(family, type | SOCK_CLOEXEC, 0);
  int high = fcntl(fd, F_DUPFD_CLOEXEC, 100); /* a sandbox keeps 0 to 4 */
  close(fd);
  fd = high;
  CHECK(fd >= 0 && bind(fd, address, length) == 0);
  if (type == SOCK_STREAM) CHECK(listen(fd, 8) == 0);
  return fd;
}

static pid_t start_process(uid_t user) {
  signal(SIGUSR1, on_signal);
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    become(user);
    for (;;) pause();
  }
  setpgid(child, child);
  return child;
}

/* A process and files of `user`, who could do it all without a sandbox. */
static void open_outside(uid_t user) {
  char path[128];
  signals = mmap(NULL, sizeof *signals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(signals != MAP_FAILED);
  outside.pid = start_process(user);
  snprintf(outside.folder, sizeof outside.folder, "/tmp/p2p-sandbox-XXXXXX");
  CHECK(mkdtemp(outside.folder) != NULL && chown(outside.folder, user, (gid_t)-1) == 0);
  const char *folders[] = {"secret", "public", "work"};
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", outside.folder, folders[i]);
    CHECK(mkdir(path, 0700) == 0 && chown(path, user, (gid_t)-1) == 0);
  }
  snprintf(outside.work, sizeof outside.work, "%s/work", outside.folder);
  snprintf(outside.key, sizeof outside.key, "%s/secret/key", outside.folder);
  snprintf(outside.data, sizeof outside.data, "%s/public/data", outside.folder);
  snprintf(outside.socket, sizeof outside.socket, "%s/secret/socket", outside.folder);
  snprintf(outside.datagrams, sizeof outside.datagrams, "%s/secret/datagrams", outside.folder);
  make_file(outside.key, 0600, user);
  make_file(outside.data, 0600, user);
  struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof tcp;
  outside.stream = listen_at(AF_INET, SOCK_STREAM, &tcp, sizeof tcp);
  CHECK(getsockname(outside.stream, (struct sockaddr *)&tcp, &length) == 0);
  outside.tcp = tcp.sin_port;
  struct sockaddr_un address = abstract_address();
  outside.abstract = listen_at(AF_UNIX, SOCK_STREAM, &address, sizeof address);
  address = unix_address(outside.socket);
  outside.unix_stream = listen_at(AF_UNIX, SOCK_STREAM, &address, sizeof address);
  address = unix_address(outside.datagrams);
  outside.unix_datagrams = listen_at(AF_UNIX, SOCK_DGRAM, &address, sizeof address);
  CHECK(chown(outside.socket, user, (gid_t)-1) == 0 &&
        chown(outside.datagrams, user, (gid_t)-1) == 0);
}

static void close_outside(void) {
  close(outside.stream);
  close(outside.abstract);
  close(outside.unix_stream);
  close(outside.unix_datagrams);
  kill(outside.pid, SIGKILL);
  waitpid(outside.pid, NULL, 0);
  pid_t child = fork();
  if (child == 0) _exit(execl("/bin/rm", "rm", "-rf", outside.folder, NULL));
  waitpid(child, NULL, 0);
}

static void check_all(enum p2p_sandbox_level level, uid_t user) {
  open_outside(user);
  if (is_offered(level, user)) {
    check_attempts(level, user);
    check_devices(level, user);
    check_group(level, user);
    check_ends(level, user);
  } else {
    printf("units sandbox: this machine does not offer level %d\n", (int)level);
  }
  close_outside();
}

static void check_users(enum p2p_sandbox_level level) {
  check_all(level, getuid());
  if (getuid() == 0) check_all(level, OTHER_USER);
}

TEST(landlock_stops_attempts_to_escape) { check_users(P2P_SANDBOX_LANDLOCK); }
TEST(namespaces_stop_attempts_to_escape) { check_users(P2P_SANDBOX_NAMESPACES); }
/* What the machine refuses anyway would prove nothing. Only attempts that do no harm. */
TEST(attempts_succeed_without_a_sandbox) {
  bool (*const harmless[])(void) = {
      read_file,    read_by_link,     list_folder,  change_mode, watch_folder,    connect_tcp,
      connect_unix, connect_abstract, connect_pair, read_memory, read_proc,       limit_process,
      own_signals,  share_memory,     use_memfd,    make_setuid, schedule_process};
  open_outside(getuid());
  for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
    bool succeeded = harmless[i]();
    if (!succeeded) fprintf(stderr, "attempt %d fails without a sandbox, too\n", (int)i);
    CHECK(succeeded);
  }
  (void)signal_process();
  struct timespec moment = {.tv_nsec = 1000000};
  for (int i = 0; i < 10000 && *signals == 0; i++) nanosleep(&moment, NULL);
  CHECK(*signals > 0);
  close_outside();
}

UNIT_MAIN("sandbox", UNIT(attempts_succeed_without_a_sandbox),
          UNIT(landlock_stops_attempts_to_escape), UNIT(namespaces_stop_attempts_to_escape))
#else
TEST(it_is_an_error_elsewhere) {
  struct p2p_err err;
  const struct p2p_sandbox sandbox = {.net = false};
  CHECK(p2p_sandbox_enter(&sandbox, &err) == P2P_ERR_SYSTEM);
}

UNIT_MAIN("sandbox", UNIT(it_is_an_error_elsewhere))
#endif
