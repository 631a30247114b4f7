/* Attempts on the kernel: namespaces, mounts, rarely used parts, what all processes of an account
 * or of the machine share. Those that get a descriptor hold it, so that it is seen from outside. */
#include <mqueue.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/timex.h>

#include <poll.h>

static void new_users(void) {
  (void)!unshare(CLONE_NEWUSER);
  hold();
}
static void clone_users(void) {
  long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  hold();
  if (child == 0) _exit(0);
}
/* Mounts are allowed again in namespaces of one's own: the lender's home, where the rules do not
 * expect it. */
static void mount_home(void) {
  (void)!unshare(CLONE_NEWUSER | CLONE_NEWNS);
  if (mkdir("mount", 0700) != 0 || mount(fact("HOME"), "mount", NULL, MS_BIND, NULL) != 0) return;
  print_file(open("mount/key_by_mount", O_RDONLY));
  umount2("mount", MNT_DETACH);
}
static void enter_namespace(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)fact_number("PID"));
  if (setns(open(path, O_RDONLY), CLONE_NEWNS) != 0) return;
  print_file(open(path_in(fact("HOME"), "key_by_namespace"), O_RDONLY));
}
static void open_mount(void) {
  syscall(430 /* fsopen */, "tmpfs", 0);
  hold();
}

static void use_bpf(void) {
  const uint32_t attributes[32] = {2 /* an array */, 4, 4, 1};
  syscall(SYS_bpf, 0 /* BPF_MAP_CREATE */, attributes, sizeof attributes);
  hold();
}
static void use_perf(void) {
  uint64_t attributes[16] = {0};
  uint32_t *head = (uint32_t *)attributes;
  head[0] = 1; /* PERF_TYPE_SOFTWARE */
  head[1] = sizeof attributes;
  attributes[5] = (1 << 5) | (1 << 6); /* not the kernel, not the hypervisor */
  syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0);
  hold();
}
static void use_userfaultfd(void) {
  syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);
  hold();
}
static void use_fanotify(void) {
  fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);
  hold();
}
static void use_secret_memory(void) {
  syscall(447 /* memfd_secret */, 0);
  hold();
}

/* Until it has been seen from outside what the kernel answers. */
static void load_module(void) {
  while (!is_released()) {
    syscall(SYS_init_module, "no module", 9, "");
    sleep_ms(50);
  }
}
static void load_kernel(void) {
  while (!is_released()) {
    syscall(SYS_kexec_load, 0, 0, NULL, 0);
    sleep_ms(50);
  }
}

static void read_keyring(void) {
  char text[128] = "";
  long key = syscall(SYS_keyctl, 10 /* KEYCTL_SEARCH */, -4, "user", KEY_NAME, 0);
  if (key > 0 && syscall(SYS_keyctl, 11 /* KEYCTL_READ */, key, text, sizeof text - 1) > 0)
    printf("%s", text);
}
static void read_shared_memory(void) {
  int id = shmget(SHARED_KEY, 0, 0);
  char *segment = id < 0 ? (char *)-1 : shmat(id, NULL, 0);
  if (segment != (char *)-1) printf("%.127s", segment);
}
static void read_queue(void) {
  char text[128] = "";
  mqd_t queue = mq_open(QUEUE, O_RDONLY | O_NONBLOCK);
  if (queue >= 0 && mq_receive(queue, text, sizeof text, NULL) > 0) printf("%s", text);
}
static void read_kernel_log(void) {
  static char text[1 << 20];
  long length = syscall(SYS_syslog, 3 /* read all */, text, sizeof text);
  for (char *at = text;
       length > 0 && (at = memmem(at, (size_t)(text + length - at), "kernel-log-", 11)) != NULL;
       at++)
    printf("%.64s\n", at);
}
static void watch_folder(void) {
  char events[4096];
  int fd = inotify_init1(IN_CLOEXEC);
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  if (inotify_add_watch(fd, path_in(fact("HOME"), "watched"), IN_CREATE) < 0) return;
  if (poll(&readable, 1, 1000) <= 0) return;
  ssize_t length = read(fd, events, sizeof events);
  if (length > 0) show(events, length);
}

static void set_clock(void) { /* to what it is */
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  clock_settime(CLOCK_REALTIME, &now);
}
static void set_host_name(void) {
  (void)!sethostname(fact("TOKEN"), strlen(fact("TOKEN")));
  hold();
}

static const struct attempt on_kernel[] = {
    ATTEMPT(new_users),         ATTEMPT(clone_users),        ATTEMPT(mount_home),
    ATTEMPT(enter_namespace),   ATTEMPT(open_mount),         ATTEMPT(use_bpf),
    ATTEMPT(use_perf),          ATTEMPT(use_userfaultfd),    ATTEMPT(use_fanotify),
    ATTEMPT(use_secret_memory), ATTEMPT(load_module),        ATTEMPT(load_kernel),
    ATTEMPT(read_keyring),      ATTEMPT(read_shared_memory), ATTEMPT(read_queue),
    ATTEMPT(read_kernel_log),   ATTEMPT(watch_folder),       ATTEMPT(set_clock),
    ATTEMPT(set_host_name)};
