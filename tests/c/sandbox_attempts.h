/* What a program may try in a sandbox: attempts to leave it, and ordinary work. Linux. */
#ifndef P2P_TESTS_SANDBOX_ATTEMPTS_H
#define P2P_TESTS_SANDBOX_ATTEMPTS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
  pid_t pid;       /* of a process of the user */
  char folder[64]; /* has: secret/key, public/data, work */
  char key[96], data[96], work[96], socket[96], datagrams[96];
  in_port_t tcp; /* network byte order */
  int stream, abstract, unix_stream, unix_datagrams;
  char canary[16];
} outside;

static volatile int *signals; /* that the process has got; shared with it */
static void on_signal(int number) {
  (void)number;
  ++*signals;
}

/* ---- attempts: true if it has succeeded. They run in the sandbox. ---- */

static bool can_open(const char *path, int flags) {
  int fd = open(path, flags, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static bool of_process(const char *name, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)outside.pid, name);
  char byte;
  int fd = open(path, flags);
  bool did = fd >= 0 && read(fd, &byte, 1) >= 0;
  if (fd >= 0) close(fd);
  return did;
}

static bool read_file(void) { return can_open(outside.key, O_RDONLY); }
static bool read_by_link(void) {
  char link_[128];
  snprintf(link_, sizeof link_, "%s/link", outside.work);
  unlink(link_);
  return symlink(outside.key, link_) == 0 && can_open(link_, O_RDONLY);
}
static bool move_file(void) {
  char to[128];
  snprintf(to, sizeof to, "%s/key", outside.work);
  return link(outside.key, to) == 0 || rename(outside.key, to) == 0;
}
static bool list_folder(void) {
  char path[96];
  snprintf(path, sizeof path, "%s/secret", outside.folder);
  return can_open(path, O_RDONLY | O_DIRECTORY) || can_open("/", O_RDONLY | O_DIRECTORY)
             ? access(path, F_OK) == 0
             : false;
}
static bool write_file(void) {
  return can_open(outside.key, O_WRONLY) || can_open(outside.data, O_WRONLY);
}
static bool create_file(void) {
  char path[96];
  snprintf(path, sizeof path, "%s/public/new", outside.folder);
  return can_open(path, O_WRONLY | O_CREAT) || mkdir(path, 0700) == 0;
}
static bool truncate_file(void) {
  return can_open(outside.data, O_RDONLY | O_TRUNC) || can_open(outside.key, O_ACCMODE) ||
         can_open(outside.key, O_ACCMODE | O_TRUNC) || truncate(outside.data, 0) == 0 ||
         truncate(outside.key, 0) == 0;
}
static bool change_mode(void) {
  return chmod(outside.key, 0666) == 0 || fchmodat(AT_FDCWD, outside.data, 0666, 0) == 0;
}
static bool change_owner(void) { return chown(outside.key, getuid(), getgid()) == 0; }
static bool change_times(void) {
  return utimes(outside.key, NULL) == 0 || utimensat(AT_FDCWD, outside.data, NULL, 0) == 0;
}
static bool watch_folder(void) {
  int fd = inotify_init1(IN_CLOEXEC);
  return fd >= 0 && inotify_add_watch(fd, outside.key, IN_ALL_EVENTS) >= 0;
}
static bool write_to_kernel(void) {
  return can_open("/proc/sys/kernel/core_pattern", O_WRONLY) ||
         can_open("/proc/sysrq-trigger", O_WRONLY) || can_open("/proc/kcore", O_RDONLY);
}
/* A program of this account that whoever can reach it could run. */
static bool make_setuid(void) {
  char path[128];
  struct stat status = {0};
  snprintf(path, sizeof path, "%s/setuid", outside.work);
  umask(0);
  int fd = open(path, O_WRONLY | O_CREAT, 04755);
  if (fd < 0) fd = open(path, O_WRONLY | O_CREAT, 0755);
  fchmod(fd, 04755);
  chmod(path, 06755);
  fchmodat(AT_FDCWD, path, 02755, 0);
  syscall(452 /* fchmodat2 */, AT_FDCWD, path, 04755, 0);
  bool did = fstat(fd, &status) != 0 || (status.st_mode & (S_ISUID | S_ISGID)) != 0;
  unlink(path);
  did = did || open(outside.work, O_WRONLY | O_TMPFILE, 04755) >= 0 ||
        syscall(SYS_openat, AT_FDCWD, outside.work, O_WRONLY | O_TMPFILE, 02755) >= 0;
  return did || mknod(path, S_IFREG | 04755, 0) == 0;
}
static bool make_device(void) {
  char path[128];
  snprintf(path, sizeof path, "%s/device", outside.work);
  return mknod(path, S_IFBLK | 0600, makedev(254, 0)) == 0;
}

static bool connect_to(int family, const void *address, socklen_t length) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd >= 0 && connect(fd, address, length) == 0;
}
static bool connect_tcp(void) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = outside.tcp, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return connect_to(AF_INET, &address, sizeof address);
}
static struct sockaddr_un unix_address(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  return address;
}
static bool connect_unix(void) {
  const struct sockaddr_un address = unix_address(outside.socket);
  return connect_to(AF_UNIX, &address, sizeof address);
}
static struct sockaddr_un abstract_address(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "p2p-test-%d", (int)outside.pid);
  return address;
}
static bool connect_abstract(void) {
  const struct sockaddr_un address = abstract_address();
  return connect_to(AF_UNIX, &address, sizeof address);
}
static bool connect_pair(void) {
  const struct sockaddr_un address = unix_address(outside.datagrams);
  int pair[2];
  return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 &&
         connect(pair[0], (const struct sockaddr *)&address, sizeof address) == 0;
}
static bool open_other_sockets(void) {
  return socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || socket(AF_PACKET, SOCK_RAW, 0) >= 0 ||
         socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0 ||
         socket(40 /* AF_VSOCK */, SOCK_STREAM, 0) >= 0;
}

static bool trace(void) { return ptrace(PTRACE_ATTACH, outside.pid, NULL, NULL) == 0; }
static bool read_memory(void) {
  char copy[sizeof outside.canary];
  struct iovec to = {copy, sizeof copy}, from = {outside.canary, sizeof copy};
  return process_vm_readv(outside.pid, &to, 1, &from, 1, 0) > 0;
}
static bool can_open_memory(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", (int)outside.pid);
  return can_open(path, O_RDWR);
}
static bool read_proc(void) {
  return of_process("environ", O_RDONLY) || of_process("maps", O_RDONLY) ||
         of_process("root/etc/passwd", O_RDONLY) || of_process("fd/0", O_RDONLY) ||
         can_open_memory();
}
static bool take_descriptor(void) {
  long fd = syscall(434, outside.pid, 0);
  return fd >= 0 && syscall(438, fd, outside.stream, 0) >= 0;
}
static bool signal_process(void) {
  kill(outside.pid, SIGUSR1);
  kill(-getpgid(outside.pid), SIGUSR1);
  syscall(SYS_tgkill, outside.pid, outside.pid, SIGUSR1);
  syscall(SYS_tkill, outside.pid, SIGUSR1);
  siginfo_t info = {.si_code = SI_QUEUE};
  syscall(SYS_rt_sigqueueinfo, outside.pid, SIGUSR1, &info);
  long fd = syscall(434, outside.pid, 0);
  if (fd >= 0) syscall(424, fd, SIGUSR1, NULL, 0);
  return false; /* the process has counted them */
}
static bool limit_process(void) {
  struct rlimit limit = {1, 1};
  return prlimit(outside.pid, RLIMIT_SIGPENDING, NULL, &limit) == 0;
}
static bool schedule_process(void) {
  const struct sched_param parameters = {0};
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  return setpriority(PRIO_PROCESS, (id_t)outside.pid, 19) == 0 ||
         setpriority(PRIO_PGRP, (id_t)outside.pid, 19) == 0 ||
         sched_setaffinity(outside.pid, sizeof set, &set) == 0 ||
         sched_setscheduler(outside.pid, SCHED_BATCH, &parameters) == 0 ||
         syscall(SYS_ioprio_set, 1 /* a process */, outside.pid, 3 << 13 /* idle */) == 0;
}
static bool own_signals(void) {
  int ends[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 &&
         fcntl(ends[0], F_SETOWN, outside.pid) == 0;
}

static bool new_namespace(void) {
  return unshare(CLONE_NEWUSER) == 0 || unshare(CLONE_NEWNS) == 0 ||
         syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0 ||
         of_process("ns/net", O_RDONLY);
}
static bool mount_folder(void) {
  return mount("none", outside.work, "tmpfs", 0, NULL) == 0 ||
         syscall(428, AT_FDCWD, "/", 1) >= 0 || syscall(430, "tmpfs", 0) >= 0 ||
         chroot(outside.work) == 0;
}
static bool use_bpf(void) {
  char attributes[128] = {0};
  return syscall(SYS_bpf, 0, attributes, sizeof attributes) >= 0 || errno != EPERM;
}
static bool use_io_uring(void) {
  char parameters[256] = {0};
  return syscall(425, 1, parameters) >= 0 || errno != ENOSYS;
}
static bool use_keys(void) { return syscall(SYS_keyctl, 0, -3, 0) >= 0 || errno != EPERM; }
static bool use_memfd(void) { return syscall(SYS_memfd_create, "x", 0) >= 0; }
static bool use_perf(void) {
  char attributes[128] = {0};
  return syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0) >= 0 || errno != EPERM;
}
static bool share_memory(void) {
  int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  return id >= 0 && shmctl(id, IPC_RMID, NULL) == 0;
}
static bool type_into_terminal(void) { return ioctl(0, TIOCSTI, "x") == 0 || errno != EPERM; }
static bool use_newest_calls(void) {
  return syscall(463, AT_FDCWD, outside.key, 0, "user.x", NULL, 0) >= 0 || errno != ENOSYS;
}
static bool use_other_numbers(void) {
#ifdef __x86_64__
  return syscall(0x40000000 + SYS_getpid) >= 0;
#else
  return false;
#endif
}
static bool use_32_bit_calls(void) {
#ifdef __x86_64__
  long number = 20;         /* getpid */
  signal(SIGSEGV, SIG_DFL); /* instead of the sanitizer's handler */
  __asm__ volatile("int $0x80" : "+a"(number) : : "memory");
  return number > 0;
#else
  return false;
#endif
}
static bool keep_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{0}};
  if (syscall(SYS_capget, &header, data) != 0) return true;
  return data[0].effective != 0 || data[0].permitted != 0 || data[1].permitted != 0 ||
         prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}
static bool regain_capabilities(void) { /* by another program of user 0 */
  const char *script = "grep -q '^CapEff:.*[1-9a-f]' /proc/self/status";
  pid_t child = fork();
  if (child == 0) _exit(execl("/bin/sh", "sh", "-c", script, NULL));
  int status = 1 << 8;
  waitpid(child, &status, 0);
  return status == 0;
}
static bool keep_descriptors(void) { return fcntl(outside.stream, F_GETFD) >= 0; }

#define ATTEMPT(name) \
  { #name, name }
static const struct attempt {
  const char *name;
  bool (*run)(void);
} attempts[] = {ATTEMPT(read_file),           ATTEMPT(read_by_link),
                ATTEMPT(move_file),           ATTEMPT(list_folder),
                ATTEMPT(write_file),          ATTEMPT(create_file),
                ATTEMPT(truncate_file),       ATTEMPT(change_mode),
                ATTEMPT(change_owner),        ATTEMPT(change_times),
                ATTEMPT(watch_folder),        ATTEMPT(write_to_kernel),
                ATTEMPT(make_setuid),         ATTEMPT(make_device),
                ATTEMPT(connect_tcp),         ATTEMPT(connect_unix),
                ATTEMPT(connect_abstract),    ATTEMPT(connect_pair),
                ATTEMPT(open_other_sockets),  ATTEMPT(trace),
                ATTEMPT(read_memory),         ATTEMPT(read_proc),
                ATTEMPT(take_descriptor),     ATTEMPT(signal_process),
                ATTEMPT(limit_process),       ATTEMPT(schedule_process),
                ATTEMPT(own_signals),         ATTEMPT(new_namespace),
                ATTEMPT(mount_folder),        ATTEMPT(use_bpf),
                ATTEMPT(use_io_uring),        ATTEMPT(use_keys),
                ATTEMPT(use_memfd),           ATTEMPT(use_perf),
                ATTEMPT(share_memory),        ATTEMPT(type_into_terminal),
                ATTEMPT(use_newest_calls),    ATTEMPT(use_other_numbers),
                ATTEMPT(use_32_bit_calls),    ATTEMPT(keep_capabilities),
                ATTEMPT(regain_capabilities), ATTEMPT(keep_descriptors)};

/* Stopped by namespaces only. */
static bool find_file(void) { return access(outside.key, F_OK) == 0; }
static bool find_process(void) { return of_process("stat", O_RDONLY); }
static bool find_socket(void) {
  char port[16], line[256];
  bool found = false;
  snprintf(port, sizeof port, ":%04X", (unsigned)ntohs(outside.tcp));
  FILE *sockets = fopen("/proc/net/tcp", "re");
  while (sockets != NULL && fgets(line, sizeof line, sockets) != NULL)
    if (strstr(line, port) != NULL) found = true;
  if (sockets != NULL) fclose(sockets);
  return found;
}

/* ---- ordinary work: true if it has succeeded ---- */

static bool use_files(void) {
  char path[128], to[160];
  snprintf(path, sizeof path, "%s/a", outside.work);
  snprintf(to, sizeof to, "%s/b/a", outside.work);
  bool did = can_open(path, O_RDWR | O_CREAT);
  snprintf(path, sizeof path, "%s/b", outside.work);
  did = did && mkdir(path, 0700) == 0;
  snprintf(path, sizeof path, "%s/a", outside.work);
  did = did && rename(path, to) == 0 && truncate(to, 10) == 0 && unlink(to) == 0;
  snprintf(path, sizeof path, "%s/b", outside.work);
  return did && rmdir(path) == 0 && can_open(outside.data, O_RDONLY) &&
         syscall(SYS_openat, AT_FDCWD, outside.data, O_RDONLY, 06000 /* no mode */) >= 0 &&
         can_open("/dev/null", O_RDWR) && can_open("/dev/urandom", O_RDONLY) &&
         can_open("/proc/self/status", O_RDONLY) && can_open("/proc/meminfo", O_RDONLY);
}
static bool run_program(void) {
  pid_t child = fork();
  if (child == 0)
    _exit(execl("/bin/sh", "sh", "-c", "echo x > /dev/null; (exit 7) | cat; kill -TERM $$", NULL));
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
         WTERMSIG(status) == SIGTERM;
}
static bool use_pair(void) {
  int ends[2];
  char byte;
  return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && write(ends[0], "x", 1) == 1 &&
         read(ends[1], &byte, 1) == 1;
}
static bool schedule_itself(void) {
  cpu_set_t set;
  int nice_ = getpriority(PRIO_PROCESS, 0);
  return setpriority(PRIO_PROCESS, 0, nice_) == 0 &&
         setpriority(PRIO_PROCESS, (id_t)getpid(), nice_) == 0 &&
         sched_getaffinity(0, sizeof set, &set) == 0 && sched_setaffinity(0, sizeof set, &set) == 0;
}
static bool leave_group(void) { return setsid() >= 0 || setpgid(0, 0) == 0; }
static const struct attempt hidden[] = {ATTEMPT(find_file), ATTEMPT(find_process),
                                        ATTEMPT(find_socket)};
static const struct attempt works[] = {ATTEMPT(use_files), ATTEMPT(run_program), ATTEMPT(use_pair),
                                       ATTEMPT(schedule_itself), ATTEMPT(leave_group)};

#endif
