/* A program of the lender, outside of the sandbox, as a shell, an agent or an editor would be. It
 * holds secrets and says what has reached it.
 *
 *   lender hold SECRET       holds secrets in memory, files, shared objects and sockets, and writes
 * a line to $P2P_ESCAPE_HOME/log for each thing that reached it; SECRET is that of its command line
 *   lender trace PID CALL    prints what the kernel answers when process PID makes the system call
 *   lender handle FILE       prints the handle of a file, for open_by_handle_at()
 *   lender attributes FILE   prints the first extended attribute of a file
 *   lender input TERMINAL    prints what was typed there and not yet read
 *   lender landlock          prints the version of the kernel's Landlock */
#include "fact.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/timerfd.h>
#include <sys/xattr.h>

enum { TCP4, TCP6, UDP4, UDP6, AGENT, PAIR, ABSTRACT, NETLINK, LISTENERS };
static const char *const names[LISTENERS] = {"tcp4",  "tcp6",      "udp4",     "udp6",
                                             "agent", "unix_pair", "abstract", "netlink"};

#define UNCHANGED "unchanged"

static struct {
  int sockets[LISTENERS], ports[LISTENERS];
  int log, clock, shared;
  char memory[128];
  volatile char words[WORDS][WORD_SIZE]; /* one for each way of writing: no attempt hides another */
} lender = {.words = {UNCHANGED, UNCHANGED}};

static void say(const char *what) { dprintf(lender.log, "%s\n", what); }

static void on_signal(int number) {
  char line[16] = "signal 00\n";
  line[7] = (char)('0' + (number - SIGRTMIN) / 10);
  line[8] = (char)('0' + (number - SIGRTMIN) % 10);
  (void)!write(lender.log, line, 10);
}

/* ---- sockets ---- */

static int open_socket(int which, int family, int type, const void *address, socklen_t length) {
  struct sockaddr_in6 bound = {0};
  socklen_t size = sizeof bound;
  int fd = socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, address, length) != 0) return -1;
  if (type == SOCK_STREAM && listen(fd, 16) != 0) return -1;
  if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
    lender.ports[which] = ntohs(bound.sin6_port); /* at the same place in both families */
  return lender.sockets[which] = fd;
}

static void open_sockets(const char *home) {
  const struct sockaddr_in four = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  for (int i = 0; i < LISTENERS; i++) lender.sockets[i] = -1;
  open_socket(TCP4, AF_INET, SOCK_STREAM, &four, sizeof four);
  open_socket(TCP6, AF_INET6, SOCK_STREAM, &six, sizeof six);
  open_socket(UDP4, AF_INET, SOCK_DGRAM, &four, sizeof four);
  open_socket(UDP6, AF_INET6, SOCK_DGRAM, &six, sizeof six);
  snprintf(path.sun_path, sizeof path.sun_path, "%s/agent", home);
  open_socket(AGENT, AF_UNIX, SOCK_STREAM, &path, sizeof path);
  snprintf(path.sun_path, sizeof path.sun_path, "%s/pair", home);
  open_socket(PAIR, AF_UNIX, SOCK_DGRAM, &path, sizeof path);
  memset(path.sun_path, 0, sizeof path.sun_path);
  snprintf(path.sun_path + 1, sizeof path.sun_path - 1, "%s", fact("TOKEN"));
  open_socket(ABSTRACT, AF_UNIX, SOCK_STREAM, &path, sizeof path);
  struct sockaddr_nl user = {.nl_family = AF_NETLINK, .nl_pid = (uint32_t)getpid()};
  lender.sockets[NETLINK] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
  if (bind(lender.sockets[NETLINK], (struct sockaddr *)&user, sizeof user) != 0)
    lender.sockets[NETLINK] = -1;
}

static void on_socket(int which) {
  char text[64] = "";
  bool is_stream = which == TCP4 || which == TCP6 || which == AGENT || which == ABSTRACT;
  int fd = is_stream ? accept(lender.sockets[which], NULL, NULL) : lender.sockets[which];
  if (fd < 0) return;
  if (is_stream && which == AGENT) dprintf(fd, "%s\n", fact("S_AGENT"));
  ssize_t length = recv(fd, text, sizeof text - 1, is_stream ? 0 : MSG_DONTWAIT);
  if (length > 0 && memmem(text, (size_t)length, "escaped", 7) != NULL) say(names[which]);
  if (is_stream) close(fd);
}

/* ---- secrets ---- */

static void write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  dprintf(fd, "%s\n", text);
  close(fd);
}

static void share(const char *home) {
  struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 128};
  mq_unlink(QUEUE);
  mqd_t queue = mq_open(QUEUE, O_RDWR | O_CREAT | O_CLOEXEC, 0600, &attributes);
  if (queue >= 0) mq_send(queue, fact("S_QUEUE"), strlen(fact("S_QUEUE")), 0);
  lender.shared = shmget(SHARED_KEY, 4096, IPC_CREAT | 0600);
  char *segment = lender.shared < 0 ? (char *)-1 : shmat(lender.shared, NULL, 0);
  if (segment != (char *)-1) snprintf(segment, 128, "%s", fact("S_SHARED"));
  long key =
      syscall(SYS_add_key, "user", KEY_NAME, fact("S_KEYRING"), strlen(fact("S_KEYRING")), -4);
  if (key > 0) syscall(SYS_keyctl, 5 /* KEYCTL_SETPERM */, key, 0x3f3f0000);
  write_file(path_in("/dev/shm", fact("TOKEN")), fact("S_SHM_FILE"));
  int kernel_log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (kernel_log >= 0) dprintf(kernel_log, "<6>%s\n", fact("S_KERNEL_LOG"));
  int fd = open(path_in(home, fact("S_MAPS")), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (ftruncate(fd, 4096) == 0) (void)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
}

static void unshare_all(void) {
  mq_unlink(QUEUE);
  if (lender.shared >= 0) shmctl(lender.shared, IPC_RMID, NULL);
  unlink(path_in("/dev/shm", fact("TOKEN")));
  long key = syscall(SYS_keyctl, 10 /* KEYCTL_SEARCH */, -4, "user", KEY_NAME, 0);
  if (key > 0) syscall(SYS_keyctl, 9 /* KEYCTL_UNLINK */, key, -4);
}

static void watch_clock(void) {
  const struct itimerspec never = {.it_value.tv_sec = 1L << 40};
  timerfd_settime(lender.clock, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

/* What it does ten times a second, for those who listen. */
static void be_active(const char *home) {
  static struct timespec last;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if ((now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000 < 100) return;
  last = now;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  to.sin_port = htons((uint16_t)lender.ports[UDP4]);
  sendto(lender.sockets[UDP4], fact("S_PACKET"), strlen(fact("S_PACKET")), 0,
         (struct sockaddr *)&to, sizeof to);
  char path[256];
  snprintf(path, sizeof path, "%s/watched/%s", home, fact("S_WATCH"));
  write_file(path, "");
  unlink(path);
  for (int i = 0; i < WORDS; i++) {
    char *word = (char *)lender.words[i];
    if (strcmp(word, UNCHANGED) == 0) continue;
    say(word); /* what was written into its memory */
    strcpy(word, UNCHANGED);
  }
}

static volatile sig_atomic_t is_over;
static void on_end(int number) {
  (void)number;
  is_over = 1;
}

static int hold(void) {
  const char *home = fact("HOME");
  lender.log = open(path_in(home, "log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  setpgid(0, 0);
  for (int i = 1; i < SIGNALS; i++) signal(SIGRTMIN + i, on_signal);
  signal(SIGTERM, on_end);
  signal(SIGPIPE, SIG_IGN);
  snprintf(lender.memory, sizeof lender.memory, "%s", fact("S_MEMORY"));
  int descriptor = open(path_in(home, "unnamed"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  unlink(path_in(home, "unnamed"));
  dprintf(descriptor, "%s\n", fact("S_DESCRIPTOR"));
  open_sockets(home);
  share(home);
  if (chdir(path_in(home, "cwd")) != 0) return 1;
  lender.clock = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  watch_clock();
  printf(REPORT "ready\n", (unsigned long)lender.memory, (unsigned long)lender.words, descriptor,
         lender.ports[TCP4], lender.ports[TCP6], lender.ports[UDP4], lender.ports[UDP6]);
  fflush(stdout);
  struct pollfd fds[LISTENERS + 1];
  for (int i = 0; i <= LISTENERS; i++)
    fds[i] =
        (struct pollfd){.fd = i < LISTENERS ? lender.sockets[i] : lender.clock, .events = POLLIN};
  while (!is_over) {
    int ready = poll(fds, LISTENERS + 1, 50);
    for (int i = 0; ready > 0 && i < LISTENERS; i++)
      if (fds[i].revents != 0) on_socket(i);
    uint64_t count;
    if (read(lender.clock, &count, sizeof count) < 0 && errno == ECANCELED) {
      say("clock");
      watch_clock();
    }
    be_active(home);
  }
  unshare_all();
  return 0;
}

/* ---- the other commands ---- */

static int trace(pid_t pid, unsigned long call) {
  int status = 0;
  if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) != 0) return 1;
  ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
  bool is_ours = false;
  for (int stops = 0; stops < 1000 && waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
       stops++) {
    struct __ptrace_syscall_info info = {0};
    if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
        ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0) {
      if (info.op == PTRACE_SYSCALL_INFO_ENTRY) is_ours = info.entry.nr == call;
      if (info.op == PTRACE_SYSCALL_INFO_EXIT && is_ours) {
        printf("%ld\n", (long)info.exit.rval);
        return 0;
      }
    }
    ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
  }
  return 1;
}

static int print_handle(const char *path) {
  union {
    struct file_handle handle;
    char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  } it = {.handle.handle_bytes = MAX_HANDLE_SZ};
  int mount;
  if (name_to_handle_at(AT_FDCWD, path, &it.handle, &mount, 0) != 0) return 1;
  printf("%d:", it.handle.handle_type);
  for (unsigned i = 0; i < it.handle.handle_bytes; i++) printf("%02x", it.handle.f_handle[i]);
  printf("\n");
  return 0;
}

static int print_input(const char *path) {
  char text[256];
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  for (ssize_t length; (length = read(fd, text, sizeof text)) > 0;)
    (void)!write(1, text, (size_t)length);
  return fd < 0;
}

static int print_attributes(const char *path) {
  char names_of[256] = "";
  if (listxattr(path, names_of, sizeof names_of) <= 0) return 1;
  return printf("%s\n", names_of) < 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "hold") == 0) return hold();
  if (argc == 4 && strcmp(argv[1], "trace") == 0)
    return trace((pid_t)strtol(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
  if (argc == 3 && strcmp(argv[1], "handle") == 0) return print_handle(argv[2]);
  if (argc == 3 && strcmp(argv[1], "attributes") == 0) return print_attributes(argv[2]);
  if (argc == 3 && strcmp(argv[1], "input") == 0) return print_input(argv[2]);
  if (argc == 2 && strcmp(argv[1], "landlock") == 0)
    return printf("%ld\n", syscall(444, NULL, 0, 1)) < 0;
  return 2;
}
