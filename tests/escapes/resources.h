/* Attempts to take more of the machine than the lender gives: processes, memory, descriptors, disk.
 * All are bounded. */
#include <sched.h>

#define MANY 4500          /* processes; a sandbox allows 4,096 */
#define CHILDREN 3         /* which take memory together */
#define DESCRIPTORS 6000   /* a sandbox allows 4,096 */
#define ON_DISK (1L << 30) /* bytes */
#define MUCH much()

/* Bytes: more than the worker allows a process. */
static long much(void) {
  unsigned long limit[2] = {~0UL, 0};
  syscall(SYS_prlimit64, 0, 2 /* RLIMIT_DATA */, NULL, limit);
  return limit[0] == ~0UL ? 64L << 20 : (long)limit[0] + (8L << 20);
}

static int wait_for_release(void *arg) {
  (void)arg;
  pause();
  return 0;
}

/* They share memory, so that each costs little. */
static void fork_many(void) {
  const size_t stack = 8192;
  char *stacks = mmap(NULL, MANY * stack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  static pid_t started[MANY];
  int n = 0;
  for (; stacks != MAP_FAILED && n < MANY; n++)
    if ((started[n] = clone(wait_for_release, stacks + (size_t)(n + 1) * stack, CLONE_VM | SIGCHLD,
                            NULL)) < 0)
      break;
  hold();
  for (int i = 0; i < n; i++) kill(started[i], SIGKILL);
}

static bool touch(void *memory, long size) {
  if (memory == MAP_FAILED) return false;
  memset(memory, 1, (size_t)size);
  return true;
}

static void *map(int flags, int fd, long size) {
  return mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, flags, fd, 0);
}

/* The most memory that a process had is seen from outside when it has given it back. */
static void take(int flags, int fd) {
  void *memory = map(flags, fd, MUCH);
  if (touch(memory, MUCH)) munmap(memory, (size_t)MUCH);
  if (fd >= 0) (void)!ftruncate(fd, 0);
  hold();
}
static void memory_private(void) { take(MAP_PRIVATE | MAP_ANONYMOUS, -1); }
static void memory_shared(void) { take(MAP_SHARED | MAP_ANONYMOUS, -1); }
static void memory_memfd(void) {
  int fd = (int)syscall(SYS_memfd_create, "much", 0);
  if (fd < 0 || ftruncate(fd, MUCH) != 0)
    hold();
  else
    take(MAP_SHARED, fd);
}
static void memory_file(
    void) { /* in a file system in memory; at the end of its space, the child dies */
  const char *path = path_in("/dev/shm", fact("MARK"));
  int pipes[2], fd = open(path, O_RDWR | O_CREAT, 0600);
  char byte;
  unlink(path);
  if (fd < 0 || ftruncate(fd, MUCH) != 0 || pipe(pipes) != 0) {
    hold();
    return;
  }
  if (fork() == 0) {
    touch(map(MAP_SHARED, fd, MUCH), MUCH);
    (void)!ftruncate(fd, 0);
    (void)!write(pipes[1], "x", 1);
    while (!is_released()) sleep_ms(20);
    _exit(0);
  }
  close(pipes[1]);
  (void)!read(pipes[0], &byte, 1);
  hold();
}
static void memory_children(void) {
  int pipes[2];
  if (pipe(pipes) != 0) return;
  for (int i = 0; i < CHILDREN; i++)
    if (fork() == 0) {
      touch(map(MAP_PRIVATE | MAP_ANONYMOUS, -1, MUCH / CHILDREN), MUCH / CHILDREN);
      (void)!write(pipes[1], "x", 1);
      pause();
    }
  close(pipes[1]);
  char byte;
  for (int i = 0; i < CHILDREN; i++) (void)!read(pipes[0], &byte, 1);
  hold();
}

static void many_descriptors(void) {
  struct {
    unsigned long now, most;
  } limit;
  if (syscall(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE */, NULL, &limit) == 0) {
    limit.now = limit.most;
    syscall(SYS_prlimit64, 0, 7, &limit, NULL);
  }
  int last = 1;
  for (int i = 0, fd = 0; i < DESCRIPTORS && (fd = dup(1)) >= 0; i++) last = fd;
  close(last); /* for what hold() opens */
  hold();
}

static void fill_disk(void) {
  int fd = open("large", O_RDWR | O_CREAT, 0600);
  if (posix_fallocate(fd, 0, ON_DISK) != 0) (void)!ftruncate(fd, 0);
  hold();
  unlink("large");
}

static const struct attempt on_resources[] = {ATTEMPT(fork_many),        ATTEMPT(memory_private),
                                              ATTEMPT(memory_shared),    ATTEMPT(memory_memfd),
                                              ATTEMPT(memory_file),      ATTEMPT(memory_children),
                                              ATTEMPT(many_descriptors), ATTEMPT(fill_disk)};
