/* Attempts on processes of the lender: their memory, descriptors, signals and limits; and processes
 * that outlive the future. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define LENDER ((pid_t)fact_number("PID"))

static int open_process(pid_t pid, const char *name, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  return open(path, flags | O_CLOEXEC);
}

static void read_memory(void) {
  char text[128] = "";
  int memory = open_process(LENDER, "mem", O_RDONLY);
  if (pread(memory, text, sizeof text - 1, fact_number("MEMORY")) > 0) printf("%s", text);
}

static long address_of_word(int which) { return fact_number("WORDS") + which * WORD_SIZE; }

static void write_memory(void) {
  int memory = open_process(LENDER, "mem", O_RDWR);
  (void)!pwrite(memory, "by_mem", 7, address_of_word(WORD_BY_MEM));
}

static void trace_process(void) {
  if (ptrace(PTRACE_ATTACH, LENDER, NULL, NULL) != 0) return;
  waitpid(LENDER, NULL, __WALL);
  long words[16];
  for (long i = 0; i < 16; i++)
    words[i] =
        ptrace(PTRACE_PEEKDATA, LENDER, fact_number("MEMORY") + i * (long)sizeof words[0], NULL);
  show(words, sizeof words);
  ptrace(PTRACE_DETACH, LENDER, NULL, NULL);
}

static void read_vm(void) {
  char text[128] = "";
  struct iovec to = {text, sizeof text - 1},
               from = {(void *)fact_number("MEMORY"), sizeof text - 1};
  if (process_vm_readv(LENDER, &to, 1, &from, 1, 0) > 0) printf("%s", text);
}

static void write_vm(void) {
  char text[] = "by_vm";
  struct iovec from = {text, sizeof text}, to = {(void *)address_of_word(WORD_BY_VM), sizeof text};
  (void)!process_vm_writev(LENDER, &from, 1, &to, 1, 0);
}

static void take_descriptor(void) {
  long process = syscall(434 /* pidfd_open */, LENDER, 0);
  char text[128] = "";
  long fd = syscall(438 /* pidfd_getfd */, process, fact_number("DESCRIPTOR"), 0);
  if (fd >= 0 && pread((int)fd, text, sizeof text - 1, 0) > 0) printf("%s", text);
}

/* The environment of the supervisor as it is in its memory, of which /proc/PID/environ is only one
 * way. */
static void read_stack(void) {
  char line[256];
  unsigned long from, to;
  FILE *maps = fdopen(open_process((pid_t)fact_number("SUPERVISOR"), "maps", O_RDONLY), "r");
  int memory = open_process((pid_t)fact_number("SUPERVISOR"), "mem", O_RDONLY);
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    if (strstr(line, "[stack]") == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2) continue;
    char *stack = malloc(to - from);
    ssize_t length = stack == NULL ? 0 : pread(memory, stack, to - from, (off_t)from);
    char *found = length <= 0 ? NULL : memmem(stack, (size_t)length, "AWS_SECRET_ACCESS_KEY=", 22);
    if (found != NULL) printf("%.100s", found);
  }
}

/* Its own ancestors, as far as it sees them. */
static void read_parents(void) {
  for (pid_t pid = getppid(); pid > 0;) {
    char text[65536];
    int parent = 0;
    int environment = open_process(pid, "environ", O_RDONLY);
    ssize_t length = read(environment, text, sizeof text);
    if (length > 0) show(text, length);
    int status = open_process(pid, "status", O_RDONLY);
    length = read(status, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    const char *line = strstr(text, "PPid:");
    if (line != NULL) sscanf(line, "PPid: %d", &parent);
    pid = parent;
  }
}

/* ---- signals: each way has a signal of its own ---- */

static void signal_process(void) { kill(LENDER, SIGRTMIN + BY_KILL); }
static void signal_group(void) { kill(-LENDER, SIGRTMIN + BY_GROUP); }
static void signal_thread(void) {
  syscall(SYS_tgkill, LENDER, LENDER, SIGRTMIN + BY_THREAD);
  syscall(SYS_tkill, LENDER, SIGRTMIN + BY_TKILL);
}
static void signal_queue(void) {
  siginfo_t info = {.si_code = SI_QUEUE};
  syscall(SYS_rt_sigqueueinfo, LENDER, SIGRTMIN + BY_QUEUE, &info);
}
static void signal_pidfd(void) {
  syscall(424 /* pidfd_send_signal */, syscall(434, LENDER, 0), SIGRTMIN + BY_PIDFD, NULL, 0);
}
static void signal_by_file(void) { /* "this socket is readable" */
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return;
  fcntl(pair[0], F_SETOWN, LENDER);
  fcntl(pair[0], F_SETSIG, SIGRTMIN + BY_FILE);
  fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK);
  (void)!write(pair[1], "x", 1);
}
static void end_supervisor(void) {
  kill((pid_t)fact_number("SUPERVISOR"), SIGTERM);
  syscall(SYS_tkill, fact_number("SUPERVISOR"), SIGTERM);
}
static void kill_sibling(void) {
  kill((pid_t)fact_number("SIBLING"), SIGKILL);
  syscall(SYS_tkill, fact_number("SIBLING"), SIGKILL);
}

/* ---- what the kernel lets an account do to its other processes ---- */

static void limit_process(void) {
  struct rlimit limit = {7, 7};
  prlimit(LENDER, RLIMIT_SIGPENDING, &limit, NULL);
}
static void slow_process(void) {
  setpriority(PRIO_PROCESS, (id_t)LENDER, 19);
  setpriority(PRIO_PGRP, (id_t)LENDER, 19);
}
static void pin_process(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(LENDER, sizeof set, &set);
}
static void schedule_process(void) {
  const struct sched_param parameters = {0};
  sched_setscheduler(LENDER, SCHED_BATCH, &parameters);
}
/* ---- processes that are to outlive the future. They end by themselves after a minute. ---- */

static void live_on(void) {
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 64; fd++)
    if (fd != null) close(fd);
  sleep_ms(60000);
  _exit(0);
}
static void daemon_session(void) {
  if (fork() > 0) return;
  setsid();
  live_on();
}
static void daemon_twice(void) {
  if (fork() > 0) return;
  setsid();
  if (fork() > 0) _exit(0);
  setsid();
  signal(SIGHUP, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  live_on();
}
static void daemon_group(void) {
  if (fork() > 0) return;
  setpgid(0, 0);
  live_on();
}
static void daemon_other_group(
    void) { /* that of a process of the lender, if it is in this session */
  if (fork() > 0) return;
  pid_t leader = fork();
  if (leader == 0) live_on();
  setpgid(leader, leader);
  setpgid(0, leader);
  live_on();
}

static const struct attempt on_processes[] = {
    ATTEMPT(read_memory),     ATTEMPT(write_memory),     ATTEMPT(trace_process),
    ATTEMPT(read_vm),         ATTEMPT(write_vm),         ATTEMPT(read_stack),
    ATTEMPT(take_descriptor), ATTEMPT(read_parents),     ATTEMPT(signal_process),
    ATTEMPT(signal_group),    ATTEMPT(signal_thread),    ATTEMPT(signal_queue),
    ATTEMPT(signal_pidfd),    ATTEMPT(kill_sibling),     ATTEMPT(signal_by_file),
    ATTEMPT(end_supervisor),  ATTEMPT(limit_process),    ATTEMPT(slow_process),
    ATTEMPT(pin_process),     ATTEMPT(schedule_process), ATTEMPT(daemon_twice),
    ATTEMPT(daemon_session),  ATTEMPT(daemon_group),     ATTEMPT(daemon_other_group)};
